//! Signals, as something to poll.
//!
//! Called by `lifecycle`. Blocks what it handles in the calling thread and, through it, in every thread and process started
//! afterwards (see `process::launch::enter` for those), so each is delivered here alone. Being
//! blocked rather than ignored or default, they also reach a process 1.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ipc::ASKS_WHERE;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::process::launch::SUPERVISOR_SIGNALS;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM, SIGINT: drain and exit.
    Stop,
    /// SIGHUP: load the config anew.
    Reload,
    /// SIGUSR2: go on with the program that is now on disk.
    Upgrade,
    /// SIGCHLD: a child has ended.
    Child,
}

/// The signals that wait to be handled.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks the signals in this thread. Call it before any other thread starts.
    pub fn block() -> io::Result<()> {
        let mut blocked = handled();
        // A process that runs in this program has a thread that waits for it.
        blocked.add(ASKS_WHERE);
        Ok(blocked.thread_block()?)
    }

    pub fn new() -> io::Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&handled(), flags)?))
    }

    /// The next request, if one waits.
    pub fn next(&self) -> Option<Request> {
        let info = self.0.read_signal().ok()??;
        match Signal::try_from(info.ssi_signo.cast_signed()).ok()? {
            Signal::SIGHUP => Some(Request::Reload),
            Signal::SIGUSR2 => Some(Request::Upgrade),
            Signal::SIGCHLD => Some(Request::Child),
            _ => Some(Request::Stop),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn handled() -> SigSet {
    SigSet::from_iter(SUPERVISOR_SIGNALS.into_iter().chain([Signal::SIGCHLD]))
}

/// The next child that has ended, and how. As process 1 that includes orphans of others, which nobody else would reap.
pub fn reap() -> Option<(Pid, Ended)> {
    match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, code)) => Some((pid, Ended::Exited(code))),
        Ok(WaitStatus::Signaled(pid, signal, _)) => Some((pid, Ended::Killed(signal))),
        _ => None,
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    Killed(Signal),
    /// The local process returned.
    Returned,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Killed(signal) => write!(f, "was killed by {signal}"),
            Self::Returned => f.write_str("ended"),
        }
    }
}
