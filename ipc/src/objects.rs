//! What the parts of the program tell each other about Durable Objects on disk.
//!
//! The runtime's storage makes these values, the supervisor's command line shows them.

/// An object that has a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredObject {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The name it was got by, if its alarm knows it.
    pub name: Option<String>,
    /// Of its files, the write-ahead logs and the files of its facets included.
    pub bytes: u64,
    /// How many facets it has files of.
    pub facets: u32,
    /// Milliseconds since the epoch.
    pub next_alarm_ms: Option<i64>,
    /// What is in its files, if they were opened.
    pub content: Option<Content>,
}

/// What is in an object's files, those of its facets included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Keys of its key-value storage.
    pub keys: u64,
    /// Of the tables that the worker made.
    pub rows: u64,
    /// How far back it can be taken, if it has a history.
    pub history: Option<History>,
    /// Nothing if the object is whole.
    pub problems: Vec<Problem>,
}

/// How far back an object can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Milliseconds since the epoch.
    pub from_ms: i64,
    /// Milliseconds since the epoch.
    pub to_ms: i64,
    /// Of the files that hold it.
    pub bytes: u64,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name in the namespace's folder.
    pub file: String,
    /// What is wrong, in a few words.
    pub what: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// How closely to look at objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Names, sizes, alarms: no object's file is opened.
    Brief,
    /// Every file is opened and checked as far as reading it once does.
    Quick,
    /// Indexes are compared with tables, and every step of the history with its checksum.
    Full,
}

/// A namespace's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: std::path::PathBuf,
    /// What the ids of its objects are made with.
    pub unique_key: String,
    /// These objects alone; all if there is none.
    pub ids: Vec<String>,
    /// And those of these names.
    pub names: Vec<String>,
}

/// What came of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// How many are in the archive.
    pub objects: u64,
    /// Why an object is not in the archive: it is damaged.
    pub left_out: Vec<Problem>,
}
