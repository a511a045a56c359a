//! SIGUSR2: going on with the program that is now on disk.
//!
//! Part of `supervisor`. First a reload whose processes run the new program: if it does not start, nothing changes. When they
//! serve and the old ones have drained, the supervisor executes the new program in its own place: same process id, same
//! children, same listeners, which it hands over as descriptors and a page of JSON. That page belongs to the control protocol
//! (`ipc::frame::VERSION`): a program that speaks another version fails in its first process, and is never executed here.
//!
//! The same way, with the same program, ends a main thread that runs code of a worker and cannot be killed alone.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ipc::fds::{Mapping, inherited, sealed_memory, set_inheritable};
use ipc::{RuntimeLink, frame};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::folders::{FolderId, Folders};
use super::generation::{Generation, Slot};
use super::supervisor::Supervisor;
use super::watch::Watcher;
use crate::config::{ListenOn, SocketPlan};
use crate::observe::tell;
use crate::process::Process;
use crate::process::launch::{Executable, HAND_OVER_VARIABLE};
use crate::sockets::bind::BoundListener;
use crate::sockets::{BoundSocket, SocketSet};

/// An upgrade that is not finished.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// The program that this supervisor runs.
    from: Executable,
    /// The first generation of the new program.
    generation: u64,
}

/// What a supervisor leaves to the program that replaces it. Descriptors by number.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    version: u8,
    generation: u64,
    config: RawFd,
    locks: RawFd,
    folders: Vec<FolderPage>,
    sockets: Vec<SocketPage>,
    slots: Vec<Option<ProcessPage>>,
    /// What `--watch` watches.
    files: Vec<PathBuf>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FolderPage {
    id: FolderId,
    lock: RawFd,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SocketPage {
    name: String,
    index: usize,
    listen: ListenPage,
    listeners: Vec<ListenerPage>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum ListenPage {
    Address { address: String, default_port: u16 },
    Fd(RawFd),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ListenerPage {
    fd: RawFd,
    slot: u32,
    inherited: bool,
    file: Option<PathBuf>,
}

/// A process that serves.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ProcessPage {
    link: RawFd,
    pid: i32,
}

impl Supervisor {
    /// Starts to replace the program.
    pub(super) fn upgrade(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        match self.launcher.executable.on_disk() {
            Ok(new) => {
                self.give_up_incoming();
                let before = mem::replace(&mut self.launcher.executable, new);
                let generation = self.generations + 1;
                let from = self.upgrading.take().map_or(before, |upgrade| upgrade.from);
                self.upgrading = Some(Upgrade { from, generation });
                self.reload();
            }
            Err(error) => tell(format_args!(
                "No upgrade: {}: {error}",
                self.launcher.executable.path.display()
            )),
        }
    }

    /// What was starting did not: back to this program, unless processes of the new one serve already.
    pub(super) fn abandon_upgrade(&mut self) {
        let serving = self.current.as_ref().map_or(0, |current| current.number);
        if let Some(upgrade) = self
            .upgrading
            .take_if(|upgrade| serving < upgrade.generation)
        {
            self.launcher.executable = upgrade.from;
        }
    }

    /// Executes the new program once its processes serve and no others are left; or this one, if that alone ends the main thread.
    pub(super) fn finish_upgrade(&mut self) {
        let settled = self.incoming.is_none() && self.retiring.is_empty();
        let Some(generation) = self
            .current
            .as_ref()
            .filter(|generation| settled && generation.announced)
        else {
            return;
        };
        let hangs = self.launcher.main_thread_hangs();
        if hangs {
            tell("The main thread does not come to an end: the program executes itself anew.");
        }
        if self.upgrading.is_some() || hangs {
            let error = self.execute(generation);
            // Reached only when the program could not be executed. Its processes serve, so this supervisor stays.
            tell(format_args!(
                "The supervisor itself cannot be replaced: {error}"
            ));
            self.upgrading = None;
            self.launcher.let_main_thread_hang();
        }
    }

    fn execute(&self, generation: &Generation) -> io::Error {
        let mut passed: Vec<BorrowedFd> = self
            .server
            .inherited
            .fds()
            .chain(self.server.reporter.fd())
            .collect();
        let mut text = match serde_json::to_vec(&self.describe(generation, &mut passed)) {
            Ok(text) => text,
            Err(error) => return error.into(),
        };
        // Sealed memory is whole words; JSON may end in spaces.
        text.resize(text.len().next_multiple_of(8), b' ');
        let page = match sealed_memory(c"hand-over", &text) {
            Ok(page) => page,
            Err(error) => return error,
        };
        passed.push(page.as_fd());
        let mut arguments = std::env::args_os();
        let mut command = Command::new(self.launcher.executable.command_path());
        command
            .arg0(arguments.next().unwrap_or_else(|| "workerd".into()))
            .args(arguments);
        command.env(HAND_OVER_VARIABLE, page.as_raw_fd().to_string());
        let passing = passed.iter().try_for_each(|fd| set_inheritable(*fd, true));
        let error = passing.err().unwrap_or_else(|| command.exec());
        for fd in passed {
            let _ = set_inheritable(fd, false);
        }
        error
    }

    /// All that the new program needs to go on. Adds the descriptors it names to `passed`.
    fn describe<'a>(
        &'a self,
        generation: &'a Generation,
        passed: &mut Vec<BorrowedFd<'a>>,
    ) -> Page {
        let mut pass = |fd: BorrowedFd<'a>| {
            passed.push(fd);
            fd.as_raw_fd()
        };
        let folders = self.folders.iter().map(|(id, lock)| FolderPage {
            id,
            lock: pass(lock),
        });
        let folders = folders.collect();
        let mut sockets = Vec::new();
        for BoundSocket { plan, listeners } in generation.sockets.iter() {
            let listeners = listeners.iter().map(|listener| ListenerPage {
                fd: pass(listener.as_fd()),
                slot: listener.slot,
                inherited: listener.inherited,
                file: listener.file.clone(),
            });
            let listen = match plan.listen.clone() {
                ListenOn::Address {
                    address,
                    default_port,
                } => ListenPage::Address {
                    address,
                    default_port,
                },
                ListenOn::Fd(fd) => ListenPage::Fd(fd),
            };
            let (name, index) = (plan.name.clone(), plan.index);
            sockets.push(SocketPage {
                name,
                index,
                listen,
                listeners: listeners.collect(),
            });
        }
        let mut slots = Vec::new();
        for slot in &generation.slots {
            let process = slot.process.as_ref().filter(|_| slot.serves());
            slots.push(process.and_then(|process| {
                Some(ProcessPage {
                    link: pass(process.link_fd()?),
                    pid: process.pid().as_raw(),
                })
            }));
        }
        Page {
            version: frame::VERSION,
            generation: generation.number,
            config: pass(generation.config.as_fd()),
            locks: pass(self.launcher.locks()),
            folders,
            sockets,
            slots,
            files: self
                .watcher
                .iter()
                .flat_map(Watcher::files)
                .cloned()
                .collect(),
        }
    }
}

