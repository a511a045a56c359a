//! Point-in-time recovery: what an object's database was, at each second of the last days.
//!
//! Before the write-ahead log of a database is written back into its file, on a blocking thread, the pages of its commits
//! are put into a history beside it (`.history/` in the namespace's folder, which the published workerd ignores). Nothing
//! is added to the path of a write but a note of the time. One state a second is kept, and every state whose bookmark was
//! handed out. Going back writes the state into a new file, which takes the place of the old one when the object next
//! starts, and is itself a step of the history: it can be undone.
//!
//! Another program may have written the file meanwhile. That is seen when it is opened, and what it changed becomes one
//! step of the history, so that what is kept always leads to what is there.
//!
//! Disk: a history has at most [`HistoryLimits::max_bytes`] of deflated pages, and an image of the database as it was
//! before them. States older than [`HistoryLimits::days`] go, a day at a time.

mod history;
mod keeper;
mod wal;

use std::io;
use std::path::Path;

pub(super) use history::Identity;
pub(super) use keeper::{Keeper, Note};

/// The span of a database's history, and which of its files are damaged in which way.
pub(super) type Look = (Option<ipc::objects::History>, Vec<(String, String)>);

/// What there is of a database's history; with `thorough`, every step of it is read. Nothing is written.
pub(super) fn look(database: &Path, thorough: bool) -> io::Result<Option<Look>> {
    let (folder, stem) = keeper::place(database);
    history::look(&folder, &stem, thorough)
}

/// The page size of every database: SQLite's default, which the published workerd has.
const PAGE_BYTES: usize = 4096;

/// How much of an object's past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
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

pub const NOT_IMPLEMENTED: &str =
    "This Durable Object's storage back-end does not implement point-in-time recovery.";
