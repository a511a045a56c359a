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

pub(super) use history::{Identity, Look};
pub use keeper::HistoryLimits;
pub(super) use keeper::{Keeper, Note};

/// What there is of a database's history; with `thorough`, every step of it is read. Nothing is written.
pub(super) fn look(database: &Path, thorough: bool) -> io::Result<Option<Look>> {
    let (folder, stem) = keeper::place(database);
    history::look(&folder, &stem, thorough)
}

/// What a worker is told where there is none; the published binary's text.
pub const NOT_IMPLEMENTED: &str =
    "This Durable Object's storage back-end does not implement point-in-time recovery.";
