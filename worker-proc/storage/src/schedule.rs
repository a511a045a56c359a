//! The alarms of a namespace: `metadata.sqlite` beside the objects' files, as the published workerd lays it out.
//!
//! Every process has the file open; each writes the alarms of the objects that it owns, in transactions of one statement.
//! The alarms of this process are also in an [`AlarmQueue`], which is what fires. A namespace in memory has the queue only.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::error::Result;
use super::kv::has_table;
use super::queue::{AlarmOutcome, AlarmQueue, Due, Next};
use super::raw::{Access, Connection, Prepared, ValueRef};
use super::sync::{Ticket, WalSync, blocking};

/// How long a write waits for the writes of other processes, each of which takes well under a millisecond.
const BUSY_TIMEOUT_MS: i32 = 2000;

/// Frames of the log after which it is written back.
const WRITE_BACK_FRAMES: u32 = 500;

/// How long a process that starts waits for others to have made the file.
const MAX_PREPARE: Duration = Duration::from_secs(10);

/// How soon it looks again.
const RETRY: Duration = Duration::from_millis(2);

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS _cf_ALARM (
      actor_id TEXT PRIMARY KEY,
      scheduled_time INTEGER,
      actor_name TEXT
    ) WITHOUT ROWID;
  ";

pub(super) const NANOSECONDS: i64 = 1_000_000;

/// An object as the schedule knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    /// 64 hexadecimal digits.
    pub id: Rc<str>,
    /// The name the object was got by, if it is known: `ctx.id.name` in the handler.
    pub name: Option<Rc<str>>,
}

/// A row of the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The object's.
    pub id: String,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The name that the object was got by, if it is known.
    pub name: Option<String>,
}

/// When to look at which object of a namespace.
pub struct Schedule {
    file: Option<ScheduleFile>,
    queue: RefCell<AlarmQueue>,
    changed: Notify,
}

struct ScheduleFile {
    path: PathBuf,
    connection: Rc<Connection>,
    sync: Rc<WalSync>,
    /// Frames in the log when it was last written back.
    written_back: Cell<u32>,
    get: Prepared,
    set: Prepared,
    delete: Prepared,
}

impl Schedule {
    /// One that keeps nothing.
    pub fn in_memory() -> Rc<Self> {
        Rc::new(Self {
            file: None,
            queue: RefCell::default(),
            changed: Notify::new(),
        })
    }

    /// Opens the schedule of a namespace's folder, which must exist, and puts the alarms of the objects that `owned` says
    /// yes to into the queue.
    pub fn open(folder: &Path, owned: impl Fn(&str) -> bool) -> Result<Rc<Self>> {
        let path = folder.join("metadata.sqlite");
        let began = Instant::now();
        let connection = loop {
            match prepare(&path) {
                // Processes that start at once get in each other's way where SQLite does not wait.
                Err(error) if error.is_busy() && began.elapsed() < MAX_PREPARE => sleep(RETRY),
                prepared => break prepared?,
            }
        };
        let schedule = Self {
            file: Some(ScheduleFile {
                sync: WalSync::new(&path),
                path,
                connection,
                written_back: Cell::new(0),
                get: Prepared::default(),
                set: Prepared::default(),
                delete: Prepared::default(),
            }),
            queue: RefCell::default(),
            changed: Notify::new(),
        };
        schedule.load(owned, i64::MAX)?;
        Ok(Rc::new(schedule))
    }

    /// Every alarm in the file, of whichever process.
    pub fn all(&self) -> Result<Vec<Scheduled>> {
        let Some(file) = &self.file else {
            return Ok(Vec::new());
        };
        rows(&file.connection, i64::MAX)
    }

