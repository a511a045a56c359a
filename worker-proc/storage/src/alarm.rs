//! The alarm of one object: its own record of it, in its file, beside the namespace's schedule.
//!
//! The file says when the alarm is; the schedule says when to look. No alarm of the file is ever lost, since:
//!
//! - The schedule is never later than the file: an alarm moves earlier in the schedule before the object's commit and later
//!   after it, so that whatever fails in between, the object is asked too early, finds that it is not yet time, and corrects
//!   the schedule.
//! - An alarm that is set counts, also if it is set to the time that it had: the one that had it may be firing.
//! - What a handler's end deletes is the alarm that the handler was called for: not one whose setting was committed since.
//! - The end of a handler is booked with what the file has then, and so is the start of an object.
//!
//! Times are milliseconds since the epoch; the file holds nanoseconds. Used by the host of objects and by
//! `storage.getAlarm()` and its kin.

use std::cell::Cell;
use std::rc::Rc;

use super::database::{Database, Dependent};
use super::error::{Error, Result};
use super::kv::has_table;
use super::raw::{Access, Connection, Prepared, ValueRef};
use super::schedule::{ObjectKey, Schedule};
use super::sync::Ticket;

const CREATE: &str = "
      CREATE TABLE IF NOT EXISTS _cf_METADATA (
        key INTEGER PRIMARY KEY,
        value BLOB
      );
    ";

const NANOSECONDS: i64 = 1_000_000;

/// Who is told when an alarm is due.
#[derive(Clone)]
pub enum Alarms {
    /// The schedule, under this key.
    Scheduled(Rc<Schedule>, ObjectKey),
    /// The object cannot have alarms, for this reason.
    Refused(&'static str),
}

/// What to do when the schedule says that an alarm is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Call the handler; then [`Alarm::handler_done`].
    Run,
    /// It is not time, or there is no alarm: the schedule has been corrected.
    Cancel,
}

/// The alarm of one live object.
pub struct Alarm {
    database: Rc<Database>,
    alarms: Alarms,
    statements: Rc<Statements>,
    /// The file's alarm, and after how many rollbacks it was read.
    cached: Cell<Option<(u64, Option<i64>)>>,
    /// The alarm of the last commit.
    committed: Cell<Option<i64>>,
    /// The schedule's alarm is this or earlier.
    scheduled: Cell<Option<i64>>,
    /// The handler runs and no setting of an alarm was committed since: if it ends well the alarm is gone.
    deferred_delete: Cell<bool>,
}

#[derive(Default)]
struct Statements {
    get: Prepared,
    set: Prepared,
}

impl Dependent for Statements {
    fn cancel(&self, _: &Error) {
        self.get.clear();
        self.set.clear();
    }
}

/// Whether one alarm, set or not, comes before another.
fn is_earlier(one: Option<i64>, other: Option<i64>) -> bool {
    one.unwrap_or(i64::MAX) < other.unwrap_or(i64::MAX)
}

impl Alarm {
    pub(super) fn new(database: &Rc<Database>, alarms: Alarms) -> Result<Self> {
        let alarm = Self {
            database: database.clone(),
            alarms,
            statements: Rc::default(),
            cached: Cell::new(None),
            committed: Cell::new(None),
            scheduled: Cell::new(None),
            deferred_delete: Cell::new(false),
        };
        alarm.attach();
        let stored = alarm.stored()?;
        alarm.committed.set(stored);
        if let Alarms::Scheduled(schedule, key) = &alarm.alarms {
            let scheduled = schedule.get(key)?;
            alarm.scheduled.set(scheduled);
            // What a loss of power took from the schedule, the file brings back.
            if is_earlier(stored, scheduled) {
                _ = schedule.set(key, stored)?;
                alarm.scheduled.set(stored);
            } else if let (Some(_), Some(at_ms)) = (stored, scheduled) {
                schedule.learn(key, at_ms);
            }
        }
        Ok(alarm)
    }

    pub(super) fn attach(&self) {
        let statements: Rc<dyn Dependent> = self.statements.clone();
        self.database.add_dependent(Rc::downgrade(&statements));
    }

    /// The file's alarm, uncommitted changes included.
    pub(super) fn stored(&self) -> Result<Option<i64>> {
        let rollbacks = self.database.rollbacks();
        if let Some((at, alarm)) = self.cached.get()
            && at == rollbacks
        {
            return Ok(alarm);
        }
        let connection = self.database.connection()?;
        let mut alarm = None;
        if has_table(&connection, "_cf_METADATA")? {
            let sql = "SELECT value FROM _cf_METADATA WHERE key = 1";
            let get = self.statements.get.get(&connection, sql)?;
            let read = get.query(&[], |row| {
                if let ValueRef::Integer(nanoseconds) = row.column(0) {
                    alarm = Some(nanoseconds / NANOSECONDS);
                }
            });
            read.map_err(|error| self.database.failed(error))?;
        }
        self.cached.set(Some((rollbacks, alarm)));
        Ok(alarm)
    }

    /// What the worker sees: no alarm while its handler runs, unless it has set another.
    pub fn get(&self) -> Result<Option<i64>> {
        let stored = self.stored()?;
        let hidden = self.deferred_delete.get() && !self.database.has_changed_alarm();
        Ok(stored.filter(|_| !hidden))
    }

    /// Sets the alarm, or clears it. It counts from the commit on.
    pub fn set(&self, at_ms: Option<i64>, confirm: bool) -> Result<()> {
        if let (Alarms::Refused(why), Some(_)) = (&self.alarms, at_ms) {
            return Err(Error::worker(*why));
        }
        // While the handler runs it is news, since its end deletes what was not set again: whatever the schedule says.
        let is_deferred = self.deferred_delete.get();
        if self.stored()? == at_ms && self.is_scheduled(at_ms) && !is_deferred {
            return Ok(());
        }
        self.database.before_write(confirm)?;
        let connection = self.database.connection()?;
        self.write(&connection, at_ms)
            .map_err(|error| self.database.failed(error))?;
        self.cached.set(Some((self.database.rollbacks(), at_ms)));
        self.database.note_alarm(true);
        Ok(())
    }

