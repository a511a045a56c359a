//! One object's database: its file or memory, its transaction, and how what it commits becomes durable.
//!
//! `kv`, `sql` and `alarm` read and write through it; `Storage` commits it at the end of a turn.
//!
//! # What a commit survives
//!
//! Files are in WAL mode. A commit appends frames to `<file>-wal` with no sync, so it survives the end of the process at
//! any instant. Its [`Ticket`] ends when `fdatasync` of the log has, and from then on it survives a loss of power too:
//! recovery replays every frame up to the last whole commit. The log is written back into the file by a connection of
//! its own on a blocking thread, at `synchronous=NORMAL`: log synced, pages copied, file synced, and only then may the
//! log start over. The first write after that syncs the log's new header at once, as it must (a header that arrives
//! after its frames would revive old ones); until there has been such a write-back the log is new, nothing old is in it,
//! and no write syncs anything on the process's thread.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ipc::metrics::page;
use rusqlite::ffi;

use super::error::{Error, Result};
use super::pitr::{HistoryLimits, Keeper, Note};
use super::raw::{Access, Connection, Detached, Prepared};
use super::sync::{Ticket, WalSync, blocking, log_path};

/// The largest string, blob or row: 8 MiB and what the serialisation of one value adds to it.
pub const MAX_LENGTH_BYTES: i32 = 8 * 1024 * 1024 + 34;

/// Frames in the log (of 4 KiB, the page size) after which it is written back into the file.
const WRITE_BACK_FRAMES: u32 = 1000;

/// Frames in the log after which the last of them are written back on the process's thread, between two turns: the log
/// starts over only when all of it is written back, which never happens beside an object that writes on and on.
const MAX_LOG_FRAMES: u32 = 4 * WRITE_BACK_FRAMES;

/// Bytes that a log keeps when it starts over.
const MAX_RESET_LOG_BYTES: u32 = 8 * 1024 * 1024;

