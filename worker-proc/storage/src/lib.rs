//! The storage of Durable Objects: one SQLite file an object, in the layout of the published workerd.
//!
//! The actor host opens a [`Storage`] for an object while it holds the object's [`lock`], and calls [`Storage::commit`]
//! at the end of every turn of JavaScript; the layer that faces JavaScript calls `kv`, `sql` and `alarm`. Nothing here
//! knows of V8. All runs on the process's one thread; only what waits for the disk runs beside it (see `sync`).
//!
//! - `raw`, `authorizer`, `tokens`: SQLite made safe, and what a worker's SQL may do
//! - `database`: a file, its transactions and its durability
//! - `kv`, `sql`, `alarm`: what is in it
//! - `schedule`, `queue`: the alarms of a namespace
//! - `lock`: no object is ever alive twice
//! - `facets`: which file each facet of an object has
//! - `pitr`: what an object was before
//! - `inspect`, `portable`, `tar`: objects as files, for the command line

mod alarm;
#[cfg(test)]
mod alarm_model;
mod authorizer;
mod database;
mod error;
mod facets;
mod functions;
pub mod inspect;
mod interrupt;
mod kv;
mod lock;
mod pitr;
pub mod portable;
mod queue;
mod raw;
mod schedule;
mod sql;
mod sync;
mod tar;
mod tokens;

#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use alarm::{Alarm, Alarms, Armed};
use database::Database;
pub use database::Place;
pub use error::{Class, Error, Fault, Result};
pub use facets::FacetIndex;
pub use interrupt::interrupt_when;
pub use kv::{Kv, KvCursor, ListOptions};
pub use lock::{FolderLock, ObjectLock, ObjectLocks};
pub use pitr::{HistoryLimits, NOT_IMPLEMENTED as NO_POINT_IN_TIME_RECOVERY};
pub use queue::{AlarmOutcome, Due, Next};
pub use raw::{ValueRef, keep_temporary_files_in};
pub use schedule::{ObjectKey, Schedule, Scheduled};
pub use sql::{Cursor, Ingested, Row, Sql};
pub use sync::Ticket;

/// The storage of one object.
pub struct Storage {
    /// Its keys and values.
    pub kv: Kv,
    /// SQL on the same database.
    pub sql: Sql,
    /// Its alarm.
    pub alarm: Alarm,
    database: Rc<Database>,
    sql_enabled: bool,
}

/// What came of committing a turn.
#[must_use = "the output gate waits for the ticket"]
pub struct Committed {
    /// Ends when the turn's writes are durable.
    pub ticket: Ticket,
    /// Whether anything that leaves the object has to wait for the ticket: some write asked to be confirmed.
    pub confirm: bool,
}

impl Committed {
    fn nothing() -> Self {
        Self {
            ticket: Ticket::ready(),
            confirm: false,
        }
    }
}

impl Storage {
    /// Opens an object's storage, making it if it is not there. The object's lock is held by the caller.
    /// With `history` a file's past is kept, within these limits; without it, and in memory, there is none.
    pub async fn open(
        place: Place,
        alarms: Alarms,
        history: Option<HistoryLimits>,
    ) -> Result<Self> {
        let database = Database::open(place, history).await?;
        Ok(Self {
            kv: Kv::new(&database)?,
            sql: Sql::new(&database),
            alarm: Alarm::new(&database, alarms)?,
            database,
            sql_enabled: false,
        })
    }

    /// Says whether the config lets the object's class use SQL; the engine can in any case.
    pub fn with_sql(mut self, enabled: bool) -> Self {
        self.sql_enabled = enabled;
        self
    }

    /// Whether the config lets the object's class use SQL.
    pub fn sql_enabled(&self) -> bool {
        self.sql_enabled
    }

    /// Whether nothing is on disk: such storage has the limits of the published workerd's, and no SQL.
    pub fn in_memory(&self) -> bool {
        *self.database.place() == Place::Memory
    }

    /// Commits what the turn wrote. Nothing, and no ticket to wait for, while a `transaction()` is open.
    pub fn commit(&self) -> Result<Committed> {
        if !self.has_uncommitted() {
            return Ok(Committed::nothing());
        }
        let scheduled = self.schedule_earlier()?;
        let committed = self.database.commit_implicit()?;
        Ok(self.after_commit(committed, scheduled))
    }

    /// Whether the turn has written something that its end commits.
    pub fn has_uncommitted(&self) -> bool {
        self.database.in_transaction() && !self.database.in_explicit_transaction()
    }

    fn schedule_earlier(&self) -> Result<Ticket> {
        self.alarm
            .before_commit()
            .inspect_err(|error| self.database.break_with(&error.fatal()))
    }

