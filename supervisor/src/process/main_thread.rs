//! The program's main thread as the place of a runtime process, seen from the supervisor's side thread.
//!
//! Called by `lifecycle`, which makes the two, and by `launch`. A thread cannot be killed: one that runs code of a worker that does
//! not return ends with the program, or when the program executes itself anew (`lifecycle::upgrade`).

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use ipc::Start;

/// How long the main thread may take to leave when its process has ended.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The same for a process that was given up, and so has been waited for already.
const GIVEN_UP_TIMEOUT: Duration = Duration::from_millis(100);

/// Whether a process that runs in the main thread has been given up.
#[derive(Clone, Debug, Default)]
pub struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The supervisor's end.
#[derive(Debug)]
pub struct MainThread {
    /// Takes one start.
    starts: Option<SyncSender<Start>>,
    /// Nothing ever comes: it closes when the main thread has no more to do.
    left: Receiver<Infallible>,
    given_up: GivenUp,
    /// Nothing more can be done about it.
    may_hang: bool,
}

/// The main thread's own end.
pub struct MainThreadEnd {
    starts: Receiver<Start>,
    _busy: SyncSender<Infallible>,
}

/// The two ends.
pub fn main_thread() -> (MainThread, MainThreadEnd) {
    let (starts, receiver) = sync_channel(1);
    let (busy, left) = sync_channel(0);
    let main_thread = MainThread {
        starts: Some(starts),
        left,
        given_up: GivenUp::default(),
        may_hang: false,
    };
    let place = MainThreadEnd {
        starts: receiver,
        _busy: busy,
    };
    (main_thread, place)
}

impl MainThreadEnd {
    /// Runs the process that starts here, if one does.
    pub fn serve(self, runtime: impl FnOnce(Start) -> u8) {
        if let Ok(start) = self.starts.recv() {
            runtime(start);
        }
    }
}

impl MainThread {
    /// No process has run there yet.
    pub fn is_free(&self) -> bool {
        self.starts.is_some()
    }

    /// Runs a process there, the only one ever. Returns what gives it up.
    pub fn run(&mut self, start: Start) -> io::Result<GivenUp> {
        let sent = self.starts.take().and_then(|to| to.send(start).ok());
        sent.ok_or_else(|| io::Error::other("the main thread has ended"))?;
        Ok(self.given_up.clone())
    }

    /// Its process was given up and has not ended, and something can be done about it.
    pub fn hangs(&self) -> bool {
        !self.may_hang && self.is_given_up() && self.left.try_recv() == Err(TryRecvError::Empty)
    }

    /// It is no longer to count as hanging.
    pub fn let_hang(&mut self) {
        self.may_hang = true;
    }

    fn is_given_up(&self) -> bool {
        self.given_up.0.load(Ordering::Relaxed)
    }

    /// Waits until it has no more to do; whether that came in time.
    pub fn leave(self) -> bool {
        let timeout = if self.is_given_up() {
            GIVEN_UP_TIMEOUT
        } else {
            LEAVE_TIMEOUT
        };
        // A process that has not started never will.
        drop(self.starts);
        self.left.recv_timeout(timeout) != Err(RecvTimeoutError::Timeout)
    }
}
