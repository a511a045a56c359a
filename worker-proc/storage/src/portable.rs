//! Archives of a namespace's objects: a gzipped tar of SQLite files, with the alarms in `namespace.json`. tar and sqlite3
//! can read it too.
//!
//! For the command line. An export runs beside a server: each object is what was committed at one instant. An import is
//! for a folder that no server serves from, as a server would not see the alarms; each object's lock is taken besides.
//! Nothing of an archive is put in place before all of it has been read and found whole. Relies on `inspect` and `lock`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ipc::objects::Exported;
use serde_json::{Value, json};

use super::error::{Error, Result, io as io_error};
use super::inspect::{self, file_name, files, look, parse_name};
use super::lock::{FolderLock, ObjectLocks};
use super::raw::{Access, Connection, ValueRef};
use super::schedule::{NANOSECONDS, ObjectKey, Schedule};
use super::sync::{beside, sync_folder};
use super::tar;

const MANIFEST: &str = "namespace.json";
/// A manifest names each object once.
const MAX_MANIFEST_BYTES: u64 = 1 << 30;
/// Where an import gathers files, in the namespace's folder, which the published workerd ignores.
const STAGING: &str = ".import";

/// Says how far long work is, and how much there is in all; 0 if that is not known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Writes an archive of these objects. `scratch` is an empty folder, for one object at a time.
pub fn export(
    folder: &Path,
    unique_key: &str,
    ids: &[String],
    to: &mut dyn Write,
    scratch: &Path,
    progress: Progress<'_>,
) -> Result<Exported> {
    let alarms: Vec<Value> = inspect::scheduled(folder)?
        .into_iter()
        .filter(|alarm| ids.binary_search(&alarm.id).is_ok())
        .map(|alarm| json!({ "id": alarm.id, "atMs": alarm.at_ms, "name": alarm.name }))
        .collect();
    let manifest = json!({ "uniqueKey": unique_key, "alarms": alarms }).to_string();
    let mut archive = GzEncoder::new(to, Compression::fast());
    tar::write(
        &mut archive,
        MANIFEST,
        manifest.len() as u64,
        manifest.as_bytes(),
    )?;
    let mut exported = Exported::default();
    for id in ids {
        progress(exported.objects, ids.len() as u64);
        let copies = copy_object(folder, id, scratch, &mut exported)?;
        for (name, copy) in copies {
            let content = File::open(&copy)?;
            tar::write(&mut archive, &name, content.metadata()?.len(), content)?;
            fs::remove_file(&copy)?;
        }
    }
    tar::finish(&mut archive)?;
    archive.finish()?.flush()?;
    Ok(exported)
}

/// Copies of an object's files, with the names they have in an archive; none of one that is damaged.
fn copy_object(
    folder: &Path,
    id: &str,
    scratch: &Path,
    exported: &mut Exported,
) -> Result<Vec<(String, PathBuf)>> {
    let mut copies = Vec::new();
    // The index first: a facet that is added meanwhile is not in it, and is left out whole.
    let index = format!("{id}.facets");
    let copied = fs::copy(folder.join(&index), scratch.join(&index));
    let files = match files(folder, id) {
        Ok(files) => files,
        Err(error) => {
            let problem = inspect::damaged(&folder.join(file_name(id)), error.message());
            exported.left_out.push(problem);
            return Ok(copies);
        }
    };
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = scratch.join(&*name);
        let wrong = copy_database(&path, &copy).and_then(|()| inspect::check_copy(&copy));
        let wrong = match wrong {
            Ok(wrong) => wrong.into_iter().next(),
            // What the disk of the copy has to say is no fault of the object.
            Err(error) if !error.resets_object() => {
                return Err(error.context(&format!("{}: ", path.display())));
            }
            Err(error) => Some(error.message().to_owned()),
        };
        if let Some(wrong) = wrong {
            exported.left_out.push(inspect::damaged(&path, wrong));
            copies.push((String::new(), copy));
            for (_, copy) in copies {
                _ = fs::remove_file(copy);
            }
            return Ok(Vec::new());
        }
        copies.push((name.into_owned(), copy));
    }
    match copied {
        Ok(_) => copies.push((index.clone(), scratch.join(index))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(&index, &error)),
    }
    exported.objects += 1;
    Ok(copies)
}

/// Copies what is committed in a database into a new file.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    look(from, |source| {
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let copy = Connection::open(Some(to), Access::Create)?;
        source.copy_to(&copy)
    })
}

/// What to import, and where to.
pub struct Import<'a> {
    /// Where it goes.
    pub folder: &'a Path,
    /// The namespace's.
    pub unique_key: &'a str,
    /// Whether an id is of this namespace.
    pub belongs: &'a dyn Fn(&str) -> bool,
    /// These objects of the archive; all if there is none.
    pub ids: &'a [String],
    /// Put objects in place of those that are there.
    pub overwrite: bool,
}

/// An object of an archive, on its way.
#[derive(Default)]
struct Staged {
    /// Names of files, those of the facets before the index and the root last.
    files: Vec<String>,
    alarm_ms: Option<i64>,
    name: Option<String>,
}

