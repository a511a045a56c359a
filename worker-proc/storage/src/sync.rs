//! Making commits durable without blocking: group commit of write-ahead logs.
//!
//! A commit has put its frames into the log file, so it survives the end of the process; it survives a loss of power
//! once the file is synced. [`WalSync::request`] hands out a [`Ticket`] for the second. One sync of a database runs at a
//! time, on a blocking thread; commits made meanwhile share the next one. Databases sync in parallel, at most
//! [`MAX_PARALLEL_SYNCS`] in a process. A failed sync fails every ticket of the database from then on: what the kernel
//! still holds of the file is unknown (<https://www.sqlite.org/wal.html>, fsync(2)).
//!
//! Used by `database` and `schedule`. Relies on a tokio `LocalSet` or local runtime.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ipc::metrics::page;
use tokio::sync::{Notify, Semaphore};

use super::error::{Error, Result, io};

/// Blocking threads that sync at once in one process.
pub const MAX_PARALLEL_SYNCS: usize = 16;

thread_local! {
    static SLOTS: Arc<Semaphore> = Arc::new(Semaphore::new(MAX_PARALLEL_SYNCS));
}

/// Runs a piece of blocking work beside the process's one thread, within the bound on such threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let slots = SLOTS.with(Arc::clone);
    let _slot = slots.acquire_owned().await.map_err(std::io::Error::other)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

/// Waits until a commit is durable.
#[derive(Default)]
#[must_use = "a commit is confirmed only when its ticket says so"]
pub struct Ticket {
    waits: Vec<Wait>,
}

struct Wait {
    sync: Rc<WalSync>,
    number: u64,
}

impl Ticket {
    /// Nothing to wait for.
    pub fn ready() -> Self {
        Self::default()
    }

    /// Whether waiting would end at once, well or badly.
    pub fn is_ready(&self) -> bool {
        self.waits
            .iter()
            .all(|wait| wait.sync.outcome(wait.number).is_some())
    }

    /// Waits for the other as well.
    pub fn and(mut self, other: Self) -> Self {
        self.waits.extend(other.waits);
        self
    }

    /// Ends when all is on disk.
    pub async fn wait(self) -> Result<()> {
        for wait in self.waits {
            wait.sync.wait(wait.number).await?;
        }
        Ok(())
    }
}

/// The syncing of one database's log.
pub(super) struct WalSync {
    database: PathBuf,
    state: RefCell<State>,
    progress: Notify,
}

#[derive(Default)]
struct State {
    log: Option<Arc<File>>,
    requested: u64,
    synced: u64,
    failure: Option<Error>,
    running: bool,
}

impl WalSync {
    pub(super) fn new(database: &Path) -> Rc<Self> {
        Rc::new(Self {
            database: database.to_owned(),
            state: RefCell::default(),
            progress: Notify::new(),
        })
    }

    /// Asks that everything written to the log so far becomes durable.
    pub(super) fn request(self: &Rc<Self>) -> Ticket {
        let mut state = self.state.borrow_mut();
        state.requested += 1;
        let number = state.requested;
        if !state.running {
            state.running = true;
            tokio::task::spawn_local(self.clone().drive());
        }
        Ticket {
            waits: vec![Wait {
                sync: self.clone(),
                number,
            }],
        }
    }

    /// A ticket for what has been requested so far.
    pub(super) fn pending(self: &Rc<Self>) -> Ticket {
        let number = self.state.borrow().requested;
        Ticket {
            waits: vec![Wait {
                sync: self.clone(),
                number,
            }],
        }
    }

    fn outcome(&self, number: u64) -> Option<Result<()>> {
        let state = self.state.borrow();
        match &state.failure {
            _ if state.synced >= number => Some(Ok(())),
            Some(error) => Some(Err(error.clone())),
            None => None,
        }
    }

    async fn wait(&self, number: u64) -> Result<()> {
        loop {
            let progress = self.progress.notified();
            if let Some(outcome) = self.outcome(number) {
                return outcome;
            }
            progress.await;
        }
    }

    /// Syncs until nothing more is asked for.
    async fn drive(self: Rc<Self>) {
        loop {
            let (target, log) = {
                let state = self.state.borrow();
                (state.requested, state.log.clone())
            };
            let database = self.database.clone();
            let began = Instant::now();
            let synced = blocking(move || sync_log(&database, log)).await;
            page().process.syncs.record_time(began.elapsed());
            let mut state = self.state.borrow_mut();
            match synced {
                Ok(log) => {
                    state.log = Some(log);
                    state.synced = target;
                }
                Err(error) => state.failure = Some(io("cannot make a commit durable", &error)),
            }
            state.running = state.failure.is_none() && state.requested > state.synced;
            let more = state.running;
            drop(state);
            self.progress.notify_waiters();
            if !more {
                return;
            }
        }
    }
}

/// The log of a database: SQLite keeps one file for as long as a connection is open.
pub(super) fn log_path(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The path of a database with something after it.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

fn sync_log(database: &Path, log: Option<Arc<File>>) -> std::io::Result<Arc<File>> {
    if let Some(log) = log {
        log.sync_data()?;
        return Ok(log);
    }
    let log = Arc::new(File::open(log_path(database))?);
    log.sync_data()?;
    sync_folder(database)?;
    Ok(log)
}

/// Makes the entries of the folder that a file is in durable.
pub(super) fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
