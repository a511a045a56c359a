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
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use ipc::fds::{sealed_memory, set_inheritable};
use ipc::frame;

use super::generation::Generation;
use super::hand_over::{FolderPage, ListenPage, ListenerPage, Page, ProcessPage, SocketPage};
use super::supervisor::Supervisor;
use super::under_way::Upgrade;
use super::watch::Watcher;
use crate::config::ListenOn;
use crate::metrics::Readings;
use crate::observe::{problem, tell};
use crate::process::launch::HAND_OVER_VARIABLE;
use crate::sockets::BoundSocket;

impl Supervisor {
    /// Starts to replace the program.
    pub(super) fn upgrade(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        match self.launcher.executable.on_disk() {
            Ok(new) => {
                let from = mem::replace(&mut self.launcher.executable, new);
                let generation = self.generations + 1;
                self.upgrades.push(Upgrade { from, generation });
                self.reload();
            }
            Err(error) => problem(format_args!(
                "No upgrade: {}: {error}",
                self.launcher.executable.path.display()
            )),
        }
    }

    /// Back to the program that serves or starts, from those that did not.
    pub(super) fn abandon_upgrades(&mut self) {
        let left = self.incoming.as_ref().or(self.current.as_ref());
        let left = left.map_or(0, |generation| generation.number);
        while let Some(upgrade) = self.upgrades.pop_if(|upgrade| left < upgrade.generation) {
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
        if !self.upgrades.is_empty() || hangs {
            let error = self.execute(generation);
            // Reached only when the program could not be executed. Its processes serve, so this supervisor stays.
            problem(format_args!(
                "The supervisor itself cannot be replaced: {error}"
            ));
            self.upgrades.clear();
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
                    datagrams,
                } => ListenPage::Address {
                    address,
                    default_port,
                    datagrams,
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
        let slots = generation.slots.iter().map(|slot| {
            let process = slot.process.as_ref().filter(|_| slot.serves())?;
            Some(ProcessPage {
                link: pass(process.link_fd()?),
                inspector: process.inspector_fd().map(&mut pass),
                metrics: process.metrics.as_ref().map(|tally| pass(tally.file())),
                pid: process.pid().as_raw(),
            })
        });
        let slots = slots.collect();
        Page {
            version: frame::VERSION,
            generation: generation.number,
            config: pass(generation.config.as_fd()),
            locks: pass(self.launcher.locks()),
            folders,
            sockets,
            workers: generation.workers.clone(),
            slots,
            counts: self.counts(generation).save(),
            files: self
                .watcher
                .iter()
                .flat_map(Watcher::files)
                .cloned()
                .collect(),
        }
    }

    /// What has been counted by processes that are not handed over.
    fn counts(&self, generation: &Generation) -> Readings {
        let mut counts = self.launcher.ledger.kept();
        let lost = generation.slots.iter().filter(|slot| !slot.serves());
        let lost = lost.filter_map(|slot| slot.process.as_ref()?.metrics.as_ref());
        lost.for_each(|tally| tally.read_last(&mut counts));
        counts
    }
}