    /// Whether the alarm that the file has fires next: it is not firing, nor about to be tried again.
    fn is_scheduled(&self, stored: Option<i64>) -> bool {
        match (&self.alarms, stored) {
            (Alarms::Scheduled(schedule, key), Some(_)) => schedule.next_of(&key.id) == stored,
            _ => true,
        }
    }

    fn write(&self, connection: &Rc<Connection>, at_ms: Option<i64>) -> Result<()> {
        if !has_table(connection, "_cf_METADATA")? {
            connection.execute(CREATE)?;
        }
        let set = self.statements.set.get(
            connection,
            "INSERT INTO _cf_METADATA VALUES(1, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        let value = at_ms.map(|at| at.saturating_mul(NANOSECONDS));
        set.run(&[value.map_or(ValueRef::Null, ValueRef::Integer)])
    }

    /// Puts an earlier alarm into the schedule, or the same one again, before it is committed here.
    pub(super) fn before_commit(&self) -> Result<Ticket> {
        let Alarms::Scheduled(schedule, key) = &self.alarms else {
            return Ok(Ticket::ready());
        };
        let stored = self.stored()?;
        let scheduled = self.scheduled.get();
        let again =
            self.database.has_changed_alarm() && stored == scheduled && !self.is_scheduled(stored);
        if !again && !is_earlier(stored, scheduled) {
            return Ok(Ticket::ready());
        }
        let ticket = schedule.set(key, stored)?;
        self.scheduled.set(stored);
        Ok(ticket)
    }

    /// Moves the schedule to a later alarm, or clears it, now that it is committed here.
    pub(super) fn after_commit(&self, changed: bool) {
        if changed {
            self.deferred_delete.set(false);
        }
        let Ok(stored) = self.stored() else { return };
        self.committed.set(stored);
        if let Alarms::Scheduled(schedule, key) = &self.alarms
            && is_earlier(self.scheduled.get(), stored)
        {
            // If this fails the alarm is looked at too early, and the schedule is corrected then.
            if schedule.set(key, stored).is_ok() {
                self.scheduled.set(stored);
            }
        }
    }

    /// To be called before the handler, with the time of the schedule. The turn that this begins is to be committed.
    pub fn arm(&self, scheduled_ms: i64, now_ms: i64) -> Result<Armed> {
        let stored = self.stored()?;
        if stored != Some(scheduled_ms) {
            if stored != self.committed.get() {
                // Another alarm is about to be committed: this one still runs, and must not delete that one.
                self.deferred_delete.set(false);
                return Ok(Armed::Run);
            }
            if stored.is_none_or(|stored| stored >= now_ms) {
                if let Alarms::Scheduled(schedule, key) = &self.alarms {
                    _ = schedule.set(key, stored)?;
                    self.scheduled.set(stored);
                }
                return Ok(Armed::Cancel);
            }
        }
        self.deferred_delete.set(true);
        Ok(Armed::Run)
    }

    /// To be called after the handler. If it ended well, and set no other alarm, the alarm is deleted in this turn. Says
    /// which alarm there is after it.
    pub fn handler_done(&self, ended_well: bool) -> Result<Option<i64>> {
        if self.deferred_delete.replace(false) && ended_well {
            self.set(None, true)?;
        }
        self.stored()
    }

    /// The object's life ended: its handler does not go on.
    pub(super) fn interrupted(&self) {
        self.deferred_delete.set(false);
    }

    /// Deletes the alarm that the retries have been given up for. Says which alarm there is after it: another may have been
    /// set meanwhile, to the same time perhaps.
    pub fn abandon(&self, scheduled_ms: i64) -> Result<Option<i64>> {
        let stored = self.stored()?;
        if stored == Some(scheduled_ms) && !self.is_scheduled(stored) {
            self.set(None, true)?;
        }
        self.stored()
    }

    /// The next of bookmarks that mark nothing: the published workerd counts them in the same row.
    pub(super) fn count_bookmark(&self) -> Result<String> {
        self.database.before_write(true)?;
        let connection = self.database.connection()?;
        if !has_table(&connection, "_cf_METADATA")? {
            connection.execute(CREATE)?;
        }
        let count = connection.trusted(
            "INSERT INTO _cf_METADATA VALUES(2, 0) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
        )?;
        let mut number = 0;
        count.query(&[], |row| {
            if let ValueRef::Integer(value) = row.column(0) {
                number = value;
            }
        })?;
        Ok(format!(
            "{:08x}-{:08x}-00000000-{:032x}",
            number >> 32,
            number & 0xffff_ffff,
            0
        ))
    }

    /// Everything is gone but this alarm, if it was kept; the turn may have set it.
    pub(super) fn erased(&self, kept: Option<i64>, is_new: bool) {
        self.attach();
        self.cached.set(Some((self.database.rollbacks(), kept)));
        if kept.is_none() || is_new {
            self.deferred_delete.set(false);
        }
    }
}

/// A database that holds an alarm and nothing else.
pub(super) fn alone(at_ms: i64) -> Result<Rc<Connection>> {
    let connection = Connection::open(None, Access::Create)?;
    connection.execute(CREATE)?;
    let nanoseconds = at_ms.saturating_mul(NANOSECONDS);
    connection.execute(&format!(
        "INSERT INTO _cf_METADATA VALUES(1, {nanoseconds})"
    ))?;
    Ok(connection)
}
