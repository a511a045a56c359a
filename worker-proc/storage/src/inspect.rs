//! A namespace's folder, looked at from outside: what objects it has, and whether they are whole.
//!
//! For the command line, beside a running server or without one. Nothing is written and nothing is left behind: a file
//! that nobody has open is read as it is, without a log beside it; one that is open is read at one instant, as SQLite
//! does. Used by `portable` and by `boot::objects`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ipc::objects::{Content, Depth, Problem, StoredObject};

use super::error::{Error, Result, io as io_error};
use super::facets::FacetIndex;
use super::pitr;
use super::raw::{Access, Connection, ValueRef};
use super::schedule::{self, Scheduled};
use super::sync::{beside, log_path};

/// How long a read waits for another program's recovery of the same file.
const BUSY_TIMEOUT_MS: i32 = 5000;

pub(super) const METADATA: &str = "metadata.sqlite";

const RESTORE: &str = "Put the object back from an archive with `workerd objects import --overwrite`, or save what can be read \
                       with the sqlite3 program's .recover.";
const FOREIGN: &str = "Move it to the folder of the namespace that it was made in, whose name is that namespace's unique key.";
const ORPHAN: &str = "Put the object's other files back, or delete this one.";
const HISTORY: &str = "The object itself is not touched by this. At its next start the history is set aside and begun anew.";
const SCHEDULE: &str = "Put it back from a backup, or delete it: an object then gets its alarm back when it is next called.";

/// The objects of a namespace's folder, by id, as far as can be said without opening their files; and what is wrong with
/// the folder itself. `belongs` says whether an id is of this namespace.
pub fn survey(
    folder: &Path,
    belongs: &dyn Fn(&str) -> bool,
) -> Result<(Vec<StoredObject>, Vec<Problem>)> {
    let mut objects = BTreeMap::<String, (StoredObject, bool)>::new();
    let mut facets = Vec::new();
    let mut problems = Vec::new();
    for name in names(folder)? {
        let path = folder.join(&name);
        if let Some((id, facet)) = parse_name(&name).map(|(id, facet)| (id.to_owned(), facet)) {
            let (object, rooted) = objects.entry(id.clone()).or_default();
            // A file that a server deletes meanwhile has no length any more.
            let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
            object.bytes += length(&path) + length(&log_path(&path));
            match facet {
                Some(facet) => {
                    object.facets += 1;
                    facets.push((id, facet, name));
                }
                None => *rooted = true,
            }
        } else if name.strip_suffix("-wal").and_then(parse_name).is_some()
            && !folder.join(name.trim_end_matches("-wal")).exists()
        {
            problems.push(problem(
                &name,
                "the database that this log is of is not there",
                ORPHAN,
            ));
        }
    }
    match scheduled(folder) {
        Ok(alarms) => {
            for alarm in alarms {
                if !belongs(&alarm.id) {
                    let what = format!(
                        "it has an alarm of {}, which is no id of this namespace",
                        alarm.id
                    );
                    problems.push(problem(METADATA, what, FOREIGN));
                }
                if let Some((object, _)) = objects.get_mut(&alarm.id) {
                    (object.next_alarm_ms, object.name) = (Some(alarm.at_ms), alarm.name);
                }
            }
        }
        Err(error) => problems.push(problem(METADATA, error.message(), SCHEDULE)),
    }
    problems.extend(misplaced(&objects, belongs));
    for (id, facet, name) in facets {
        problems.extend(lost_facet(folder, &id, facet, &name));
    }
    let whole = objects
        .into_iter()
        .filter(|(_, (_, rooted))| *rooted)
        .map(|(id, (object, _))| StoredObject { id, ..object });
    Ok((whole.collect(), problems))
}

/// Files of objects that are not of this namespace, or have no object file of their own.
fn misplaced(
    objects: &BTreeMap<String, (StoredObject, bool)>,
    belongs: &dyn Fn(&str) -> bool,
) -> Vec<Problem> {
    let wrong = objects.iter().filter_map(|(id, (_, rooted))| {
        let (what, remedy) = match (belongs(id), rooted) {
            (true, true) => return None,
            (false, _) => ("no id of this namespace has these digits", FOREIGN),
            (true, false) => (
                "it is not there, and files of the object's facets are",
                ORPHAN,
            ),
        };
        Some(problem(&file_name(id), what, remedy))
    });
    wrong.collect()
}

/// What is wrong if the object's index does not know of a facet's file.
fn lost_facet(folder: &Path, id: &str, facet: u32, name: &str) -> Option<Problem> {
    match FacetIndex::count(folder, id) {
        Ok(count) if facet <= u32::from(count) => None,
        Ok(_) => {
            let what = "the object's index has no facet of this number";
            Some(problem(name, what, ORPHAN))
        }
        Err(error) => Some(problem(&format!("{id}.facets"), error.message(), RESTORE)),
    }
}

/// What is in an object's files, and what is wrong with them.
pub fn look_into(folder: &Path, id: &str, depth: Depth) -> Result<Content> {
    let mut content = Content::default();
    for path in files(folder, id)? {
        let name = name_of(&path);
        match look(&path, |connection| contents(connection, depth)) {
            Ok((keys, rows, wrong)) => {
                content.keys += keys;
                content.rows += rows;
                let wrong = wrong.into_iter().map(|what| problem(&name, what, RESTORE));
                content.problems.extend(wrong);
            }
            Err(error) => content
                .problems
                .push(problem(&name, error.message(), RESTORE)),
        }
        match pitr::look(&path, depth == Depth::Full) {
            Ok(None) => {}
            Ok(Some((span, wrong))) => {
                if parse_name(&name).is_some_and(|(_, facet)| facet.is_none()) {
                    content.history = span;
                }
                let of = |(file, what): (String, String)| problem(&file, what, HISTORY);
                content.problems.extend(wrong.into_iter().map(of));
            }
            Err(error) => content.problems.push(problem(
                &format!(".history of {name}"),
                error.to_string(),
                HISTORY,
            )),
        }
    }
    Ok(content)
}

