//! Where the objects of a namespace keep what they store.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::store::{Store, broken_by};
use super::tree::Tree;
use crate::service::{ActorId, Error, to_hex};
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
    /// None where no other process can have an object.
    locks: Option<Rc<ObjectLocks>>,
    /// Whether its class may use SQL.
    enable_sql: bool,
}

enum Kind {
    None,
    Memory {
        schedule: Rc<Schedule>,
        kept: Rc<Kept>,
        trees: KeptTrees,
    },
    Disk {
        schedule: Rc<Schedule>,
        folder: PathBuf,
        history: Option<HistoryLimits>,
    },
}

/// What objects have in memory outlives them.
type Kept = RefCell<HashMap<ActorId, Rc<Storage>>>;

/// The same for their facets.
type KeptTrees = RefCell<HashMap<ActorId, Rc<Tree>>>;

/// How long an object's start waits for the end of its life in another process, which drains.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(60);

/// The object did not end elsewhere: a later call may find that it has.
fn still_alive(error: &storage::Error) -> Error {
    let mut error = Error::internal(error.message());
    error.flags.retryable = true;
    error
}

impl Stores {
    /// Opens a namespace's folder, made if it is not there, and its alarms, none of which is known before the process
    /// serves. Objects without a folder are locked in the file that the processes share.
    ///
    /// # Errors
    /// What is wrong with the folder.
    pub fn open(
        spec: &StoreSpec,
        key: &str,
        enable_sql: bool,
        shared: Option<BorrowedFd<'_>>,
    ) -> Result<Self, String> {
        let locks = shared
            .map(|file| ObjectLocks::shared(file, key))
            .transpose();
        let mut locks = locks.map_err(|error| error.message().to_owned())?;
        let kind = match spec {
            StoreSpec::None => Kind::None,
            StoreSpec::InMemory => Kind::Memory {
                schedule: Schedule::in_memory(),
                kept: Rc::default(),
                trees: RefCell::default(),
            },
            StoreSpec::Disk { folder, history } => {
                let folder = folder.join(key);
                let fails = |error: &dyn std::fmt::Display| {
                    format!("the Durable Object folder {}: {error}", folder.display())
                };
                // What objects store is their owner's alone.
                let mut maker = DirBuilder::new();
                let made = maker.recursive(true).mode(0o700).create(&folder);
                made.map_err(|error| fails(&error))?;
                let schedule = Schedule::open(&folder, |_| false);
                let schedule = schedule.map_err(|error| fails(&error.message()))?;
                let of_folder = ObjectLocks::open(&folder);
                locks = Some(of_folder.map_err(|error| fails(&error.message()))?);
                Kind::Disk {
                    schedule,
                    folder,
                    history: *history,
                }
            }
        };
        Ok(Self {
            kind,
            locks,
            enable_sql,
        })
    }

    /// Takes the lock of an object, without which it is not made alive. Waits for its end in another process.
    ///
    /// # Errors
    /// It did not end in time.
    pub async fn lock(&self, id: &ActorId) -> Result<Option<ObjectLock>, Error> {
        let Some(locks) = &self.locks else {
            return Ok(None);
        };
        let lock = locks.lock(id, MAX_LOCK_WAIT).await;
        lock.map(Some).map_err(|error| still_alive(&error))
    }

    /// The alarms of the namespace's objects, of those that this process owns.
    pub fn schedule(&self) -> Option<&Rc<Schedule>> {
        match &self.kind {
            Kind::None => None,
            Kind::Memory { schedule, .. } | Kind::Disk { schedule, .. } => Some(schedule),
        }
    }

    /// Opens the storage of one object, whose lock is held; none if the namespace stores nothing.
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
            Kind::Memory { schedule, kept, .. } => {
                let before = kept.borrow().get(id).cloned();
                let storage = match before {
                    Some(storage) => storage,
                    None => {
                        let alarms = Alarms::Scheduled(schedule.clone(), key());
                        opened(Storage::open(Place::Memory, alarms, None).await)?
                    }
                };
                kept.borrow_mut().insert(*id, storage.clone());
                Some(Store::new(storage, true))
            }
            Kind::Disk {
                schedule,
                folder,
                history,
            } => {
                let alarms = Alarms::Scheduled(schedule.clone(), key());
                let file = folder.join(format!("{}.sqlite", to_hex(id)));
                let storage = opened(Storage::open(Place::File(file), alarms, *history).await)?;
                Some(Store::new(storage, false))
            }
        })
    }

    /// The files of an object's facets.
    pub fn tree(&self, id: &ActorId) -> Rc<Tree> {
        let enable_sql = self.enable_sql;
        match &self.kind {
            Kind::None => Rc::new(Tree::none()),
            Kind::Memory { trees, .. } => {
                let mut trees = trees.borrow_mut();
                let tree = trees.entry(*id);
                tree.or_insert_with(|| Rc::new(Tree::memory(enable_sql)))
                    .clone()
            }
            Kind::Disk { folder, .. } => {
                Rc::new(Tree::disk(folder.clone(), to_hex(id), enable_sql))
            }
        }
    }
}
