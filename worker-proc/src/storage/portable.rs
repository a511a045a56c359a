//! A namespace's folder as data: what objects it has, whether they are whole, and archives of them.
//!
//! For the command line, beside a running server or without one. Listing and exporting read what is committed, at one
//! instant for each object. Importing takes each object's lock, so it never writes under a live object. An archive is a
//! gzipped tar of SQLite files, with the alarms in `namespace.json`: tar and sqlite3 can read it too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::error::{Error, Result, io as io_error};
use super::lock::ObjectLocks;
use super::raw::{Access, Connection, ValueRef};
use super::schedule::{ObjectKey, Schedule};
use super::sync::{beside, log_path, sync_folder};
use super::tar;

const MANIFEST: &str = "namespace.json";
/// A manifest names each object once.
const MAX_MANIFEST_BYTES: u64 = 1 << 30;

/// An object that has a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectInfo {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The name it was got by, if its alarm knows it.
    pub name: Option<String>,
    /// Of its files, the write-ahead logs and the files of its facets included.
    pub bytes: u64,
    pub facets: u32,
    pub next_alarm_ms: Option<i64>,
}

/// The objects of a namespace's folder, by id.
pub fn list(folder: &Path) -> Result<Vec<ObjectInfo>> {
    let mut objects = BTreeMap::<String, ObjectInfo>::new();
    for entry in
        fs::read_dir(folder).map_err(|error| io_error(&folder.display().to_string(), &error))?
    {
        let entry = entry?;
        let file = entry.file_name();
        let Some((id, facet)) = file.to_str().and_then(parse_name) else {
            continue;
        };
        let object = objects.entry(id.to_owned()).or_default();
        object.bytes += entry.metadata()?.len();
        object.bytes += fs::metadata(log_path(&entry.path())).map_or(0, |log| log.len());
        object.facets += u32::from(facet.is_some());
    }
    for alarm in alarms(folder)? {
        if let Some(object) = objects.get_mut(&alarm.0) {
            (object.next_alarm_ms, object.name) = (Some(alarm.1), alarm.2);
        }
    }
    let named = |(id, object)| ObjectInfo { id, ..object };
    Ok(objects.into_iter().map(named).collect())
}

/// What is wrong with an object's files; nothing if they are whole.
pub fn check(folder: &Path, id: &str) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for path in files(folder, Some(id))? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let found = Connection::open(Some(&path), Access::Read)
            .and_then(|connection| problems(&connection, "PRAGMA integrity_check"));
        match found {
            Ok(found) => wrong.extend(found.iter().map(|problem| format!("{name}: {problem}"))),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    Ok(wrong)
}

fn problems(connection: &std::rc::Rc<Connection>, pragma: &str) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    connection.trusted(pragma)?.query(&[], |row| {
        if let ValueRef::Text(text) = row.column(0)
            && text != b"ok"
        {
            problems.push(String::from_utf8_lossy(text).into_owned());
        }
    })?;
    Ok(problems)
}

/// `<id>.sqlite`, or `<id>.<facet>.sqlite`.
fn parse_name(file: &str) -> Option<(&str, Option<u32>)> {
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

/// The databases of a folder, or of one object of it, by name.
fn files(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).map_err(|error| io_error(&folder.display().to_string(), &error))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let parsed = name.to_str().and_then(parse_name);
        if parsed.is_some_and(|(id, _)| only.is_none_or(|only| only == id)) {
            files.push(entry.path());
        }
    }
    files.sort();
    if let (Some(id), true) = (only, files.is_empty()) {
        return Err(Error::worker(format!(
            "there is no object {id} in {}",
            folder.display()
        )));
    }
    Ok(files)
}

/// The alarms of a namespace: id, time, name.
fn alarms(folder: &Path) -> Result<Vec<(String, i64, Option<String>)>> {
    if !folder.join("metadata.sqlite").exists() {
        return Ok(Vec::new());
    }
    let all = Schedule::open(folder, |_| false)?.all()?;
    Ok(all
        .into_iter()
        .map(|alarm| (alarm.id, alarm.at_ms, alarm.name))
        .collect())
}

/// Writes an archive of a namespace's objects, or of one of them, and says how many files are in it.
pub fn export(folder: &Path, only: Option<&str>, to: &Path) -> Result<usize> {
    let files = files(folder, only)?;
    let alarms: Vec<Value> = alarms(folder)?
        .into_iter()
        .filter(|(id, ..)| only.is_none_or(|only| only == id))
        .map(|(id, at_ms, name)| json!({ "id": id, "atMs": at_ms, "name": name }))
        .collect();
    let namespace = folder.file_name().unwrap_or_default().to_string_lossy();
    let manifest = json!({ "uniqueKey": namespace, "alarms": alarms }).to_string();
    let work = tempfile_beside(to);
    let mut archive = GzEncoder::new(BufWriter::new(File::create(&work)?), Compression::fast());
    tar::write(
        &mut archive,
        MANIFEST,
        manifest.len() as u64,
        manifest.as_bytes(),
    )?;
    let copy = beside(&work, "-copy");
    for path in &files {
        copy_database(path, &copy)
            .map_err(|error| error.context(&format!("{}: ", path.display())))?;
        let content = File::open(&copy)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tar::write(&mut archive, &name, content.metadata()?.len(), content)?;
        fs::remove_file(&copy)?;
        let index = path.with_extension("facets");
        if let Ok(content) = File::open(&index) {
            let name = index.file_name().unwrap_or_default().to_string_lossy();
            tar::write(&mut archive, &name, content.metadata()?.len(), content)?;
        }
    }
    tar::finish(&mut archive)?;
    let file = archive
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&work, to)?;
    sync_folder(to)?;
    Ok(files.len())
}

