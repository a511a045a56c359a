//! A connection and its statements: the few calls of SQLite that the folder needs, made safe.
//!
//! Used by the folder's other files, by nobody else. A [`Statement`] keeps its [`Connection`] open, and borrows of what
//! SQLite lends (columns) end before the statement moves on. Relies on rusqlite for the bundled library only: its own
//! statements cannot outlive a call, as a worker's cursors do.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;

use rusqlite::ffi;

use super::authorizer;
use super::error::{Error, Result, describe};
use super::{functions, interrupt};

/// Who a statement is prepared and run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The runtime itself: everything is allowed.
    Trusted,
    /// The worker: the authorizer decides.
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Create,
    Write,
    Read,
    /// For a file that nobody changes meanwhile: no file beside it is read or made.
    Immutable,
}

/// Has SQLite keep what does not fit its memory, sorted rows above all, in a folder: each file is deleted as soon as it is open. To be
/// said once, before anything is opened. Without it that is what `SQLITE_TMPDIR`, `TMPDIR`, or the system says.
pub fn keep_temporary_files_in(folder: &Path) {
    if let Ok(path) = CString::new(folder.as_os_str().as_bytes()) {
        // SAFETY: no connection is open yet that could read it meanwhile; the text lives on.
        unsafe { ffi::sqlite3_temp_directory = path.into_raw() };
    }
}

