//! What goes wrong in storage, and whose fault it is.
//!
//! Every function of the folder returns [`Error`]. The layer that faces JavaScript throws `message` in the class that
//! `class()` names, and resets the object if `resets_object()`. Messages are those of the published workerd, which the
//! worker sees: SQLite's own text, where in the statement it is, and the name of the code.

use std::fmt;
use std::sync::Arc;

use rusqlite::ffi;

/// What the storage answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Whose fault an error is, and so what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The worker asked for something that cannot be: it gets the error, and all goes on.
    Worker,
    /// The storage failed in a way that no statement can mend: the object is reset.
    Storage,
}

/// The JavaScript class that an error is thrown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A plain one.
    Error,
    /// A wrong type of argument.
    TypeError,
}

/// Why the storage could not do what was asked.
#[derive(Clone, Debug)]
pub struct Error(Arc<Detail>);

#[derive(Debug)]
struct Detail {
    fault: Fault,
    class: Class,
    /// SQLite's primary result code, 0 if it did not come from SQLite.
    code: i32,
    message: String,
}

impl Error {
    fn new(fault: Fault, class: Class, code: i32, message: String) -> Self {
        Self(Arc::new(Detail {
            fault,
            class,
            code,
            message,
        }))
    }

    /// The worker's mistake, thrown as an Error.
    pub fn worker(message: impl Into<String>) -> Self {
        Self::new(Fault::Worker, Class::Error, 0, message.into())
    }

    /// The worker's mistake, thrown as a TypeError.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new(Fault::Worker, Class::TypeError, 0, message.into())
    }

    /// The storage's failure: the object is reset.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(Fault::Storage, Class::Error, 0, message.into())
    }

    /// What SQLite returned for something the worker asked for.
    pub(super) fn sqlite(code: i32, message: String) -> Self {
        let fault = match code {
            ffi::SQLITE_CORRUPT
            | ffi::SQLITE_NOTADB
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_READONLY
            | ffi::SQLITE_PERM
            | ffi::SQLITE_PROTOCOL => Fault::Storage,
            _ => Fault::Worker,
        };
        Self::new(fault, Class::Error, code, message)
    }

    /// The same failure, from which the object cannot go on.
    pub(super) fn fatal(&self) -> Self {
        Self::new(
            Fault::Storage,
            self.0.class,
            self.0.code,
            self.0.message.clone(),
        )
    }

    /// The same failure with words before it.
    pub(super) fn context(&self, words: &str) -> Self {
        let message = format!("{words}{}", self.0.message);
        Self::new(self.0.fault, self.0.class, self.0.code, message)
    }

    /// What the worker is told.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What it is thrown as.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Whether the object that met this error has to be reset.
    pub fn resets_object(&self) -> bool {
        self.0.fault == Fault::Storage
    }

    /// Whether another connection has locked the file.
    pub(super) fn is_busy(&self) -> bool {
        self.0.code == ffi::SQLITE_BUSY
    }

    pub(super) fn code(&self) -> i32 {
        self.0.code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        io("storage", &error)
    }
}

/// A failure of the file system under a database.
pub(super) fn io(what: &str, error: &std::io::Error) -> Error {
    Error::storage(format!("{what}: {error}"))
}

/// `message[ at offset N]: SQLITE_X[ (extended: SQLITE_X_Y)]`
pub(super) fn describe(message: &str, offset: i32, code: i32, extended: i32) -> String {
    let mut text = message.to_owned();
    if offset >= 0 {
        text += &format!(" at offset {offset}");
    }
    match PRIMARY.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => text += &format!(": {name}"),
        None => text += &format!(": SQLITE_UNKNOWN_ERROR_CODE({code})"),
    }
    if extended != code
        && let Some((_, name)) = EXTENDED.iter().find(|(known, _)| *known == extended)
    {
        text += &format!(" (extended: {name})");
    }
    text
}

macro_rules! named {
    ($($name:ident)*) => { &[$((ffi::$name, stringify!($name))),*] };
}