/// What this program goes on with, when it has replaced another.
pub(super) struct HandOver {
    pub(super) generation: Generation,
    pub(super) files: Vec<PathBuf>,
    pub(super) folders: Folders,
    pub(super) locks: OwnedFd,
}

impl HandOver {
    /// Takes what was left, if anything was.
    pub(super) fn take() -> io::Result<Option<Self>> {
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
        page.revive().map(Some)
    }
}

impl Page {
    fn revive(self) -> io::Result<HandOver> {
        let folders = self.folders.into_iter();
        let folders = folders.map(|FolderPage { id, lock }| Ok((id, inherited(lock)?)));
        let folders = Folders::handed_over(folders.collect::<io::Result<Vec<_>>>()?);
        let sockets = self.sockets.into_iter().map(SocketPage::revive);
        let sockets = sockets.collect::<io::Result<_>>()?;
        let mut slots = Vec::new();
        for (number, page) in self.slots.into_iter().enumerate() {
            slots.push(match page {
                None => Slot::lost(),
                Some(page) => page.revive(number as u32, self.generation)?,
            });
        }
        let generation = Generation {
            number: self.generation,
            config: inherited(self.config)?,
            sockets: SocketSet::handed_over(sockets),
            folders: folders.ids(),
            slots,
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
            let ListenerPage {
                fd,
                slot,
                inherited: given,
                file,
            } = page;
            BoundListener::handed_over(inherited(fd)?, slot, given, file).map(Arc::new)
        });
        let listeners = listeners.collect::<io::Result<_>>()?;
        let listen = match self.listen {
            ListenPage::Address {
                address,
                default_port,
            } => ListenOn::Address {
                address,
                default_port,
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
    fn revive(self, number: u32, generation: u64) -> io::Result<Slot> {
        let link = RuntimeLink::new(inherited(self.link)?)?;
        let pid = Pid::from_raw(self.pid);
        Ok(Slot {
            process: Some(Process::handed_over(number, generation, link, pid)),
            ..Slot::default()
        })
    }
}
