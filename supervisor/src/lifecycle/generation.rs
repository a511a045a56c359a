//! One generation: the processes that serve one loaded config.
//!
//! Called by `supervisor`. A server has one generation; during a reload a second one starts beside it. Relies on `sockets`
//! for the listeners and on `process` to start what serves them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use ipc::ToRuntime;
use ipc::fds::MAX_FDS_PER_PACKET;

use super::folders::FolderId;
use crate::process::backoff::Backoff;
use crate::process::launch::Launcher;
use crate::process::{Phase, Process};
use crate::sockets::SocketSet;

/// The processes of one config, with all that a restart needs.
#[derive(Debug)]
pub struct Generation {
    pub number: u64,
    /// The encoded config, sealed.
    pub config: OwnedFd,
    pub sockets: SocketSet,
    /// Where its objects are kept.
    pub folders: Vec<FolderId>,
    /// The workers of its config.
    pub workers: Vec<String>,
    pub slots: Vec<Slot>,
    /// Every slot has served once, and the world has been told.
    pub announced: bool,
}

/// One place for a process.
#[derive(Debug, Default)]
pub struct Slot {
    pub process: Option<Process>,
    pub backoff: Backoff,
    /// When to start the next process.
    pub restart_at: Option<Instant>,
    /// Its process crashed, and none has served in its place yet.
    pub crashed: bool,
    /// Its process serves and does not answer: see `watchdog`.
    pub stalled: bool,
    /// How many processes of this slot have crashed.
    pub crashes: u32,
    /// The config no longer starts, so nothing is started again.
    pub given_up: bool,
    /// The slot that accepts on its listeners while it is down.
    pub adopter: Option<usize>,
}

impl Slot {
    /// A slot whose process is gone, to be filled at once.
    pub fn lost() -> Self {
        Self {
            crashed: true,
            restart_at: Some(Instant::now()),
            ..Self::default()
        }
    }

    pub fn serves(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.phase() == Phase::Serving)
    }

    /// Whether someone else has to accept for it.
    fn is_orphan(&self) -> bool {
        self.crashed || self.stalled
    }
}

impl Generation {
    /// Starts a process for every slot.
    pub fn start(
        number: u64,
        config: OwnedFd,
        sockets: SocketSet,
        folders: Vec<FolderId>,
        workers: Vec<String>,
        launcher: &mut Launcher,
    ) -> io::Result<Self> {
        let slots = (0..launcher.processes()).map(|_| Slot::default()).collect();
        let mut generation = Self {
            number,
            config,
            sockets,
            folders,
            workers,
            slots,
            announced: false,
        };
        for slot in 0..generation.slots.len() {
            if let Err(error) = generation.launch(slot, launcher) {
                generation.kill();
                return Err(error);
            }
        }
        Ok(generation)
    }

    /// Starts the process of one slot.
    pub fn launch(&mut self, slot: usize, launcher: &mut Launcher) -> io::Result<()> {
        let number = slot as u32;
        let listeners = self.sockets.for_process(number)?;
        let process = launcher.launch(number, self.number, self.config.as_fd(), listeners)?;
        self.slots[slot].process = Some(process);
        self.slots[slot].restart_at = None;
        Ok(())
    }

    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().filter_map(|slot| slot.process.as_ref())
    }

    pub fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots
            .iter_mut()
            .filter_map(|slot| slot.process.as_mut())
    }

    /// Whether every slot has a process in this phase.
    pub fn all_in(&self, phase: Phase) -> bool {
        self.slots.iter().all(|slot| {
            slot.process
                .as_ref()
                .is_some_and(|process| process.phase() == phase)
        })
    }

    /// Ends every process at once.
    pub fn kill(&mut self) {
        self.processes_mut().for_each(Process::kill);
    }

    /// Whatever a process had adopted needs someone else.
    pub fn release_from(&mut self, adopter: usize) {
        for orphan in 0..self.slots.len() {
            if self.slots[orphan].adopter == Some(adopter) {
                self.release(orphan);
            }
        }
    }

    /// Whoever accepts for a slot stops doing so.
    fn release(&mut self, slot: usize) {
        if let Some(adopter) = self.slots[slot].adopter.take()
            && let Some(process) = &self.slots[adopter].process
        {
            process.send(&ToRuntime::Release { slot: slot as u32 });
        }
    }

    /// Has a serving sibling accept for every slot that has crashed or stands and has none yet. Clients wait in no queue that nobody empties.
    pub fn adopt_orphans(&mut self) {
        for orphan in 0..self.slots.len() {
            if self.slots[orphan].is_orphan() && self.slots[orphan].adopter.is_none() {
                let others =
                    (1..self.slots.len()).map(|distance| (orphan + distance) % self.slots.len());
                let adopter = others
                    .into_iter()
                    .find(|sibling| self.hand_to(*sibling, orphan).is_ok_and(|taken| taken));
                self.slots[orphan].adopter = adopter;
            }
        }
    }

    /// Gives the listeners of one slot to the process of another, if that one serves.
    fn hand_to(&self, adopter: usize, orphan: usize) -> io::Result<bool> {
        let Some(process) = self.slots[adopter]
            .process
            .as_ref()
            .filter(|_| self.slots[adopter].serves() && !self.slots[adopter].stalled)
        else {
            return Ok(false);
        };
        let slot = orphan as u32;
        let mut listeners = self.sockets.for_adoption(slot)?;
        while !listeners.is_empty() {
            let rest = listeners.split_off(listeners.len().min(MAX_FDS_PER_PACKET));
            if !process.send(&ToRuntime::Adopt { slot, listeners }) {
                return Ok(false);
            }
            listeners = rest;
        }
        Ok(true)
    }

    /// The slot serves again: whoever accepted for it stops doing so.
    pub fn restored(&mut self, slot: usize) {
        self.slots[slot].crashed = false;
        self.slots[slot].stalled = false;
        self.release(slot);
    }
}