impl Import<'_> {
    /// Puts the objects of an archive into the folder, which is made if it is not there, and says how many those are.
    pub fn run(&self, archive: &mut dyn Read, progress: Progress<'_>) -> Result<u64> {
        fs::create_dir_all(self.folder).map_err(|error| self.fails(&error))?;
        let disk = self.folder.join("..");
        let _server = FolderLock::acquire(&disk.canonicalize()?)?;
        let locks = ObjectLocks::open(self.folder)?;
        // No other import runs: what is there was left by one that was interrupted.
        let staging =
            Staging::new(&self.folder.join(STAGING)).map_err(|error| self.fails(&error))?;
        let mut archive = GzDecoder::new(BufReader::new(archive));
        let mut objects = self
            .read(&mut archive, &staging, &locks, progress)
            .map_err(|error| error.context("nothing was imported: "))?;
        for (id, object) in &mut objects {
            object.files.sort();
            // `<id>.sqlite` sorts after `<id>.<facet>.sqlite` and `<id>.facets`.
            if object.files.last() != Some(&file_name(id)) {
                return Err(Error::worker(format!(
                    "nothing was imported: the archive has files of {id}, and not {}",
                    file_name(id)
                )));
            }
        }
        self.place(objects, &staging, &locks, progress)
    }

    fn fails(&self, error: &io::Error) -> Error {
        io_error(&self.folder.display().to_string(), error)
    }

    /// Reads the whole archive into the staging folder, and checks it.
    fn read(
        &self,
        archive: &mut impl Read,
        staging: &Staging,
        locks: &std::rc::Rc<ObjectLocks>,
        progress: Progress<'_>,
    ) -> Result<BTreeMap<String, Staged>> {
        let manifest = self.manifest(archive)?;
        let mut objects = BTreeMap::<String, Staged>::new();
        while let Some((name, size)) = tar::next(archive)? {
            let database = name.replace(".facets", ".sqlite");
            let (id, _) = parse_name(&database).ok_or_else(|| {
                Error::worker(format!("the archive has a file of another kind: {name}"))
            })?;
            if !self.ids.is_empty() && !self.ids.iter().any(|wanted| wanted == id) {
                io::copy(&mut archive.take(size), &mut io::sink())?;
                tar::skip_padding(archive, size)?;
                continue;
            }
            if !objects.contains_key(id) {
                self.may_import(id, locks)?;
                objects.insert(id.to_owned(), Staged::default());
            }
            let path = staging.0.join(&name);
            if path.exists() {
                return Err(Error::worker(format!("the archive has {name} twice")));
            }
            let written = io::copy(&mut archive.take(size), &mut File::create(&path)?)?;
            if written != size {
                return Err(Error::worker("the archive ends too early"));
            }
            tar::skip_padding(archive, size)?;
            let object = objects.entry(id.to_owned()).or_default();
            if database == name {
                let wrong = inspect::check_copy(&path);
                let wrong = wrong.map_err(|error| error.context(&format!("{name}: ")))?;
                if let Some(wrong) = wrong.first() {
                    return Err(Error::worker(format!("{name}: {wrong}")));
                }
                if database == file_name(id) {
                    object.alarm_ms = stored_alarm(&path)?;
                }
            }
            object.files.push(name);
            progress(objects.len() as u64, 0);
        }
        // The checksum comes last.
        io::copy(archive, &mut io::sink())?;
        if let Some(missing) = self.ids.iter().find(|id| !objects.contains_key(*id)) {
            return Err(Error::worker(format!(
                "the archive has no object {missing}"
            )));
        }
        let alarms = manifest["alarms"].as_array().map(Vec::as_slice);
        for alarm in alarms.unwrap_or_default() {
            let object = alarm["id"].as_str().and_then(|id| objects.get_mut(id));
            if let (Some(object), Some(at_ms)) = (object, alarm["atMs"].as_i64()) {
                // The schedule is never later than the object's own record.
                object.alarm_ms = Some(object.alarm_ms.map_or(at_ms, |stored| stored.min(at_ms)));
                object.name = alarm["name"].as_str().map(str::to_owned);
            }
        }
        Ok(objects)
    }

    fn manifest(&self, archive: &mut impl Read) -> Result<Value> {
        let other = || {
            Error::worker("this is no archive of objects as `workerd objects export` makes them")
        };
        let manifest = match tar::next(archive) {
            Ok(Some((name, size))) if name == MANIFEST && size <= MAX_MANIFEST_BYTES => {
                let mut text = String::new();
                archive.take(size).read_to_string(&mut text)?;
                tar::skip_padding(archive, size)?;
                serde_json::from_str::<Value>(&text).map_err(io::Error::other)?
            }
            _ => return Err(other()),
        };
        match manifest["uniqueKey"].as_str() {
            Some(key) if key == self.unique_key => Ok(manifest),
            Some(key) => Err(Error::worker(format!(
                "the archive is of the namespace {key}, whose ids are not valid for {}",
                self.unique_key
            ))),
            None => Err(other()),
        }
    }

    fn may_import(&self, id: &str, locks: &std::rc::Rc<ObjectLocks>) -> Result<()> {
        if !(self.belongs)(id) {
            return Err(Error::worker(format!(
                "{id} is no id of the namespace {}",
                self.unique_key
            )));
        }
        if !self.overwrite && self.folder.join(file_name(id)).exists() {
            return Err(Error::worker(format!(
                "the object {id} exists: with --overwrite the archive's takes its place"
            )));
        }
        alone(id, locks).map(drop)
    }

    /// Puts what was read in place, object by object.
    fn place(
        &self,
        objects: BTreeMap<String, Staged>,
        staging: &Staging,
        locks: &std::rc::Rc<ObjectLocks>,
        progress: Progress<'_>,
    ) -> Result<u64> {
        let schedule = Schedule::open(self.folder, |_| false)?;
        let key = |id: &str, object: &Staged| ObjectKey {
            id: id.into(),
            name: object.name.as_deref().map(Into::into),
        };
        // Alarms come first: one that is too early is put right when it fires, one that is missing never is.
        let before: BTreeMap<String, i64> = schedule
            .all()?
            .into_iter()
            .map(|alarm| (alarm.id, alarm.at_ms))
            .collect();
        for (id, object) in &objects {
            if let Some(at_ms) = object.alarm_ms {
                let earliest = before.get(id).map_or(at_ms, |before| at_ms.min(*before));
                schedule.put(&key(id, object), Some(earliest))?;
            }
        }
        sync_all(self.folder)?;
        let total = objects.len() as u64;
        let mut placed = 0;
        for (id, object) in &objects {
            progress(placed, total);
            let done = alone(id, locks).and_then(|_lock| self.place_one(id, object, staging));
            done.map_err(|error| {
                error.context(&format!(
                    "{placed} of {total} objects were imported, then: "
                ))
            })?;
            schedule.put(&key(id, object), object.alarm_ms)?;
            placed += 1;
        }
        sync_all(self.folder)?;
        Ok(placed)
    }

    fn place_one(&self, id: &str, object: &Staged, staging: &Staging) -> Result<()> {
        let old = self.folder.join(file_name(id));
        if old.exists() {
            if !self.overwrite {
                return Err(Error::worker(format!(
                    "the object {id} has been made meanwhile"
                )));
            }
            for path in files(self.folder, id)? {
                settle(&path)?;
            }
            for path in files(self.folder, id)?.into_iter().skip(1) {
                fs::remove_file(path)?;
            }
            remove_if_there(&self.folder.join(format!("{id}.facets")))?;
        }
        for name in &object.files {
            fs::rename(staging.0.join(name), self.folder.join(name))?;
        }
        sync_folder(&old)?;
        Ok(())
    }
}

