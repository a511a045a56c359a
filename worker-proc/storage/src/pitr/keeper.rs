//! Keeps the history of one object, and takes the object back in it.
//!
//! `database` calls it on blocking threads, and under a lock: [`Keeper::begin`] before the file is opened,
//! [`Keeper::archive`] before each write-back of the log, [`Keeper::closed`] after the file is closed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::error::{Error, Result, io as io_error};
use super::super::raw::{Access, Connection};
use super::super::sync::{beside, log_path, sync_folder};
use super::history::{History, Identity, Record};
use super::wal::{Commit, Log, PAGE_BYTES};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much of an object's past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How far back it reaches; 0 keeps nothing.
    pub days: u32,
    /// Of the log of an object's history; the image that it starts from comes on top.
    pub max_bytes: u64,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            days: 30,
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The last commit of a second: how many frames the log had after it, and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Note {
    /// How many the log had.
    pub frames: u32,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
}

pub(in super::super) struct Keeper {
    database: PathBuf,
    folder: PathBuf,
    stem: String,
    limits: HistoryLimits,
    history: Option<History>,
    /// What tells the last bookmark of a state from the one before it.
    last_stamp: u32,
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The folder of a database's history, and what its files begin with.
pub(super) fn place(database: &Path) -> (PathBuf, String) {
    let folder = database.parent().unwrap_or(Path::new("."));
    let stem = database.file_stem().unwrap_or_default();
    (folder.join(".history"), stem.to_string_lossy().into_owned())
}

impl Keeper {
    /// For a database that may not be there yet. Touches no file.
    pub(in super::super) fn new(database: &Path, limits: HistoryLimits) -> Self {
        let (folder, stem) = place(database);
        Self {
            database: database.to_owned(),
            folder,
            stem,
            limits,
            history: None,
            last_stamp: 0,
        }
    }

    /// To be called before the database is opened: goes back if that was asked for, and takes in what others changed. A
    /// history that is damaged is put aside and begins anew: the object itself is whole.
    pub(in super::super) fn begin(&mut self) -> io::Result<()> {
        use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        match self.try_begin() {
            Err(error) if matches!(error.kind(), InvalidData | NotFound | UnexpectedEof) => {
                History::set_aside(&self.folder, &self.stem)?;
                self.try_begin()
            }
            done => done,
        }
    }

    fn try_begin(&mut self) -> io::Result<()> {
        self.history = History::open(&self.folder, &self.stem)?;
        let Some(history) = &self.history else {
            // A database that others made begins its history here; one that is yet to be made, with its first commit.
            if Identity::of(&self.database).is_ok_and(|found| found.bytes > PAGE_BYTES as u64) {
                let image = Some(self.database.as_path());
                self.history = Some(History::create(&self.folder, &self.stem, image)?);
            }
            return Ok(());
        };
        let restore = history.restore()?;
        if !self.leads_here()? {
            self.reconcile()?;
        }
        match restore {
            Some(number) => self.go_back(number),
            None => Ok(()),
        }
    }

    /// Whether the history's last state, and what is in the write-ahead log after it, is what the database is.
    fn leads_here(&self) -> io::Result<bool> {
        let Some(history) = &self.history else {
            return Ok(true);
        };
        let log = Log::open(&log_path(&self.database))?;
        let untouched = match history.last.closed {
            Some(left) => Identity::of(&self.database).is_ok_and(|found| found == left),
            None => false,
        };
        Ok(untouched || log.is_some_and(|log| log.salt() == history.last.position.salt))
    }

    /// Puts the difference between the history's last state and the database into the history.
    fn reconcile(&mut self) -> io::Result<()> {
        self.empty_log()?;
        let Some(history) = &mut self.history else {
            return Ok(());
        };
        let image = history.scratch();
        history.image(history.last.number, &image)?;
        let difference = Difference::between(&image, &self.database)?;
        if !difference.is_empty() {
            difference.add_to(history)?;
        }
        fs::remove_file(image)?;
        self.closed()
    }

    /// Writes the whole write-ahead log back; nobody else has the database open.
    fn empty_log(&self) -> io::Result<()> {
        if !self.database.exists() {
            return Ok(());
        }
        let connection = Connection::open(Some(&self.database), Access::Write);
        connection
            .and_then(|connection| {
                connection.execute("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)")
            })
            .map_err(io::Error::other)
    }