const LIMITS: [(i32, i32); 12] = [
    (ffi::SQLITE_LIMIT_LENGTH, MAX_LENGTH_BYTES),
    (ffi::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (ffi::SQLITE_LIMIT_COLUMN, 100),
    (ffi::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (ffi::SQLITE_LIMIT_VDBE_OP, 25_000),
    (ffi::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (ffi::SQLITE_LIMIT_ATTACHED, 0),
    (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (ffi::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (ffi::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (ffi::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// Runs what commits, and counts it.
fn timed<T>(commit: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = commit();
    page().process.commits.record_time(began.elapsed());
    done
}

/// Where a database lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory, gone when it is closed.
    Memory,
    /// In this file.
    File(PathBuf),
}

/// What a transaction has done, of what it takes to end it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Some write in it has to be confirmed before anything leaves the object.
    pub confirm: bool,
    /// It set or cleared the alarm.
    pub alarm: bool,
}

#[derive(Debug, Default)]
enum Transaction {
    #[default]
    None,
    /// Begun by the first write of a turn; the turn's end commits it.
    Implicit(Frame),
    /// Begun by `transaction()`: one savepoint for each level of nesting.
    Explicit(Vec<Frame>),
}

/// What is told when something is about to happen to every statement of a database.
pub(super) trait Dependent {
    /// The database is emptied or closed: drop statements, answer later calls with this error.
    fn cancel(&self, why: &Error);
}

pub(super) struct Database {
    place: Place,
    connection: RefCell<Option<Rc<Connection>>>,
    transaction: RefCell<Transaction>,
    /// For each `transactionSync` that is open, one in another, whether the alarm was changed before it.
    syncs: RefCell<Vec<bool>>,
    broken: RefCell<Option<Error>>,
    sync: Option<Rc<WalSync>>,
    write_back: Rc<WriteBack>,
    /// The history, of a file that has one.
    keeper: Option<SharedKeeper>,
    dependents: RefCell<Vec<Weak<dyn Dependent>>>,
    begin: Prepared,
    end: Prepared,
    /// Counts rollbacks, for what is cached of the database's content.
    rollbacks: Cell<u64>,
}

pub(super) type SharedKeeper = Arc<Mutex<Keeper>>;

#[derive(Default)]
struct WriteBack {
    /// When commits that are not in the history were made.
    notes: RefCell<Vec<Note>>,
    running: Cell<bool>,
    /// Frames in the log when it was last written back.
    at_frame: Cell<u32>,
    /// Whether the log may start over at the next write.
    began: Cell<bool>,
}

/// Opens (and makes, if it is not there) a database on whatever thread it is called on. Reading an old log back may take
/// long: not for the process's one thread.
fn connect(place: &Place) -> Result<(Rc<Connection>, bool)> {
    let path = match place {
        Place::Memory => None,
        Place::File(path) => Some(path.as_path()),
    };
    let has_log =
        path.is_some_and(|path| std::fs::metadata(log_path(path)).is_ok_and(|log| log.len() > 0));
    let connection = Connection::open(path, Access::Create)?;
    connection.set_busy_timeout_ms(1000);
    if path.is_some() {
        // A new file gets its header here, and has it for good before anything is in its log.
        connection.execute("PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL")?;
        connection.execute(&format!(
            "PRAGMA journal_size_limit = {MAX_RESET_LOG_BYTES}; PRAGMA synchronous = {}",
            if has_log { "NORMAL" } else { "OFF" }
        ))?;
    }
    connection.set_option(ffi::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_option(ffi::SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, false)?;
    connection.set_option(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value);
    }
    // The schema is read here, so that a file that is no database fails now.
    connection.integer("SELECT count(*) FROM sqlite_schema")?;
    Ok((connection, has_log))
}

/// As [`connect`], for another thread to use.
fn connect_detached(place: &Place) -> Result<(Detached, bool)> {
    let (connection, has_log) = connect(place)?;
    let detached = connection.detach();
    Ok((
        detached.ok_or_else(|| Error::storage("a statement is left"))?,
        has_log,
    ))
}

fn locked(keeper: &SharedKeeper) -> std::sync::MutexGuard<'_, Keeper> {
    keeper.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> Error {
    Error::storage("The object's storage is closed.")
}

impl Database {
    pub(super) async fn open(place: Place, history: Option<HistoryLimits>) -> Result<Rc<Self>> {
        let mut keeper = None;
        let (connection, has_log) = match &place {
            Place::Memory => connect(&place)?,
            Place::File(path) => {
                keeper = history.map(|limits| Arc::new(Mutex::new(Keeper::new(path, limits))));
                let (place, keeper) = (place.clone(), keeper.clone());
                let opened = blocking(move || {
                    if let Some(keeper) = keeper {
                        locked(&keeper).begin()?;
                    }
                    Ok(connect_detached(&place))
                });
                let (detached, has_log) = opened
                    .await
                    .map_err(|error| super::error::io("cannot open the object's storage", &error))?
                    .map_err(|error| error.fatal().context("cannot open the object's storage: "))?;
                (detached.into_connection(), has_log)
            }
        };
        let sync = match &place {
            Place::Memory => None,
            Place::File(path) => Some(WalSync::new(path)),
        };
        let write_back = WriteBack::default();
        write_back.began.set(has_log);
        Ok(Rc::new(Self {
            place,
            connection: RefCell::new(Some(connection)),
            transaction: RefCell::default(),
            syncs: RefCell::default(),
            broken: RefCell::new(None),
            sync,
            write_back: Rc::new(write_back),
            keeper,
            dependents: RefCell::default(),
            begin: Prepared::default(),
            end: Prepared::default(),
            rollbacks: Cell::new(0),
        }))
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The connection, if the database is neither broken nor closed.
    pub(super) fn connection(&self) -> Result<Rc<Connection>> {
        if let Some(error) = &*self.broken.borrow() {
            return Err(error.clone());
        }
        let connection = self.connection.borrow().clone();
        connection.ok_or_else(closed)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let connection = self.connection.borrow();
        connection
            .as_ref()
            .map_or(0, |connection| connection.memory_bytes())
    }

    /// Why nothing can be read or written any more, if so.
    pub(super) fn broken(&self) -> Option<Error> {
        self.broken.borrow().clone()
    }

    /// Ends all use: every later call fails with this error.
    pub(super) fn break_with(&self, error: &Error) {
        self.broken
            .borrow_mut()
            .get_or_insert_with(|| error.clone());
    }

    /// What follows from an error: one that made SQLite roll the transaction back by itself, or that says the file is
    /// unusable, breaks the database.
    pub(super) fn failed(&self, error: Error) -> Error {
        let critical = matches!(
            error.code(),
            ffi::SQLITE_FULL | ffi::SQLITE_IOERR | ffi::SQLITE_NOMEM | ffi::SQLITE_INTERRUPT
        );
        let lost = critical && self.in_transaction() && self.is_autocommit();
        if lost || error.resets_object() {
            self.break_with(&error.fatal());
        }
        error
    }

    fn is_autocommit(&self) -> bool {
        self.connection
            .borrow()
            .as_ref()
            .is_none_or(|connection| connection.is_autocommit())
    }

    pub(super) fn in_transaction(&self) -> bool {
        !matches!(*self.transaction.borrow(), Transaction::None)
    }

    pub(super) fn in_explicit_transaction(&self) -> bool {
        matches!(*self.transaction.borrow(), Transaction::Explicit(_))
    }

    pub(super) fn rollbacks(&self) -> u64 {
        self.rollbacks.get()
    }

    /// To be called before every write: the first of a turn begins the turn's transaction.
    pub(super) fn before_write(&self, confirm: bool) -> Result<()> {
        let connection = self.connection()?;
        let mut transaction = self.transaction.borrow_mut();
        match &mut *transaction {
            Transaction::None => {
                let begin = self.begin.get(&connection, "BEGIN IMMEDIATE")?;
                begin.run(&[]).map_err(|error| self.failed(error))?;
                *transaction = Transaction::Implicit(Frame {
                    confirm,
                    alarm: false,
                });
            }
            Transaction::Implicit(frame) => frame.confirm |= confirm,
            Transaction::Explicit(frames) => {
                if let Some(frame) = frames.last_mut() {
                    frame.confirm |= confirm;
                }
            }
        }
        Ok(())
    }

    /// Notes that the innermost transaction has changed the alarm, or that it has not after all.
    pub(super) fn note_alarm(&self, changed: bool) {
        match &mut *self.transaction.borrow_mut() {
            Transaction::None => {}
            Transaction::Implicit(frame) => frame.alarm = changed,
            Transaction::Explicit(frames) => {
                if let Some(frame) = frames.last_mut() {
                    frame.alarm = changed;
                }
            }
        }
    }

    /// Whether the transaction that is open has changed the alarm.
    pub(super) fn has_changed_alarm(&self) -> bool {
        match &*self.transaction.borrow() {
            Transaction::None => false,
            Transaction::Implicit(frame) => frame.alarm,
            Transaction::Explicit(frames) => frames.last().is_some_and(|frame| frame.alarm),
        }
    }

    /// Commits the turn's transaction, if there is one that is not `transaction()`'s. Says what it did.
    pub(super) fn commit_implicit(&self) -> Result<Option<(Frame, Ticket)>> {
        let Transaction::Implicit(frame) = *self.transaction.borrow() else {
            return Ok(None);
        };
        let connection = self.connection()?;
        let commit = self.end.get(&connection, "COMMIT")?;
        if let Err(error) = timed(|| commit.run(&[])) {
            let error = self.failed(error);
            return Err(self.commit_failed(error));
        }
        *self.transaction.borrow_mut() = Transaction::None;
        Ok(Some((frame, self.committed(&connection))))
    }

    /// A commit that fails loses what the worker believes it has done: the object cannot go on.
    fn commit_failed(&self, error: Error) -> Error {
        if let Some(broken) = self.broken() {
            return broken;
        }
        let error = match error.code() {
            ffi::SQLITE_CONSTRAINT => error.context(
                "Durable Object was reset and rolled back to its last known good state because the application left \
                 the database in a state where constraints were violated: ",
            ),
            _ => error,
        };
        let error = error.fatal();
        self.break_with(&error);
        error
    }

    fn committed(&self, connection: &Rc<Connection>) -> Ticket {
        let Some(sync) = &self.sync else {
            return Ticket::ready();
        };
        let ticket = sync.request();
        if self.keeper.is_some() {
            self.write_back.note(connection.wal_frames());
        }
        self.write_back_if_due(connection);
        ticket
    }

    /// Does something with the history and what has been committed so far, beside the process's thread. None if the
    /// database has no history.
    pub(super) async fn with_history<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Keeper, &[Note]) -> Result<T> + Send + 'static,
    ) -> Option<Result<T>> {
        let keeper = self.keeper.clone()?;
        let notes = self.write_back.notes.borrow().clone();
        let done = blocking(move || Ok(work(&mut locked(&keeper), &notes)));
        Some(done.await.unwrap_or_else(|error| Err(error.into())))
    }

    /// A ticket for everything committed so far.
    pub(super) fn pending(&self) -> Ticket {
        self.sync
            .as_ref()
            .map_or_else(Ticket::ready, |sync| sync.pending())
    }

    /// Opens a level of `transaction()`. The turn's own transaction has to be committed before the outermost.
    pub(super) fn begin_explicit(&self) -> Result<usize> {
        let connection = self.connection()?;
        let mut transaction = self.transaction.borrow_mut();
        let (depth, inherited) = match &*transaction {
            Transaction::None => (0, Frame::default()),
            Transaction::Implicit(_) => {
                return Err(Error::storage(
                    "a transaction begins before the turn's commit",
                ));
            }
            Transaction::Explicit(frames) => {
                (frames.len(), frames.last().copied().unwrap_or_default())
            }
        };
        if depth == 0 {
            // A savepoint alone would begin a reader, which fails when it comes to write.
            connection
                .execute("BEGIN IMMEDIATE")
                .map_err(|error| self.failed(error))?;
        }
        let savepoint = format!("SAVEPOINT _cf_savepoint_{depth}");
        connection
            .execute(&savepoint)
            .map_err(|error| self.failed(error))?;
        match &mut *transaction {
            Transaction::Explicit(frames) => frames.push(inherited),
            other => *other = Transaction::Explicit(vec![inherited]),
        }
        Ok(depth)
    }

    /// Whether this level is the innermost: only that may end.
    fn is_innermost(&self, depth: usize) -> bool {
        match &*self.transaction.borrow() {
            Transaction::Explicit(frames) => frames.len() == depth + 1,
            _ => false,
        }
    }

    /// Ends the innermost level, keeping what it did. At the outermost it is committed.
    pub(super) fn commit_explicit(&self, depth: usize) -> Result<Option<(Frame, Ticket)>> {
        let connection = self.connection()?;
        if !self.is_innermost(depth) {
            return Err(Error::storage(
                "a transaction ends that is not the innermost",
            ));
        }
        connection
            .execute(&format!("RELEASE _cf_savepoint_{depth}"))
            .map_err(|error| self.failed(error))?;
        if depth == 0
            && let Err(error) = timed(|| connection.execute("COMMIT"))
        {
            let error = self.failed(error);
            return Err(self.commit_failed(error));
        }
        let ended = self.pop();
        if depth == 0 {
            return Ok(Some((ended, self.committed(&connection))));
        }
        if let Transaction::Explicit(frames) = &mut *self.transaction.borrow_mut()
            && let Some(outer) = frames.last_mut()
        {
            outer.confirm |= ended.confirm;
            outer.alarm |= ended.alarm;
        }
        Ok(None)
    }

    /// Ends the innermost level, undoing what it did.
    pub(super) fn rollback_explicit(&self, depth: usize) -> Result<()> {
        let connection = self.connection()?;
        if !self.is_innermost(depth) {
            return Err(Error::worker(
                "Cannot roll back an outer transaction while a nested transaction is still running.",
            ));
        }
        self.rollbacks.set(self.rollbacks.get() + 1);
        let undone = if depth == 0 {
            connection.execute("ROLLBACK")
        } else {
            connection.execute(&format!(
                "ROLLBACK TO _cf_savepoint_{depth}; RELEASE _cf_savepoint_{depth}"
            ))
        };
        self.pop();
        undone.map_err(|error| self.failed(error))
    }

    fn pop(&self) -> Frame {
        let mut transaction = self.transaction.borrow_mut();
        let Transaction::Explicit(frames) = &mut *transaction else {
            return Frame::default();
        };
        let ended = frames.pop().unwrap_or_default();
        if frames.is_empty() {
            *transaction = Transaction::None;
        }
        ended
    }

    /// Begins a `transactionSync`. Every one is ended by exactly one of the two calls below.
    pub(super) fn begin_sync(&self) -> Result<()> {
        self.before_write(true)?;
        let depth = self.syncs.borrow().len();
        let savepoint = format!("SAVEPOINT _cf_sync_savepoint_{depth}");
        self.connection()?
            .execute(&savepoint)
            .map_err(|error| self.failed(error))?;
        let changed = self.has_changed_alarm();
        self.syncs.borrow_mut().push(changed);
        Ok(())
    }

    pub(super) fn commit_sync(&self) -> Result<()> {
        let depth = self.syncs.borrow().len().saturating_sub(1);
        if self.broken.borrow().is_some() {
            return Err(Error::worker(
                "Cannot commit transaction due to an earlier SQL critical error",
            ));
        }
        let release = format!("RELEASE _cf_sync_savepoint_{depth}");
        self.connection()?
            .execute(&release)
            .map_err(|error| self.failed(error))?;
        self.syncs.borrow_mut().pop();
        Ok(())
    }

    pub(super) fn rollback_sync(&self) -> Result<()> {
        let changed = self.syncs.borrow_mut().pop();
        let depth = self.syncs.borrow().len();
        if self.broken.borrow().is_some() {
            return Ok(());
        }
        self.note_alarm(changed.unwrap_or(false));
        self.rollbacks.set(self.rollbacks.get() + 1);
        let rollback =
            format!("ROLLBACK TO _cf_sync_savepoint_{depth}; RELEASE _cf_sync_savepoint_{depth}");
        self.connection()?
            .execute(&rollback)
            .map_err(|error| self.failed(error))
    }

    /// Undoes the turn's transaction, for an object that is reset before its turn could commit.
    pub(super) fn abandon(&self) {
        if let Some(connection) = &*self.connection.borrow()
            && !connection.is_autocommit()
        {
            // A failure leaves the transaction to the recovery of the next opening, which undoes it as well.
            _ = connection.execute("ROLLBACK");
        }
        *self.transaction.borrow_mut() = Transaction::None;
        self.syncs.borrow_mut().clear();
        self.rollbacks.set(self.rollbacks.get() + 1);
    }

    pub(super) fn add_dependent(&self, dependent: Weak<dyn Dependent>) {
        let mut dependents = self.dependents.borrow_mut();
        if dependents.len() == dependents.capacity() {
            dependents.retain(|dependent| dependent.strong_count() > 0);
        }
        dependents.push(dependent);
    }

    fn cancel_dependents(&self, why: &Error) {
        let dependents = std::mem::take(&mut *self.dependents.borrow_mut());
        for dependent in dependents.iter().filter_map(Weak::upgrade) {
            dependent.cancel(why);
        }
    }

    /// Deletes everything there is, or puts another database in its place, in a transaction of its own. The turn's
    /// transaction is undone first.
    pub(super) fn erase(&self, instead: Option<Rc<Connection>>) -> Result<Ticket> {
        if self.in_explicit_transaction() || !self.syncs.borrow().is_empty() {
            return Err(Error::worker(
                "Cannot call deleteAll() within a transaction",
            ));
        }
        let connection = self.connection()?;
        self.cancel_dependents(&Error::worker(
            "SQLite query was canceled because the database was deleted.",
        ));
        self.abandon();
        let erased = match instead {
            Some(other) => other.copy_to(&connection),
            None => {
                connection.set_option(ffi::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
                // VACUUM attaches a temporary database.
                connection.set_limit(ffi::SQLITE_LIMIT_ATTACHED, 1);
                let erased = connection.execute("VACUUM");
                connection.set_limit(ffi::SQLITE_LIMIT_ATTACHED, 0);
                connection.set_option(ffi::SQLITE_DBCONFIG_RESET_DATABASE, false)?;
                erased
            }
        };
        erased.map_err(|error| self.failed(error))?;
        Ok(self.committed(&connection))
    }

    /// Writes the log back into the file beside the process's thread once it has grown enough.
    fn write_back_if_due(&self, connection: &Rc<Connection>) {
        let Place::File(path) = &self.place else {
            return;
        };
        let state = self.write_back.clone();
        let frames = connection.wal_frames();
        if frames < state.at_frame.get() {
            state.at_frame.set(0);
        }
        if state.running.get() || frames - state.at_frame.get() < WRITE_BACK_FRAMES {
            return;
        }
        if !state.began.get() {
            // From here on the log may start over, and then its header has to be synced before its frames.
            if connection.execute("PRAGMA synchronous = NORMAL").is_err() {
                return;
            }
            state.began.set(true);
        }
        state.running.set(true);
        state.at_frame.set(frames);
        let path = path.clone();
        let connection = Rc::downgrade(connection);
        let keeper = self.keeper.clone();
        let notes = state.notes.take();
        tokio::task::spawn_local(async move {
            // A write-back that fails leaves the log as it is; the next one tries again.
            let beside = keeper.clone();
            let done = blocking(move || {
                Ok(write_back(&path, beside.as_ref().map(|keeper| (keeper, &notes[..]))).is_ok())
            });
            let done = done.await;
            state.running.set(false);
            let Some(connection) = connection.upgrade() else {
                return;
            };
            if !matches!(done, Ok(true))
                || connection.wal_frames() <= MAX_LOG_FRAMES
                || !connection.is_autocommit()
            {
                return;
            }
            let archived = keeper.is_none_or(|keeper| match keeper.try_lock() {
                Ok(mut keeper) => keeper.archive(&state.notes.take()).is_ok(),
                Err(_) => false,
            });
            if archived {
                _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)");
            }
        });
    }

    /// Closes the file, with its log written back, beside the process's thread. Nothing may be used afterwards.
    pub(super) async fn close(&self) -> Result<()> {
        let closed = closed();
        self.cancel_dependents(&closed);
        self.abandon();
        self.begin.clear();
        self.end.clear();
        self.break_with(&closed);
        let connection = self.connection.borrow_mut().take();
        let Some(detached) = connection.and_then(Connection::detach) else {
            return Ok(());
        };
        let (keeper, notes) = (self.keeper.clone(), self.write_back.notes.take());
        let close = blocking(move || {
            let connection = detached.into_connection();
            let archived = match &keeper {
                Some(keeper) => locked(keeper).archive(&notes),
                None => Ok(()),
            };
            // The last connection to close writes the log back, with the syncs that go with it.
            let ready = connection.execute("PRAGMA synchronous = FULL");
            drop(connection);
            archived?;
            ready.map_err(std::io::Error::other)?;
            keeper.map_or(Ok(()), |keeper| locked(&keeper).closed())
        });
        close
            .await
            .map_err(|error| super::error::io("cannot close the object's storage", &error))
    }
}

impl WriteBack {
    /// Notes the time of a commit, once a second.
    fn note(&self, frames: u32) {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let time_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let mut notes = self.notes.borrow_mut();
        match notes.last_mut() {
            Some(last) if last.time_ms / 1000 == time_ms / 1000 && last.frames < frames => {
                *last = Note { frames, time_ms };
            }
            _ => notes.push(Note { frames, time_ms }),
        }
    }
}

/// Copies the pages of the log into the file, as far as no reader needs them where they are. What there is to copy is
/// put into the history first; a reader keeps later commits from being copied meanwhile.
pub(super) fn write_back(path: &Path, history: Option<(&SharedKeeper, &[Note])>) -> Result<()> {
    let connection = Connection::open(Some(path), Access::Write)?;
    let mut reader = None;
    if let Some((keeper, notes)) = history {
        let pin = Connection::open(Some(path), Access::Write)?;
        pin.execute("BEGIN; SELECT 1 FROM sqlite_schema")?;
        locked(keeper).archive(notes)?;
        reader = Some(pin);
    }
    connection.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(PASSIVE)")?;
    drop(reader);
    Ok(())
}