/// The lock of an object that no running server has.
fn alone(id: &str, locks: &std::rc::Rc<ObjectLocks>) -> Result<super::ObjectLock> {
    let lock = match bytes_of(id) {
        Some(bytes) => locks.try_lock(&bytes)?,
        None => None,
    };
    lock.ok_or_else(|| {
        Error::worker(format!(
            "the object {id} is alive in a running server: stop it first"
        ))
    })
}

/// Writes the log of a database that is to be replaced back into it, and makes sure that no program has it open. One
/// that is no database is replaced as it is.
fn settle(path: &Path) -> Result<()> {
    let settled = Connection::open(Some(path), Access::Write).and_then(|connection| {
        connection.execute(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)",
        )
    });
    match settled {
        Err(error) if error.is_busy() => Err(Error::worker(format!(
            "{} is in use by another program: stop it first",
            path.display()
        ))),
        _ => ["-wal", "-shm"]
            .iter()
            .try_for_each(|suffix| remove_if_there(&beside(path, suffix))),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The alarm that an object's own file records.
fn stored_alarm(path: &Path) -> Result<Option<i64>> {
    let connection = Connection::open(Some(path), Access::Immutable)?;
    let mut alarm_ms = None;
    if super::kv::has_table(&connection, "_cf_METADATA")? {
        let sql = "SELECT value FROM _cf_METADATA WHERE key = 1";
        connection.trusted(sql)?.query(&[], |row| {
            if let ValueRef::Integer(nanoseconds) = row.column(0) {
                alarm_ms = Some(nanoseconds / NANOSECONDS);
            }
        })?;
    }
    Ok(alarm_ms)
}

/// Makes all that was written to the file system of a folder durable.
fn sync_all(folder: &Path) -> Result<()> {
    let folder = File::open(folder)?;
    nix::unistd::syncfs(&folder).map_err(|error| io::Error::from(error).into())
}

/// A folder that goes away with all that is in it.
struct Staging(PathBuf);

impl Staging {
    fn new(path: &Path) -> io::Result<Self> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays behind is removed by the next import.
        _ = fs::remove_dir_all(&self.0);
    }
}

/// The bytes of an id.
fn bytes_of(id: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(id.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