    /// Makes the database what it was after a record, as one more step of the history.
    fn go_back(&mut self, number: u64) -> io::Result<()> {
        self.archive(&[])?;
        self.empty_log()?;
        let Some(history) = &mut self.history else {
            return Ok(());
        };
        let image = history.scratch();
        history.image(number, &image)?;
        Difference::between(&self.database, &image)?.add_to(history)?;
        history.sync()?;
        for suffix in ["-wal", "-shm"] {
            match fs::remove_file(beside(&self.database, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(image, &self.database)?;
        sync_folder(&self.database)?;
        history.clear_restore()?;
        self.closed()
    }

    /// Takes in the commits of the write-ahead log that are not in the history. `notes` say when they were.
    pub(in super::super) fn archive(&mut self, notes: &[Note]) -> io::Result<()> {
        let Some(log) = Log::open(&log_path(&self.database))? else {
            return Ok(());
        };
        let from = self
            .history
            .as_ref()
            .map(|history| history.last.position)
            .unwrap_or_default();
        let commits = log.commits(from)?;
        if commits.is_empty() {
            return Ok(());
        }
        // A loss of power must not leave a history that is ahead of its database.
        log.sync()?;
        let history = match &mut self.history {
            Some(history) => history,
            // Nothing has been committed before: see `begin`.
            none => none.insert(History::create(&self.folder, &self.stem, None)?),
        };
        // Where the count of frames goes down the log has started over.
        let notes = match notes
            .windows(2)
            .rposition(|pair| pair[1].frames <= pair[0].frames)
        {
            Some(before) if from.salt != log.salt() => &notes[before + 1..],
            _ => notes,
        };
        let mut step = Commit::default();
        let last = commits.len() - 1;
        for (index, commit) in commits.into_iter().enumerate() {
            step.absorb(commit);
            let note = notes
                .iter()
                .find(|note| note.frames == step.position.frames);
            if note.is_some() || index == last {
                let time_ms = note.map_or_else(now_ms, |note| note.time_ms);
                add(history, &log, std::mem::take(&mut step), time_ms)?;
            }
        }
        history.sync()?;
        let oldest_ms = now_ms().saturating_sub(i64::from(self.limits.days).saturating_mul(DAY_MS));
        let too_old = history
            .first_ms
            .is_some_and(|first| first < oldest_ms.saturating_sub(DAY_MS));
        if too_old || history.bytes() > self.limits.max_bytes {
            history.prune(oldest_ms, self.limits.max_bytes / 4 * 3)?;
        }
        Ok(())
    }

    /// Notes how the file was left, to see at the next opening whether anyone else has written it.
    pub(in super::super) fn closed(&mut self) -> io::Result<()> {
        let Some(history) = &mut self.history else {
            return Ok(());
        };
        let left = match Identity::of(&self.database) {
            Ok(left) => left,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if history.last.closed == Some(left) {
            return Ok(());
        }
        let record = Record {
            time_ms: now_ms(),
            closed: Some(left),
            ..history.last
        };
        history.add(record, std::iter::empty())?;
        history.sync()
    }

    /// The bookmark of what is committed now.
    pub(in super::super) fn current(&mut self, notes: &[Note]) -> Result<String> {
        self.archive(notes).map_err(failed)?;
        let history = match &mut self.history {
            Some(history) => history,
            none => none.insert(History::create(&self.folder, &self.stem, None).map_err(failed)?),
        };
        // Every bookmark is greater than those given out before it: by the second, or by counting within one.
        let now_s = u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX);
        self.last_stamp = now_s.max(self.last_stamp.saturating_add(1));
        Ok(bookmark(
            history.last.number,
            self.last_stamp,
            history.lineage(),
        ))
    }

    /// The bookmark of what was committed at a time.
    pub(in super::super) fn at(&mut self, notes: &[Note], time_ms: i64) -> Result<String> {
        self.current(notes)?;
        let history = self
            .history
            .as_ref()
            .ok_or_else(|| Error::storage("no history"))?;
        let oldest_ms = now_ms().saturating_sub(i64::from(self.limits.days).saturating_mul(DAY_MS));
        let pruned = history.base() > 1 && history.first_ms.is_none_or(|first| time_ms < first);
        if time_ms < oldest_ms || pruned {
            return Err(Error::worker(
                "The requested time is before the oldest point that can be recovered.",
            ));
        }
        let mut number = history.base();
        let searched = history.each(|record, _| {
            if record.closed.is_none() && record.time_ms <= time_ms {
                number = record.number;
            }
            Ok(record.time_ms <= time_ms)
        });
        searched.map_err(failed)?;
        Ok(bookmark(number, 0, history.lineage()))
    }

    /// Notes that the next session begins with what was committed at a bookmark. The bookmark of what is committed now.
    pub(in super::super) fn restore(&mut self, notes: &[Note], to: &str) -> Result<String> {
        let undo = self.current(notes)?;
        let history = self
            .history
            .as_ref()
            .ok_or_else(|| Error::storage("no history"))?;
        let number = parse(to)
            .filter(|(_, lineage)| *lineage == history.lineage())
            .map(|(number, _)| number)
            .ok_or_else(|| Error::worker("Invalid bookmark."))?;
        if number > history.last.number || number < history.base() {
            return Err(Error::worker(
                "The bookmark is before the oldest point that can be recovered.",
            ));
        }
        history.set_restore(number).map_err(failed)?;
        Ok(undo)
    }
}

fn failed(error: io::Error) -> Error {
    let error = io_error("point-in-time recovery failed", &error);
    Error::worker(error.message())
}

/// `8-8-8-32` hexadecimal digits: the state's number, when it was asked for, and which history it is of. Later ones are
/// greater as text.
fn bookmark(number: u64, stamp: u32, lineage: u64) -> String {
    format!(
        "{:08x}-{:08x}-{stamp:08x}-{lineage:032x}",
        number >> 32,
        number & 0xffff_ffff
    )
}

fn parse(bookmark: &str) -> Option<(u64, u64)> {
    let parts: Vec<&str> = bookmark.split('-').collect();
    let [high, low, stamp, lineage] = parts[..] else {
        return None;
    };
    if [high.len(), low.len(), stamp.len(), lineage.len()] != [8, 8, 8, 32] {
        return None;
    }
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    Some((
        number(high)? << 32 | number(low)?,
        u64::from_str_radix(lineage, 16).ok()?,
    ))
}

fn add(history: &mut History, log: &Log, step: Commit, time_ms: i64) -> io::Result<()> {
    let record = Record {
        number: history.last.number + 1,
        time_ms,
        database_pages: step.database_pages,
        position: step.position,
        ..Record::default()
    };
    let there = |number: &u32| *number <= step.database_pages;
    let pages = step
        .pages
        .iter()
        .filter(|(number, _)| there(number))
        .map(|(number, offset)| {
            let mut content = vec![0; PAGE_BYTES];
            log.read_page(*offset, &mut content)?;
            Ok((*number, content))
        });
    history.add(record, pages)
}

/// The pages in which one file differs from another.
struct Difference {
    pages: Vec<u32>,
    to: PathBuf,
    to_pages: u32,
    same_length: bool,
}

impl Difference {
    fn between(from: &Path, to: &Path) -> io::Result<Self> {
        let mut pages = Vec::new();
        let (mut old, mut new) = (Pages::open(from)?, Pages::open(to)?);
        let mut number = 0;
        while let Some(content) = new.next()? {
            number += 1;
            if old.next()? != Some(content) {
                pages.push(number);
            }
        }
        let same_length = old.next()?.is_none();
        Ok(Self {
            pages,
            to: to.to_owned(),
            to_pages: number,
            same_length,
        })
    }

    fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.same_length
    }

    fn add_to(&self, history: &mut History) -> io::Result<()> {
        let record = Record {
            number: history.last.number + 1,
            time_ms: now_ms(),
            database_pages: self.to_pages,
            ..Record::default()
        };
        let file = if self.pages.is_empty() {
            None
        } else {
            Some(File::open(&self.to)?)
        };
        let pages = self.pages.iter().map(|number| {
            let mut content = vec![0; PAGE_BYTES];
            if let Some(file) = &file {
                file.read_exact_at(&mut content, u64::from(number - 1) * PAGE_BYTES as u64)?;
            }
            Ok((*number, content))
        });
        history.add(record, pages)
    }
}

/// The pages of a file in turn; of a file that is not there, none.
struct Pages {
    file: Option<io::BufReader<File>>,
    page: Vec<u8>,
}

impl Pages {
    fn open(path: &Path) -> io::Result<Self> {
        let file = match File::open(path) {
            Ok(file) => Some(io::BufReader::with_capacity(64 * PAGE_BYTES, file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            file,
            page: vec![0; PAGE_BYTES],
        })
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        match file.read_exact(&mut self.page) {
            Ok(()) => Ok(Some(&self.page)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}