    /// Takes alarms of the file that are set for `most_ms` or before into the queue: those of the objects that this process
    /// comes to own, and what the process before it still sets.
    pub fn load(&self, owned: impl Fn(&str) -> bool, most_ms: i64) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let alarms = rows(&file.connection, most_ms)?;
        let mut queue = self.queue.borrow_mut();
        for alarm in alarms.iter().filter(|alarm| owned(&alarm.id)) {
            queue.learn(&alarm.id, alarm.name.as_deref(), alarm.at_ms);
        }
        self.changed.notify_waiters();
        Ok(())
    }

    /// The file says that an object's alarm is set: see [`AlarmQueue::learn`].
    pub(super) fn learn(&self, key: &ObjectKey, at_ms: i64) {
        let mut queue = self.queue.borrow_mut();
        queue.learn(&key.id, key.name.as_deref(), at_ms);
        self.changed.notify_waiters();
    }

    /// What the schedule says of one object.
    pub(super) fn get(&self, key: &ObjectKey) -> Result<Option<i64>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let sql = "SELECT scheduled_time FROM _cf_ALARM WHERE actor_id = ?";
        let mut at_ms = None;
        file.get.get(&file.connection, sql)?.query(
            &[ValueRef::Text(key.id.as_bytes())],
            |row| {
                if let ValueRef::Integer(at) = row.column(0) {
                    at_ms = Some(at / NANOSECONDS);
                }
            },
        )?;
        Ok(at_ms)
    }

    /// Sets or clears the alarm of an object, in the file and in the queue. A name once known stays.
    pub(super) fn set(&self, key: &ObjectKey, at_ms: Option<i64>) -> Result<Ticket> {
        let ticket = match &self.file {
            Some(file) => file.set(key, at_ms)?,
            None => Ticket::ready(),
        };
        let mut queue = self.queue.borrow_mut();
        match at_ms {
            Some(at_ms) => queue.set(&key.id, key.name.as_deref(), at_ms),
            None => queue.clear(&key.id),
        }
        self.changed.notify_waiters();
        Ok(ticket)
    }

    /// Sets or clears an alarm in the file only, not yet durably: for an import.
    pub(super) fn put(&self, key: &ObjectKey, at_ms: Option<i64>) -> Result<()> {
        self.file
            .as_ref()
            .map_or(Ok(()), |file| file.write(key, at_ms))
    }

    /// Deletes every alarm of the namespace.
    pub fn delete_all(&self) -> Result<Ticket> {
        *self.queue.borrow_mut() = AlarmQueue::default();
        self.changed.notify_waiters();
        let Some(file) = &self.file else {
            return Ok(Ticket::ready());
        };
        file.connection.execute("DELETE FROM _cf_ALARM")?;
        Ok(file.sync.request())
    }

    /// When the alarm of an object of this process fires.
    pub fn next_of(&self, id: &str) -> Option<i64> {
        self.queue.borrow().next_of(id)
    }

    /// When the next alarm of this process fires.
    pub fn next_ms(&self) -> Option<i64> {
        self.queue.borrow().next_ms()
    }

    /// Ends when the answer of [`Self::next_ms`] may have changed. Get it before asking, await it after.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Takes alarms that are due; each is to be answered with [`Self::finished`].
    pub fn take_due(&self, now_ms: i64, most: usize) -> Vec<Due> {
        self.queue.borrow_mut().take_due(now_ms, most)
    }

    /// Says how a handler ended, and which alarm the object has after it: where it cannot be asked, the one that fired.
    /// `random` is from 0 up to, not including, 1. An alarm that is over needs no more: the object's own commit takes it out
    /// of the file.
    pub fn finished(
        &self,
        id: &str,
        outcome: AlarmOutcome,
        left_ms: Option<i64>,
        now_ms: i64,
        random: f64,
    ) -> Next {
        let mut queue = self.queue.borrow_mut();
        let next = queue.finished(id, outcome, left_ms, now_ms, random);
        self.changed.notify_waiters();
        next
    }

    /// Says that the object cannot be told that its alarm is given up.
    pub fn kept(&self, id: &str, scheduled_ms: i64, now_ms: i64, random: f64) {
        let mut queue = self.queue.borrow_mut();
        queue.kept(id, scheduled_ms, now_ms, random);
        self.changed.notify_waiters();
    }

    /// Says that the object was told that its alarm is given up, and which one it has now. If none, it is taken out of the
    /// file as well.
    pub fn abandoned(&self, key: &ObjectKey, left_ms: Option<i64>) -> Result<()> {
        let next = self.queue.borrow_mut().abandoned(&key.id, left_ms);
        self.changed.notify_waiters();
        match (&self.file, next) {
            (Some(file), Next::Over) => file.set(key, None).map(drop),
            _ => Ok(()),
        }
    }
}