const PRIMARY: &[(i32, &str)] = named! {
    SQLITE_OK SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_BUSY SQLITE_LOCKED SQLITE_NOMEM
    SQLITE_READONLY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_CORRUPT SQLITE_NOTFOUND SQLITE_FULL SQLITE_CANTOPEN
    SQLITE_PROTOCOL SQLITE_EMPTY SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT SQLITE_MISMATCH SQLITE_MISUSE
    SQLITE_NOLFS SQLITE_AUTH SQLITE_FORMAT SQLITE_RANGE SQLITE_NOTADB SQLITE_NOTICE SQLITE_WARNING SQLITE_ROW
    SQLITE_DONE
};

const EXTENDED: &[(i32, &str)] = named! {
    SQLITE_ABORT_ROLLBACK SQLITE_AUTH_USER SQLITE_BUSY_RECOVERY SQLITE_BUSY_SNAPSHOT SQLITE_BUSY_TIMEOUT
    SQLITE_CANTOPEN_CONVPATH SQLITE_CANTOPEN_DIRTYWAL SQLITE_CANTOPEN_FULLPATH SQLITE_CANTOPEN_ISDIR
    SQLITE_CANTOPEN_NOTEMPDIR SQLITE_CANTOPEN_SYMLINK SQLITE_CONSTRAINT_CHECK SQLITE_CONSTRAINT_COMMITHOOK
    SQLITE_CONSTRAINT_DATATYPE SQLITE_CONSTRAINT_FOREIGNKEY SQLITE_CONSTRAINT_FUNCTION SQLITE_CONSTRAINT_NOTNULL
    SQLITE_CONSTRAINT_PINNED SQLITE_CONSTRAINT_PRIMARYKEY SQLITE_CONSTRAINT_ROWID SQLITE_CONSTRAINT_TRIGGER
    SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_VTAB SQLITE_CORRUPT_INDEX SQLITE_CORRUPT_SEQUENCE SQLITE_CORRUPT_VTAB
    SQLITE_ERROR_MISSING_COLLSEQ SQLITE_ERROR_RETRY SQLITE_ERROR_SNAPSHOT SQLITE_IOERR_ACCESS SQLITE_IOERR_AUTH
    SQLITE_IOERR_BEGIN_ATOMIC SQLITE_IOERR_BLOCKED SQLITE_IOERR_CHECKRESERVEDLOCK SQLITE_IOERR_CLOSE
    SQLITE_IOERR_COMMIT_ATOMIC SQLITE_IOERR_CONVPATH SQLITE_IOERR_CORRUPTFS SQLITE_IOERR_DATA SQLITE_IOERR_DELETE
    SQLITE_IOERR_DELETE_NOENT SQLITE_IOERR_DIR_CLOSE SQLITE_IOERR_DIR_FSYNC SQLITE_IOERR_FSTAT SQLITE_IOERR_FSYNC
    SQLITE_IOERR_GETTEMPPATH SQLITE_IOERR_LOCK SQLITE_IOERR_MMAP SQLITE_IOERR_NOMEM SQLITE_IOERR_RDLOCK
    SQLITE_IOERR_READ SQLITE_IOERR_ROLLBACK_ATOMIC SQLITE_IOERR_SEEK SQLITE_IOERR_SHMLOCK SQLITE_IOERR_SHMMAP
    SQLITE_IOERR_SHMOPEN SQLITE_IOERR_SHMSIZE SQLITE_IOERR_SHORT_READ SQLITE_IOERR_TRUNCATE SQLITE_IOERR_UNLOCK
    SQLITE_IOERR_VNODE SQLITE_IOERR_WRITE SQLITE_LOCKED_SHAREDCACHE SQLITE_LOCKED_VTAB SQLITE_NOTICE_RECOVER_ROLLBACK
    SQLITE_NOTICE_RECOVER_WAL SQLITE_READONLY_CANTINIT SQLITE_READONLY_CANTLOCK SQLITE_READONLY_DBMOVED
    SQLITE_READONLY_DIRECTORY SQLITE_READONLY_RECOVERY SQLITE_READONLY_ROLLBACK SQLITE_WARNING_AUTOINDEX
};
