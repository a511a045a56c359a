//! Where the objects of a namespace keep what they store, and the storage of one live object.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::service::{self, ActorId, Error, to_hex};
use crate::storage::{
    self, Alarms, HistoryLimits, ObjectKey, ObjectLock, ObjectLocks, Place, Schedule, Storage,
};

/// Where a worker's objects keep what they store.
#[derive(Clone, Debug, Default)]
pub enum StoreSpec {
    #[default]
    None,
    InMemory,
    /// A folder for each namespace in this one.
    Disk {
        folder: PathBuf,
        /// How much of each object's past is kept; none if none is.
        history: Option<HistoryLimits>,
    },
}

/// The stores of a namespace's objects.
pub struct Stores {
    kind: Kind,
    /// Whether its class may use SQL.
    enable_sql: bool,
}

enum Kind {
    None,
    Memory {
        schedule: Rc<Schedule>,
        kept: Rc<Kept>,
    },
    Disk {
        schedule: Rc<Schedule>,
        folder: PathBuf,
        locks: Rc<ObjectLocks>,
        history: Option<HistoryLimits>,
    },
}

/// What objects have in memory outlives them.
type Kept = RefCell<HashMap<ActorId, Rc<Storage>>>;

/// How long an object's start waits for the end of its life in another process, which drains.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(60);

/// The object did not end elsewhere: a later call may find that it has.
fn still_alive(error: &storage::Error) -> Error {
    let mut error = Error::internal(error.message());
    error.flags.retryable = true;
    error
}

/// What a storage error means for the object that meets it at the end of a turn: it breaks.
pub fn broken_by(error: &storage::Error) -> Error {
    let mut broken = Error::new(service::Kind::Worker, error.message());
    broken.flags.durable_object_reset = true;
    broken
}

impl Stores {
    /// Opens a namespace's folder, made if it is not there, and its alarms, none of which is known before the process
    /// serves.
    ///
    /// # Errors
    /// What is wrong with the folder.
    pub fn open(spec: &StoreSpec, key: &str, enable_sql: bool) -> Result<Self, String> {
        let kind = match spec {
            StoreSpec::None => Kind::None,
            StoreSpec::InMemory => Kind::Memory {
                schedule: Schedule::in_memory(),
                kept: Rc::default(),
            },
            StoreSpec::Disk { folder, history } => {
                let folder = folder.join(key);
                let fails = |error: &dyn std::fmt::Display| {
                    format!("the Durable Object folder {}: {error}", folder.display())
                };
                std::fs::create_dir_all(&folder).map_err(|error| fails(&error))?;
                let schedule = Schedule::open(&folder, |_| false);
                let schedule = schedule.map_err(|error| fails(&error.message()))?;
                let locks = ObjectLocks::open(&folder).map_err(|error| fails(&error.message()))?;
                Kind::Disk {
                    schedule,
                    folder,
                    locks,
                    history: *history,
                }
            }
        };
        Ok(Self { kind, enable_sql })
    }

    /// The alarms of the namespace's objects, of those that this process owns.
    pub fn schedule(&self) -> Option<&Rc<Schedule>> {
        match &self.kind {
            Kind::None => None,
            Kind::Memory { schedule, .. } | Kind::Disk { schedule, .. } => Some(schedule),
        }
    }

    /// Opens the storage of one object; none if the namespace stores nothing.
    ///
    /// # Errors
    /// The object's file cannot be opened.
    pub async fn object(&self, id: &ActorId, name: Option<&str>) -> Result<Option<Store>, Error> {
        let key = || ObjectKey {
            id: to_hex(id).into(),
            name: name.map(Rc::from),
        };
        let opened = |storage: storage::Result<Storage>| {
            let storage = storage.map(|storage| Rc::new(storage.with_sql(self.enable_sql)));
            storage.map_err(|error| broken_by(&error))
        };
        Ok(match &self.kind {
            Kind::None => None,
            Kind::Memory { schedule, kept } => {
                let before = kept.borrow().get(id).cloned();
                let storage = match before {
                    Some(storage) => storage,
                    None => {
                        let alarms = Alarms::Scheduled(schedule.clone(), key());
                        opened(Storage::open(Place::Memory, alarms, None).await)?
                    }
                };
                kept.borrow_mut().insert(*id, storage.clone());
                Some(Store {
                    storage,
                    keep: true,
                    _lock: None,
                })
            }
            Kind::Disk {
                schedule,
                folder,
                locks,
                history,
            } => {
                let lock = locks.lock(id, MAX_LOCK_WAIT).await;
                let lock = lock.map_err(|error| still_alive(&error))?;
                let alarms = Alarms::Scheduled(schedule.clone(), key());
                let file = folder.join(format!("{}.sqlite", to_hex(id)));
                let storage = opened(Storage::open(Place::File(file), alarms, *history).await)?;
                Some(Store {
                    storage,
                    keep: false,
                    _lock: Some(lock),
                })
            }
        })
    }
}

/// The storage of one live object.
pub struct Store {
    storage: Rc<Storage>,
    /// The data is in it alone.
    keep: bool,
    /// Let go of once the file is closed.
    _lock: Option<ObjectLock>,
}

impl Store {
    pub fn storage(&self) -> &Rc<Storage> {
        &self.storage
    }

    /// Undoes what the turn has written: the object broke.
    pub fn undo(&self) {
        self.storage.abandon();
    }

    /// Closes the file; nobody uses it any more.
    pub async fn close(self) {
        if !self.keep
            && let Ok(storage) = Rc::try_unwrap(self.storage)
            && let Err(error) = storage.close().await
        {
            crate::log::error(format_args!(
                "closing a Durable Object's storage: {}",
                error.message()
            ));
        }
    }
}