/// A value to bind, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// Text as SQLite holds it: UTF-8 unless a worker has put other bytes there.
    Text(&'a [u8]),
    /// BLOB.
    Blob(&'a [u8]),
}

/// What the callbacks of a connection read and write. At a fixed address for as long as the connection is open.
struct Hooks {
    mode: Cell<Mode>,
    /// Why the authorizer refused, where SQLite's own words are not the ones to show.
    refusal: Cell<Option<&'static str>>,
    /// Whether the statement being prepared alters a table.
    alters: Cell<bool>,
    wal_frames: Cell<u32>,
}

/// Instructions of SQLite's machine between two looks at the time. One may make 8 MiB of text.
const LOOK_AFTER_STEPS: c_int = 50;

pub(super) struct Connection {
    db: NonNull<ffi::sqlite3>,
    hooks: Box<Hooks>,
}

/// Why nothing is prepared of a text.
pub(super) const NO_STATEMENT: &str = "SQL code did not contain a statement.";

impl Connection {
    /// Opens a file, or a database in memory if there is no path.
    pub(super) fn open(path: Option<&Path>, access: Access) -> Result<Rc<Self>> {
        let name = path.map_or(c":memory:".to_owned(), |path| {
            let name = match access {
                Access::Immutable => immutable_uri(path).into_bytes(),
                _ => path.as_os_str().as_bytes().to_owned(),
            };
            CString::new(name).unwrap_or_default()
        });
        let flags = match access {
            Access::Create => ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE,
            Access::Write => ffi::SQLITE_OPEN_READWRITE,
            Access::Read => ffi::SQLITE_OPEN_READONLY,
            Access::Immutable => ffi::SQLITE_OPEN_READONLY | ffi::SQLITE_OPEN_URI,
        } | ffi::SQLITE_OPEN_NOMUTEX;
        let mut db = ptr::null_mut();
        // SAFETY: `name` ends in NUL and `db` is a place for the result, which is closed below or by `Drop`.
        let code = unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &mut db, flags, ptr::null()) };
        let Some(db) = NonNull::new(db) else {
            return Err(Error::storage("out of memory: SQLITE_NOMEM"));
        };
        let connection = Self {
            db,
            hooks: Box::new(Hooks {
                mode: Cell::new(Mode::Trusted),
                refusal: Cell::new(None),
                alters: Cell::new(false),
                wal_frames: Cell::new(0),
            }),
        };
        connection.check(code)?;
        let hooks = ptr::from_ref(&*connection.hooks).cast_mut().cast();
        // The hook takes the place of the one that would write the log back in the middle of a commit.
        // SAFETY: the hooks live in a box that is dropped after the connection is closed.
        unsafe {
            ffi::sqlite3_set_authorizer(db.as_ptr(), Some(on_authorize), hooks);
            ffi::sqlite3_wal_hook(db.as_ptr(), Some(on_wal), hooks);
            if interrupt::is_limited() {
                let (db, steps) = (db.as_ptr(), LOOK_AFTER_STEPS);
                ffi::sqlite3_progress_handler(db, steps, Some(on_progress), hooks);
            }
            connection.check(functions::install(db.as_ptr()))?;
        }
        Ok(Rc::new(connection))
    }

    /// Calls one of SQLite's functions that want nothing but an open connection.
    fn ask<R>(&self, function: unsafe extern "C" fn(*mut ffi::sqlite3) -> R) -> R {
        // SAFETY: the connection is open.
        unsafe { function(self.raw()) }
    }

    fn raw(&self) -> *mut ffi::sqlite3 {
        self.db.as_ptr()
    }

    pub(super) fn set_limit(&self, limit: c_int, value: c_int) {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_limit(self.raw(), limit, value) };
    }

    /// Turns one of the connection's boolean options on or off.
    pub(super) fn set_option(&self, option: c_int, on: bool) -> Result<()> {
        // SAFETY: every option the folder uses takes an int and a place for the answer, which may be null.
        let code = unsafe {
            ffi::sqlite3_db_config(
                self.raw(),
                option,
                c_int::from(on),
                ptr::null_mut::<c_int>(),
            )
        };
        self.check(code)
    }

    pub(super) fn set_busy_timeout_ms(&self, milliseconds: c_int) {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_busy_timeout(self.raw(), milliseconds) };
    }

    /// Whether no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.ask(ffi::sqlite3_get_autocommit) != 0
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    pub(super) fn changes(&self) -> i64 {
        self.ask(ffi::sqlite3_changes64)
    }

    /// Frames in the write-ahead log after this connection's last commit.
    pub(super) fn wal_frames(&self) -> u32 {
        self.hooks.wal_frames.get()
    }

    /// Memory of its page cache, schema and prepared statements.
    pub(super) fn memory_bytes(&self) -> u64 {
        let kinds = [
            ffi::SQLITE_DBSTATUS_CACHE_USED,
            ffi::SQLITE_DBSTATUS_SCHEMA_USED,
            ffi::SQLITE_DBSTATUS_STMT_USED,
        ];
        let used = |kind| {
            let (mut now, mut most) = (0, 0);
            // SAFETY: the connection is open, and the results are places on the stack.
            unsafe { ffi::sqlite3_db_status(self.raw(), kind, &mut now, &mut most, 0) };
            u64::try_from(now).unwrap_or(0)
        };
        kinds.into_iter().map(used).sum()
    }

    fn check(&self, code: c_int) -> Result<()> {
        if code == ffi::SQLITE_OK {
            Ok(())
        } else {
            Err(self.error(code))
        }
    }

    fn error(&self, code: c_int) -> Error {
        // SAFETY: SQLite always has a message, which is copied before any other call.
        let message = unsafe { CStr::from_ptr(self.ask(ffi::sqlite3_errmsg)) };
        let message = message.to_string_lossy().into_owned();
        let offset = self.ask(ffi::sqlite3_error_offset);
        let extended = self.ask(ffi::sqlite3_extended_errcode);
        let code = code & 0xff;
        Error::sqlite(code, describe(&message, offset, code, extended))
    }

    /// Runs statements of the runtime's own, dropping what they return.
    pub(super) fn execute(self: &Rc<Self>, sql: &str) -> Result<()> {
        let mut rest = sql;
        while !rest.trim_ascii().is_empty() {
            let (statement, used) = self.prepare(rest, Mode::Trusted, false)?;
            if let Some(statement) = statement {
                while statement.step()? {}
            }
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Prepares a statement of the runtime's own that is used again and again.
    pub(super) fn trusted(self: &Rc<Self>, sql: &str) -> Result<Statement> {
        let (statement, _) = self.prepare(sql, Mode::Trusted, true)?;
        statement.ok_or_else(|| Error::storage(NO_STATEMENT))
    }

    /// The first column of the first row, if it is an integer.
    pub(super) fn integer(self: &Rc<Self>, sql: &str) -> Result<Option<i64>> {
        let statement = self.trusted(sql)?;
        let found = statement.step()?;
        Ok(match found.then(|| statement.column(0)) {
            Some(ValueRef::Integer(value)) => Some(value),
            _ => None,
        })
    }

    /// Prepares the first statement of `sql` (none if there is only blank or comment) and says how many bytes it took.
    pub(super) fn prepare(
        self: &Rc<Self>,
        sql: &str,
        mode: Mode,
        persistent: bool,
    ) -> Result<(Option<Statement>, usize)> {
        let flags = if persistent {
            ffi::SQLITE_PREPARE_PERSISTENT
        } else {
            0
        };
        let length = c_int::try_from(sql.len())
            .map_err(|_| Error::worker("statement too long: SQLITE_TOOBIG"))?;
        let start = sql.as_ptr().cast::<c_char>();
        let mut statement = ptr::null_mut();
        let mut tail = ptr::null();
        self.hooks.refusal.set(None);
        self.hooks.alters.set(false);
        self.hooks.mode.set(mode);
        // SAFETY: `start` points at `length` bytes; the results are places on the stack.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(self.raw(), start, length, flags, &mut statement, &mut tail)
        };
        self.hooks.mode.set(Mode::Trusted);
        if code != ffi::SQLITE_OK {
            return Err(match self.hooks.refusal.take() {
                Some(refusal) if code == ffi::SQLITE_AUTH => Error::worker(refusal),
                _ => self.error(code),
            });
        }
        // The tail points into `sql` or at its end.
        let used = tail.addr().wrapping_sub(start.addr()).min(sql.len());
        let statement = NonNull::new(statement).map(|raw| Statement {
            raw,
            mode,
            connection: self.clone(),
        });
        if self.hooks.alters.get() && authorizer::renames_to_reserved(&sql[..used]) {
            return Err(Error::worker("not authorized: SQLITE_AUTH"));
        }
        Ok((statement, used))
    }

    /// Copies what is committed here into another database, page by page, in place of what is there.
    pub(super) fn copy_to(&self, other: &Self) -> Result<()> {
        let main = c"main".as_ptr();
        // SAFETY: both connections are open, and stay so until the copy is finished, in this function.
        let code = unsafe {
            let backup = ffi::sqlite3_backup_init(other.raw(), main, self.raw(), main);
            if backup.is_null() {
                return Err(other.error(ffi::sqlite3_errcode(other.raw())));
            }
            let code = ffi::sqlite3_backup_step(backup, -1);
            // What the end returns leaves out that a lock was in the way.
            ffi::sqlite3_backup_finish(backup);
            code
        };
        other.check(if code == ffi::SQLITE_DONE {
            ffi::SQLITE_OK
        } else {
            code
        })
    }

    /// Takes the connection off this thread, to be closed on another: closing may write and sync the whole log. None if
    /// a statement still needs it, in which case it closes with the last one.
    pub(super) fn detach(self: Rc<Self>) -> Option<Detached> {
        Rc::try_unwrap(self).ok().map(Detached)
    }
}