fn tempfile_beside(path: &Path) -> PathBuf {
    beside(path, &format!(".{}", std::process::id()))
}

/// Copies what is committed in a database into a new file.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let source = Connection::open(Some(from), Access::Read)?;
    source.set_busy_timeout_ms(5000);
    let copy = Connection::open(Some(to), Access::Create)?;
    source.copy_to(&copy)
}

/// Puts the objects of an archive into a namespace's folder, which is made if it is not there, and says how many files
/// that were. An object that is there already is left as it is, and is an error, as is one that is alive.
pub fn import(archive: &Path, folder: &Path) -> Result<usize> {
    let file =
        File::open(archive).map_err(|error| io_error(&archive.display().to_string(), &error))?;
    let mut archive = GzDecoder::new(BufReader::new(file));
    fs::create_dir_all(folder)?;
    let locks = ObjectLocks::open(folder)?;
    let manifest = match tar::next(&mut archive)? {
        Some((name, size)) if name == MANIFEST && size <= MAX_MANIFEST_BYTES => {
            let mut text = String::new();
            Read::by_ref(&mut archive)
                .take(size)
                .read_to_string(&mut text)?;
            tar::skip_padding(&mut archive, size)?;
            serde_json::from_str::<Value>(&text).map_err(io::Error::other)?
        }
        _ => return Err(Error::worker("not an archive of objects")),
    };
    let namespace = folder.file_name().unwrap_or_default().to_string_lossy();
    if manifest["uniqueKey"] != *namespace {
        return Err(Error::worker(format!(
            "the archive is of the namespace {}, whose ids are not valid for {namespace}",
            manifest["uniqueKey"]
        )));
    }
    let (mut held, mut count) = (BTreeMap::new(), 0);
    while let Some((name, size)) = tar::next(&mut archive)? {
        let is_index = name.ends_with(".facets");
        let database = if is_index {
            name.replace(".facets", ".sqlite")
        } else {
            name.clone()
        };
        let (id, _) = parse_name(&database).ok_or_else(|| {
            Error::worker(format!("the archive has a file of another kind: {name}"))
        })?;
        if !held.contains_key(id) {
            let lock = locks.try_lock(&bytes_of(id))?;
            held.insert(
                id.to_owned(),
                lock.ok_or_else(|| {
                    Error::worker(format!("the object {id} is alive in a running server"))
                })?,
            );
        }
        import_file(&mut archive, size, &folder.join(&name), is_index)?;
        tar::skip_padding(&mut archive, size)?;
        count += usize::from(!is_index);
    }
    let alarms = manifest["alarms"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let schedule = Schedule::open(folder, |_| false)?;
    for alarm in alarms {
        let (Some(id), Some(at_ms)) = (alarm["id"].as_str(), alarm["atMs"].as_i64()) else {
            continue;
        };
        let key = ObjectKey {
            id: id.into(),
            name: alarm["name"].as_str().map(Into::into),
        };
        schedule.put(&key, at_ms)?;
    }
    Ok(count)
}

fn import_file(from: &mut impl Read, size: u64, path: &Path, is_index: bool) -> Result<()> {
    let shown = path.display().to_string();
    if path.exists() {
        return Err(Error::worker(format!(
            "{shown} exists: an import never writes over an object"
        )));
    }
    let work = tempfile_beside(path);
    let mut file = File::create(&work)?;
    let written = io::copy(&mut from.take(size), &mut file)?;
    file.flush()?;
    file.sync_all()?;
    let whole = if written != size {
        Err(Error::worker(format!(
            "{shown}: the archive ends too early"
        )))
    } else if is_index {
        Ok(Vec::new())
    } else {
        Connection::open(Some(&work), Access::Read)
            .and_then(|connection| problems(&connection, "PRAGMA quick_check"))
            .map_err(|error| error.context(&format!("{shown}: ")))
    };
    match whole.map(|problems| problems.into_iter().next()) {
        Ok(None) => {}
        Ok(Some(problem)) => {
            fs::remove_file(&work)?;
            return Err(Error::worker(format!("{shown}: {problem}")));
        }
        Err(error) => {
            fs::remove_file(&work)?;
            return Err(error);
        }
    }
    fs::rename(&work, path)?;
    sync_folder(path)?;
    Ok(())
}

/// The bytes of an id that `parse_name` has accepted.
fn bytes_of(id: &str) -> [u8; 32] {
    std::array::from_fn(|index| {
        let digits = id.get(index * 2..index * 2 + 2).unwrap_or_default();
        u8::from_str_radix(digits, 16).unwrap_or_default()
    })
}