impl ScheduleFile {
    fn set(&self, key: &ObjectKey, at_ms: Option<i64>) -> Result<Ticket> {
        self.write(key, at_ms)?;
        self.write_back_if_due();
        Ok(self.sync.request())
    }

    fn write(&self, key: &ObjectKey, at_ms: Option<i64>) -> Result<()> {
        let id = ValueRef::Text(key.id.as_bytes());
        match at_ms {
            Some(at_ms) => {
                let set = self.set.get(
                    &self.connection,
                    "INSERT INTO _cf_ALARM VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET \
                     scheduled_time = excluded.scheduled_time, \
                     actor_name = COALESCE(excluded.actor_name, _cf_ALARM.actor_name)",
                )?;
                let at = ValueRef::Integer(at_ms.saturating_mul(NANOSECONDS));
                let name = key.name.as_ref();
                let name = name.map_or(ValueRef::Null, |name| ValueRef::Text(name.as_bytes()));
                set.run(&[id, at, name])?;
            }
            None => {
                let sql = "DELETE FROM _cf_ALARM WHERE actor_id = ?";
                self.delete.get(&self.connection, sql)?.run(&[id])?;
            }
        }
        Ok(())
    }

    fn write_back_if_due(&self) {
        let frames = self.connection.wal_frames();
        let before = self.written_back.get().min(frames);
        if frames - before >= WRITE_BACK_FRAMES {
            self.written_back.set(frames);
            let path = self.path.clone();
            tokio::task::spawn_local(async move {
                // A write-back that fails leaves the log as it is; a later one tries again.
                _ = blocking(move || {
                    let done = super::database::write_back(&path, None);
                    Ok(done.is_ok())
                })
                .await;
            });
        }
    }
}

/// The alarms of a schedule that are set for `most_ms` or before; also of one that an older program made, without names.
pub(super) fn rows(connection: &Rc<Connection>, most_ms: i64) -> Result<Vec<Scheduled>> {
    let mut alarms = Vec::new();
    if !has_table(connection, "_cf_ALARM")? {
        return Ok(alarms);
    }
    let name = if has_column(connection, "actor_name")? {
        "actor_name"
    } else {
        "NULL"
    };
    let most = ValueRef::Integer(most_ms.saturating_mul(NANOSECONDS));
    let sql =
        format!("SELECT actor_id, scheduled_time, {name} FROM _cf_ALARM WHERE scheduled_time <= ?");
    connection.trusted(&sql)?.query(&[most], |row| {
        let text = |column| match row.column(column) {
            ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        if let (Some(id), ValueRef::Integer(at)) = (text(0), row.column(1)) {
            alarms.push(Scheduled {
                id,
                at_ms: at / NANOSECONDS,
                name: text(2),
            });
        }
    })?;
    Ok(alarms)
}

/// Opens the file, made with its table if it is not there.
fn prepare(path: &Path) -> Result<Rc<Connection>> {
    let connection = Connection::open(Some(path), Access::Create)?;
    connection.set_busy_timeout_ms(BUSY_TIMEOUT_MS);
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    connection.execute(CREATE)?;
    if !has_column(&connection, "actor_name")?
        && let Err(error) = connection.execute("ALTER TABLE _cf_ALARM ADD COLUMN actor_name TEXT")
        && !has_column(&connection, "actor_name")?
    {
        return Err(error);
    }
    Ok(connection)
}

fn has_column(connection: &Rc<Connection>, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM pragma_table_info('_cf_ALARM') WHERE name = ?";
    let found = connection
        .trusted(sql)?
        .query(&[ValueRef::Text(name.as_bytes())], |_| ())?;
    Ok(found > 0)
}