/// SQLite's name for a file that does not change (<https://www.sqlite.org/uri.html>).
fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            byte => uri += &format!("%{byte:02X}"),
        }
    }
    uri + "?immutable=1"
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: statements hold the connection, so none is left; after this nothing uses the pointer.
        unsafe { ffi::sqlite3_close(self.raw()) };
    }
}

/// A connection that no statement uses, on its way to be closed.
pub(super) struct Detached(Connection);

// SAFETY: no statement or other reference is left, and SQLite lets one thread after another use a connection.
unsafe impl Send for Detached {}

impl Detached {
    pub(super) fn into_connection(self) -> Rc<Connection> {
        Rc::new(self.0)
    }
}

unsafe extern "C" fn on_authorize(
    hooks: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    _trigger: *const c_char,
) -> c_int {
    // SAFETY: SQLite passes back the pointer to the hooks that it was given.
    let hooks = unsafe { &*hooks.cast::<Hooks>() };
    if hooks.mode.get() == Mode::Trusted {
        return ffi::SQLITE_OK;
    }
    if action == ffi::SQLITE_ALTER_TABLE {
        hooks.alters.set(true);
    }
    // SAFETY: SQLite passes strings that end in NUL and outlive the call, or null.
    let text = |pointer: *const c_char| unsafe {
        (!pointer.is_null()).then(|| CStr::from_ptr(pointer).to_bytes())
    };
    match authorizer::authorize(action, text(first), text(second), text(database)) {
        authorizer::Verdict::Allow => ffi::SQLITE_OK,
        authorizer::Verdict::Deny => ffi::SQLITE_DENY,
        authorizer::Verdict::Explain(why) => {
            hooks.refusal.set(Some(why));
            ffi::SQLITE_DENY
        }
    }
}

