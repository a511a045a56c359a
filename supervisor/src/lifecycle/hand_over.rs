//! What a supervisor leaves to the program that replaces it: descriptors, and a page of JSON that says what each is.
//!
//! `upgrade` writes the page, `supervisor` takes it when it starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use ipc::fds::{Mapping, inherited};
use ipc::metrics::SharedPage;
use ipc::{InspectorLink, RuntimeLink, frame};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::folders::{FolderId, Folders};
use super::generation::{Generation, Slot};
use crate::config::{ListenOn, SocketPlan};
use crate::metrics::{Ledger, Saved, Tally};
use crate::process::Process;
use crate::process::launch::HAND_OVER_VARIABLE;
use crate::sockets::bind::BoundListener;
use crate::sockets::{BoundSocket, SocketSet};

/// What a supervisor leaves to the program that replaces it. Descriptors by number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Page {
    pub(super) version: u8,
    pub(super) generation: u64,
    pub(super) config: RawFd,
    pub(super) locks: RawFd,
    pub(super) folders: Vec<FolderPage>,
    pub(super) sockets: Vec<SocketPage>,
    pub(super) workers: Vec<String>,
    pub(super) slots: Vec<Option<ProcessPage>>,
    /// What processes that have ended had counted.
    pub(super) counts: Vec<Saved>,
    /// What `--watch` watches.
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FolderPage {
    pub(super) id: FolderId,
    pub(super) lock: RawFd,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SocketPage {
    pub(super) name: String,
    pub(super) index: usize,
    pub(super) listen: ListenPage,
    pub(super) listeners: Vec<ListenerPage>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ListenPage {
    Address {
        address: String,
        default_port: u16,
        /// What an older program does not know of.
        #[serde(default)]
        datagrams: bool,
    },
    Fd(RawFd),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ListenerPage {
    pub(super) fd: RawFd,
    pub(super) slot: u32,
    pub(super) inherited: bool,
    pub(super) file: Option<PathBuf>,
}

/// A process that serves.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ProcessPage {
    pub(super) link: RawFd,
    pub(super) inspector: Option<RawFd>,
    pub(super) metrics: Option<RawFd>,
    pub(super) pid: i32,
}

/// What this program goes on with, when it has replaced another.
pub(super) struct HandOver {
    pub(super) generation: Generation,
    pub(super) files: Vec<PathBuf>,
    pub(super) folders: Folders,
    pub(super) locks: OwnedFd,
}

impl HandOver {
    /// Takes what was left, if anything was. What was counted goes on in the ledger.
    pub(super) fn take(ledger: &Ledger) -> io::Result<Option<Self>> {
        let Ok(fd) = std::env::var(HAND_OVER_VARIABLE) else {
            return Ok(None);
        };
        let page = inherited(fd.parse().map_err(io::Error::other)?)?;
        let page: Page = serde_json::from_slice(&Mapping::new(page.as_fd())?)?;
        if page.version != frame::VERSION {
            return Err(io::Error::other(
                "the supervisor before this one speaks another version",
            ));
        }
        page.revive(ledger).map(Some)
    }
}

impl Page {
    fn revive(self, ledger: &Ledger) -> io::Result<HandOver> {
        ledger.restore(self.counts);
        let folders = self.folders.into_iter();
        let folders = folders.map(|FolderPage { id, lock }| Ok((id, inherited(lock)?)));
        let folders = Folders::handed_over(folders.collect::<io::Result<Vec<_>>>()?);
        let sockets = self.sockets.into_iter().map(SocketPage::revive);
        let slots = self.slots.into_iter().enumerate();
        let slots = slots.map(|(number, page)| match page {
            None => Ok(Slot::lost()),
            Some(page) => page.revive(number as u32, self.generation, ledger),
        });
        let generation = Generation {
            number: self.generation,
            config: inherited(self.config)?,
            sockets: SocketSet::handed_over(sockets.collect::<io::Result<_>>()?),
            folders: folders.ids(),
            workers: self.workers,
            slots: slots.collect::<io::Result<_>>()?,
            announced: true,
        };
        Ok(HandOver {
            generation,
            files: self.files,
            folders,
            locks: inherited(self.locks)?,
        })
    }
}

impl SocketPage {
    fn revive(self) -> io::Result<BoundSocket> {
        let listeners = self.listeners.into_iter().map(|page| {
            let fd = inherited(page.fd)?;
            BoundListener::handed_over(fd, page.slot, page.inherited, page.file).map(Arc::new)
        });
        let listeners = listeners.collect::<io::Result<_>>()?;
        let listen = match self.listen {
            ListenPage::Address {
                address,
                default_port,
                datagrams,
            } => ListenOn::Address {
                address,
                default_port,
                datagrams,
            },
            ListenPage::Fd(fd) => ListenOn::Fd(fd),
        };
        Ok(BoundSocket {
            plan: SocketPlan {
                name: self.name,
                index: self.index,
                listen,
            },
            listeners,
        })
    }
}

impl ProcessPage {
    fn revive(self, slot: u32, generation: u64, ledger: &Ledger) -> io::Result<Slot> {
        let link = RuntimeLink::new(inherited(self.link)?)?;
        let inspector = self.inspector.map(|fd| InspectorLink::new(inherited(fd)?));
        let inspector = inspector.transpose()?;
        let metrics = self.metrics.map(|fd| {
            let page = SharedPage::open(inherited(fd)?)?;
            Ok::<_, io::Error>(Tally::new(page, slot, ledger))
        });
        let metrics = metrics.transpose()?;
        let pid = Pid::from_raw(self.pid);
        let process = Process::handed_over(slot, generation, link, inspector, metrics, pid);
        Ok(Slot {
            process: Some(process),
            ..Slot::default()
        })
    }
}
