//! Runtime processes as the supervisor sees them: started, spoken to, and ended.
//!
//! Called by `lifecycle`. A process is a child of this one, or for a server of one process the main thread of this very
//! program, which is told the same over the same channel. Relies on `ipc` for the channel and on `phase` for what may follow what.

pub mod backoff;
pub mod company;
pub mod count;
pub mod launch;
pub mod main_thread;
pub mod phase;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipc::{ChannelError, FromInspector, InspectorLink, RuntimeLink, ToInspector};
use ipc::{ToRuntime, ToSupervisor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use crate::metrics::Tally;
use main_thread::GivenUp;
pub use phase::{BadTransition, Phase};

/// One runtime process.
#[derive(Debug)]
pub struct Process {
    /// Its place among the processes of its generation.
    pub slot: u32,
    /// The number of its generation.
    pub generation: u64,
    phase: Phase,
    /// `None` once the other end is closed.
    link: Option<RuntimeLink>,
    /// `None` without an inspector, and once nobody is to inspect it any more.
    inspector: Option<InspectorLink>,
    /// A client of its inspector has stopped it.
    pub paused: bool,
    /// What it counts; nothing is known of what one counts that an older program has started.
    pub metrics: Option<Tally>,
    body: Body,
    started: Instant,
    last_sign_of_life: Instant,
    /// The watchdog has asked it, and it has said nothing since.
    pub unanswered_since: Option<Instant>,
    /// It was asked where it stands.
    pub asked_where: bool,
    /// When it was told to drain.
    pub told_to_drain: Option<Instant>,
    /// It has said that it has drained.
    pub drained: bool,
    /// Client connections open, as of the last second.
    pub connections: u32,
    /// Requests answered, as of the last second.
    pub requests: u64,
    /// Why the supervisor has ended it, if it has.
    pub killed_for: Option<&'static str>,
    /// It is killed if it has not gone on by then.
    pub deadline: Option<Instant>,
}

/// What runs the process.
#[derive(Debug)]
enum Body {
    Child(Pid),
    /// The main thread of this program.
    Local(GivenUp),
}

impl Process {
    fn new(
        slot: u32,
        generation: u64,
        link: RuntimeLink,
        body: Body,
        deadline: Option<Instant>,
    ) -> Self {
        let now = Instant::now();
        let phase = Phase::Starting;
        Self {
            slot,
            generation,
            phase,
            link: Some(link),
            inspector: None,
            paused: false,
            metrics: None,
            body,
            started: now,
            last_sign_of_life: now,
            unanswered_since: None,
            asked_where: false,
            told_to_drain: None,
            drained: false,
            connections: 0,
            requests: 0,
            killed_for: None,
            deadline,
        }
    }

    /// A serving child that the program had before it replaced itself.
    pub fn handed_over(
        slot: u32,
        generation: u64,
        link: RuntimeLink,
        inspector: Option<InspectorLink>,
        metrics: Option<Tally>,
        pid: Pid,
    ) -> Self {
        Self {
            phase: Phase::Serving,
            inspector,
            metrics,
            ..Self::new(slot, generation, link, Body::Child(pid), None)
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn advance(&mut self, to: Phase) -> Result<(), BadTransition> {
        self.phase.advance(to)
    }

    /// The process id in reports: that of this program for the local one.
    pub fn pid(&self) -> Pid {
        match self.body {
            Body::Child(pid) => pid,
            Body::Local(_) => getpid(),
        }
    }

    /// Whether it is the child with this process id.
    pub fn is_child(&self, child: Pid) -> bool {
        matches!(self.body, Body::Child(pid) if pid == child)
    }

    /// Whether it runs in this program.
    pub fn is_local(&self) -> bool {
        matches!(self.body, Body::Local(_))
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long ago it last said anything, if it can.
    pub fn silence(&self) -> Duration {
        match self.paused {
            true => Duration::ZERO,
            false => self.last_sign_of_life.elapsed(),
        }
    }

    /// The descriptor to wait for, while the channel is open.
    pub fn link_fd(&self) -> Option<BorrowedFd<'_>> {
        self.link.as_ref().map(AsFd::as_fd)
    }

    /// The descriptor to wait for, while it may be inspected.
    pub fn inspector_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inspector.as_ref().map(AsFd::as_fd)
    }

    /// Tells its inspector.
    pub fn inspect(&self, message: &ToInspector) {
        // One that cannot take it has died, which shows elsewhere.
        let _ = self.inspector.as_ref().map(|link| link.try_send(message));
    }

    /// What its inspector says; `None` if that is nothing more.
    pub fn receive_inspector(&mut self) -> Option<FromInspector> {
        match self.inspector.as_ref()?.try_recv() {
            Ok(message) => Some(message),
            Err(ChannelError::WouldBlock) => None,
            Err(_) => {
                self.end_inspection();
                None
            }
        }
    }

    /// Has every client of its inspector go, and what they have stopped go on.
    pub fn end_inspection(&mut self) {
        self.inspector = None;
        self.paused = false;
    }

    /// Sends a message. A process that cannot take it has hung or died, which shows elsewhere; `false` says so.
    pub fn send(&self, message: &ToRuntime) -> bool {
        self.deliver(message).is_ok()
    }

    /// Sends a message, and says why it cannot.
    pub fn deliver(&self, message: &ToRuntime) -> Result<(), ChannelError> {
        let link = self.link.as_ref().ok_or(ChannelError::Closed)?;
        link.try_send(message)
    }

    /// The next message. After [`ChannelError::Closed`] the channel is gone.
    pub fn receive(&mut self) -> Result<ToSupervisor, ChannelError> {
        let received = self.link.as_ref().ok_or(ChannelError::Closed)?.try_recv();
        match received {
            Ok(_) => self.last_sign_of_life = Instant::now(),
            Err(ChannelError::Closed) => self.link = None,
            Err(_) => {}
        }
        received
    }

    /// Signals the process. In this program, a thread of the local one's takes it.
    pub fn signal(&self, signal: Signal) {
        // A child is not reaped before the supervisor forgets it, so the number is still its own.
        let _ = kill(self.pid(), signal);
    }

    /// Ends a child at once. The local process cannot be ended alone: it sees its channel close.
    pub fn kill(&mut self) {
        self.killed_for.get_or_insert("killed");
        match &self.body {
            Body::Child(_) => self.signal(Signal::SIGKILL),
            Body::Local(given_up) => {
                given_up.set();
                self.link = None;
            }
        }
    }
}