fn problem(file: &str, what: impl Into<String>, advice: &'static str) -> Problem {
    Problem {
        file: file.to_owned(),
        what: what.into(),
        advice,
    }
}

/// An alarm that has a name which is not the object's.
pub fn misnamed(object: &StoredObject) -> Problem {
    let name = object.name.as_deref().unwrap_or_default();
    let what = format!(
        "it has the name {name:?} for the object {}, whose id is of no such name",
        object.id
    );
    problem(METADATA, what, SCHEDULE)
}

/// A copy that is damaged, for an export.
pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Problem {
    problem(&name_of(path), what, RESTORE)
}

/// Keys, rows of the worker's own tables, and what is wrong.
fn contents(connection: &Rc<Connection>, depth: Depth) -> Result<(u64, u64, Vec<String>)> {
    let check = if depth == Depth::Full {
        "PRAGMA integrity_check"
    } else {
        "PRAGMA quick_check"
    };
    let wrong = answers(connection, check)?;
    if !wrong.is_empty() {
        return Ok((0, 0, wrong));
    }
    // Virtual tables have no root page; what they keep is in tables of their own.
    let tables = connection.trusted(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut names = Vec::new();
    tables.query(&[], |row| {
        if let ValueRef::Text(name) = row.column(0) {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    })?;
    let (mut keys, mut rows) = (0, 0);
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let count = connection.integer(&format!("SELECT count(*) FROM \"{quoted}\""))?;
        let count = count.and_then(|count| count.try_into().ok()).unwrap_or(0);
        match name.as_str() {
            "_cf_KV" => keys += count,
            name if name.starts_with("_cf_") => {}
            _ => rows += count,
        }
    }
    Ok((keys, rows, wrong))
}

/// What a check says other than that all is well.
fn answers(connection: &Rc<Connection>, check: &str) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    connection.trusted(check)?.query(&[], |row| {
        if let ValueRef::Text(text) = row.column(0)
            && text != b"ok"
        {
            wrong.push(String::from_utf8_lossy(text).into_owned());
        }
    })?;
    Ok(wrong)
}

/// What is wrong with a database that nobody changes.
pub(super) fn check_copy(path: &Path) -> Result<Vec<String>> {
    answers(
        &Connection::open(Some(path), Access::Immutable)?,
        "PRAGMA quick_check",
    )
}

/// Reads a database at one instant, and leaves no file behind that was not there.
pub(super) fn look<T>(path: &Path, read: impl Fn(&Rc<Connection>) -> Result<T>) -> Result<T> {
    if let Some(before) = at_rest(path) {
        let done = Connection::open(Some(path), Access::Immutable).and_then(|found| read(&found));
        // If it was opened meanwhile, what was read may be of two instants.
        if at_rest(path) == Some(before) {
            return done;
        }
    }
    let connection = Connection::open(Some(path), Access::Read)?;
    connection.set_busy_timeout_ms(BUSY_TIMEOUT_MS);
    read(&connection)
}

/// The identity of a file that nobody has open and that has no log to be read with it.
fn at_rest(path: &Path) -> Option<pitr::Identity> {
    let alone = !beside(path, "-shm").exists()
        && fs::metadata(log_path(path)).map_or(true, |log| log.len() == 0);
    if alone {
        pitr::Identity::of(path).ok()
    } else {
        None
    }
}

/// The alarms of a namespace.
pub(super) fn scheduled(folder: &Path) -> Result<Vec<Scheduled>> {
    let path = folder.join(METADATA);
    if !path.exists() {
        return Ok(Vec::new());
    }
    look(&path, |connection| schedule::rows(connection, i64::MAX))
}

/// `<id>.sqlite`, or `<id>.<facet>.sqlite`.
pub(super) fn parse_name(file: &str) -> Option<(&str, Option<u32>)> {
    let stem = file.strip_suffix(".sqlite")?;
    let (id, facet) = match stem.split_once('.') {
        Some((id, facet)) => (id, Some(facet.parse().ok()?)),
        None => (stem, None),
    };
    let is_id = id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then_some((id, facet))
}

pub(super) fn file_name(id: &str) -> String {
    format!("{id}.sqlite")
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The names in a folder, those that are UTF-8, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let fails = |error| io_error(&folder.display().to_string(), &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(fails)? {
        names.extend(entry.map_err(fails)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The databases of an object: its own, then those of its facets.
pub(super) fn files(folder: &Path, id: &str) -> Result<Vec<PathBuf>> {
    let root = folder.join(file_name(id));
    if !root.exists() {
        return Err(Error::worker(format!(
            "there is no object {id} in {}",
            folder.display()
        )));
    }
    let mut files = vec![root];
    let facets = 1..=FacetIndex::count(folder, id)?;
    let facets = facets.map(|number| folder.join(format!("{id}.{number}.sqlite")));
    files.extend(facets.filter(|path| path.exists()));
    Ok(files)
}