/// Interrupts a worker's statement that has used its time. What the runtime does itself is not asked.
unsafe extern "C" fn on_progress(hooks: *mut c_void) -> c_int {
    // SAFETY: SQLite passes back the pointer to the hooks that it was given.
    let hooks = unsafe { &*hooks.cast::<Hooks>() };
    c_int::from(hooks.mode.get() == Mode::User && interrupt::is_over())
}

unsafe extern "C" fn on_wal(
    hooks: *mut c_void,
    _db: *mut ffi::sqlite3,
    _name: *const c_char,
    frames: c_int,
) -> c_int {
    // SAFETY: SQLite passes back the pointer to the hooks that it was given.
    let hooks = unsafe { &*hooks.cast::<Hooks>() };
    hooks.wal_frames.set(u32::try_from(frames).unwrap_or(0));
    ffi::SQLITE_OK
}

pub(super) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    mode: Mode,
    connection: Rc<Connection>,
}

impl Statement {
    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    /// Calls one of SQLite's functions that want nothing but a statement.
    fn ask<R>(&self, function: unsafe extern "C" fn(*mut ffi::sqlite3_stmt) -> R) -> R {
        // SAFETY: the statement is alive.
        unsafe { function(self.raw()) }
    }

    /// Binds parameter `index`, counted from 1; SQLite keeps a copy.
    pub(super) fn bind(&self, index: usize, value: ValueRef<'_>) -> Result<()> {
        let raw = self.raw();
        let at = c_int::try_from(index).unwrap_or(c_int::MAX);
        let copy = ffi::SQLITE_TRANSIENT();
        // SAFETY: the statement is alive, and what is bound is copied before the call returns.
        let code = unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(raw, at),
                ValueRef::Integer(value) => ffi::sqlite3_bind_int64(raw, at, value),
                ValueRef::Real(value) => ffi::sqlite3_bind_double(raw, at, value),
                ValueRef::Text(text) => ffi::sqlite3_bind_text64(
                    raw,
                    at,
                    start(text).cast(),
                    text.len() as u64,
                    copy,
                    ffi::SQLITE_UTF8 as u8,
                ),
                ValueRef::Blob(bytes) => {
                    ffi::sqlite3_bind_blob64(raw, at, start(bytes).cast(), bytes.len() as u64, copy)
                }
            }
        };
        self.connection.check(code)
    }

    /// Runs to the next row; false at the end.
    pub(super) fn step(&self) -> Result<bool> {
        // A change of schema makes SQLite prepare the statement again, which asks the authorizer.
        self.connection.hooks.mode.set(self.mode);
        let code = self.ask(ffi::sqlite3_step);
        self.connection.hooks.mode.set(Mode::Trusted);
        match code {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(self.connection.error(code)),
        }
    }

    /// Binds, runs to the end without looking at rows, and makes ready for the next run.
    pub(super) fn run(&self, values: &[ValueRef<'_>]) -> Result<()> {
        self.query(values, |_| ())?;
        Ok(())
    }

    /// Binds, runs, shows every row to `on_row`, and makes ready for the next run. Says how many rows there were.
    pub(super) fn query(
        &self,
        values: &[ValueRef<'_>],
        mut on_row: impl FnMut(&Self),
    ) -> Result<usize> {
        let _reset = Reset(self);
        for (index, value) in values.iter().enumerate() {
            self.bind(index + 1, *value)?;
        }
        let mut rows = 0;
        while self.step()? {
            on_row(self);
            rows += 1;
        }
        Ok(rows)
    }

    /// Makes ready for another run: no row, no parameters, counters at zero.
    pub(super) fn reset(&self) {
        // The codes repeat the last run's error, which was reported then.
        self.ask(ffi::sqlite3_reset);
        self.ask(ffi::sqlite3_clear_bindings);
        self.counter(ROWS_READ, true);
        self.counter(ROWS_WRITTEN, true);
    }

    fn counter(&self, counter: c_int, reset: bool) -> u64 {
        // SAFETY: the statement is alive.
        let value = unsafe { ffi::sqlite3_stmt_status(self.raw(), counter, c_int::from(reset)) };
        u64::try_from(value).unwrap_or(0)
    }

    /// Rows that the run has visited so far.
    pub(super) fn rows_read(&self) -> u64 {
        self.counter(ROWS_READ, false)
    }

    /// Rows that the run has written so far, index entries included.
    pub(super) fn rows_written(&self) -> u64 {
        self.counter(ROWS_WRITTEN, false)
    }

    /// Whether a change of the schema made SQLite prepare the statement again since this was last asked.
    pub(super) fn was_prepared_anew(&self) -> bool {
        self.counter(ffi::SQLITE_STMTSTATUS_REPREPARE, true) > 0
    }

    pub(super) fn is_readonly(&self) -> bool {
        self.ask(ffi::sqlite3_stmt_readonly) != 0
    }

    pub(super) fn parameters(&self) -> usize {
        usize::try_from(self.ask(ffi::sqlite3_bind_parameter_count)).unwrap_or(0)
    }

    pub(super) fn columns(&self) -> usize {
        usize::try_from(self.ask(ffi::sqlite3_column_count)).unwrap_or(0)
    }

    pub(super) fn column_name(&self, index: usize) -> String {
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        // SAFETY: the statement is alive; the name is copied before any other call.
        unsafe {
            let name = ffi::sqlite3_column_name(self.raw(), index);
            if name.is_null() {
                return String::new();
            }
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }

    /// A column of the current row. Not to be kept past the next `step` or `reset`: callers copy within the row's turn.
    pub(super) fn column(&self, index: usize) -> ValueRef<'_> {
        let raw = self.raw();
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        // SAFETY: the statement is alive and on a row; SQLite answers NULL for a column that is not there. Text and
        // blob stay until the statement moves on.
        unsafe {
            let bytes = |data: *const u8| {
                let length = usize::try_from(ffi::sqlite3_column_bytes(raw, index)).unwrap_or(0);
                if data.is_null() {
                    &[][..]
                } else {
                    slice::from_raw_parts(data, length)
                }
            };
            match ffi::sqlite3_column_type(raw, index) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_column_int64(raw, index)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_column_double(raw, index)),
                ffi::SQLITE_TEXT => ValueRef::Text(bytes(ffi::sqlite3_column_text(raw, index))),
                ffi::SQLITE_BLOB => {
                    ValueRef::Blob(bytes(ffi::sqlite3_column_blob(raw, index).cast()))
                }
                _ => ValueRef::Null,
            }
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: after this nothing uses the pointer.
        unsafe { ffi::sqlite3_finalize(self.raw()) };
    }
}

/// Resets a statement when a run of it ends, however it ends.
struct Reset<'a>(&'a Statement);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}

/// A pointer that is not null even for no bytes: SQLite takes null for NULL.
fn start(bytes: &[u8]) -> *const u8 {
    if bytes.is_empty() {
        c"".as_ptr().cast()
    } else {
        bytes.as_ptr()
    }
}

/// The counters that the library in deploy/sqlite has beside SQLite's own.
const ROWS_READ: c_int = 9;
const ROWS_WRITTEN: c_int = 10;

/// Kept so that a statement made ready once serves every later call.
#[derive(Default)]
pub(super) struct Prepared(RefCell<Option<Rc<Statement>>>);

impl Prepared {
    pub(super) fn get(&self, connection: &Rc<Connection>, sql: &str) -> Result<Rc<Statement>> {
        if let Some(statement) = &*self.0.borrow() {
            return Ok(statement.clone());
        }
        let statement = Rc::new(connection.trusted(sql)?);
        *self.0.borrow_mut() = Some(statement.clone());
        Ok(statement)
    }

    pub(super) fn clear(&self) {
        self.0.borrow_mut().take();
    }
}