    fn after_commit(
        &self,
        committed: Option<(database::Frame, Ticket)>,
        scheduled: Ticket,
    ) -> Committed {
        let Some((frame, ticket)) = committed else {
            return Committed::nothing();
        };
        self.alarm.after_commit(frame.alarm);
        Committed {
            ticket: ticket.and(scheduled),
            confirm: frame.confirm,
        }
    }

    /// A ticket for everything committed so far: `storage.sync()`. The turn is to be committed first.
    pub fn pending(&self) -> Ticket {
        self.database.pending()
    }

    /// Begins a `transaction()`, in another if one is open; the turn is to be committed first. Says its depth.
    pub fn begin(&self) -> Result<usize> {
        self.database.begin_explicit()
    }

    /// Ends the innermost `transaction()`, keeping what it did.
    pub fn commit_transaction(&self, depth: usize) -> Result<Committed> {
        let scheduled = if depth == 0 {
            self.schedule_earlier()?
        } else {
            Ticket::ready()
        };
        let committed = self.database.commit_explicit(depth)?;
        Ok(self.after_commit(committed, scheduled))
    }

    /// Ends the innermost `transaction()`, undoing what it did.
    pub fn rollback_transaction(&self, depth: usize) -> Result<()> {
        self.database.rollback_explicit(depth)
    }

    /// Begins a `transactionSync`, to be ended by one of the next two.
    pub fn begin_sync(&self) -> Result<()> {
        self.database.begin_sync()
    }

    /// Ends a `transactionSync`, keeping what it did. If this fails it is still open, and is to be rolled back.
    pub fn commit_sync(&self) -> Result<()> {
        self.database.commit_sync()
    }

    /// Ends a `transactionSync`, undoing what it did.
    pub fn rollback_sync(&self) -> Result<()> {
        self.database.rollback_sync()
    }

    /// Deletes everything, and says how many keys there were. The alarm goes too, or stays. The ticket is not to be
    /// waited for apart: the turn's commit has it.
    pub fn delete_all(&self, delete_alarm: bool) -> Result<u64> {
        let keys = self.kv.count()?;
        let alarm = self.alarm.stored()?.filter(|_| !delete_alarm);
        let is_new = self.database.has_changed_alarm();
        let rest = alarm.map(alarm::alone).transpose()?;
        if rest.is_some() {
            drop(self.schedule_earlier()?);
        }
        let ticket = self.database.erase(rest)?;
        drop(ticket);
        self.kv.erased();
        self.sql.attach();
        self.alarm.erased(alarm, is_new);
        self.database.before_write(true)?;
        Ok(keys)
    }

    /// A bookmark of what is committed, greater than those before it. The turn is to be committed first. Without a history
    /// it marks nothing.
    pub async fn current_bookmark(&self) -> Result<String> {
        match self
            .database
            .with_history(|keeper, notes| keeper.current(notes))
            .await
        {
            Some(bookmark) => bookmark,
            None => self.alarm.count_bookmark(),
        }
    }

    /// A bookmark of what was committed at a time.
    pub async fn bookmark_for_time(&self, time_ms: i64) -> Result<String> {
        let bookmark = self
            .database
            .with_history(move |keeper, notes| keeper.at(notes, time_ms));
        bookmark
            .await
            .unwrap_or_else(|| Err(Error::worker(pitr::NOT_IMPLEMENTED)))
    }

    /// Takes the object back to a bookmark when it next starts; the turn is to be committed first. Says the bookmark
    /// that undoes it.
    pub async fn restore_on_next_session(&self, bookmark: &str) -> Result<String> {
        let to = bookmark.to_owned();
        let undo = self
            .database
            .with_history(move |keeper, notes| keeper.restore(notes, &to));
        undo.await
            .unwrap_or_else(|| Err(Error::worker(pitr::NOT_IMPLEMENTED)))
    }

    /// Memory that the database takes here: cached pages, the schema, statements.
    pub fn memory_bytes(&self) -> u64 {
        self.database.memory_bytes()
    }

    /// Why the storage cannot be used any more, if so.
    pub fn broken(&self) -> Option<Error> {
        self.database.broken()
    }

    /// Undoes what the turn has written so far, and every `transaction()` that is open: the life of the object ends.
    pub fn abandon(&self) {
        self.alarm.interrupted();
        self.database.abandon();
    }

    /// Ends all use of the storage: every later call fails with this error, and the turn is undone.
    pub fn reset(&self, why: &Error) {
        self.database.break_with(why);
        self.database.abandon();
    }

    /// Closes the file. A turn that was not committed is undone. The object's lock is released after this.
    pub async fn close(self) -> Result<()> {
        let Self {
            kv,
            sql,
            alarm,
            database,
            sql_enabled: _,
        } = self;
        drop((kv, sql, alarm));
        database.close().await
    }
}
