//! What the inspector's thread and an isolate's share: what clients say, until the isolate hears it, and what they are told,
//! until the thread has sent it. Both are bounded.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::sync::Notify;

use crate::service::websocket::framing;

/// Messages of one client that wait to be heard; no more are read until they are.
const MAX_UNHEARD_MESSAGES: usize = 256;

/// Bytes that wait to be sent to one client, before whoever has more for it waits: a heap snapshot has many.
const MAX_UNSENT_BYTES: usize = 16 << 20;

/// A client that takes nothing of that for so long is let go.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells a client from others of the process.
pub type ClientId = u64;

/// What clients do.
pub enum Event {
    Opened(ClientId, Arc<Line>),
    Said(ClientId, String),
    Gone(ClientId),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the inspector's thread.
pub struct Bell(File);

impl Bell {
    pub fn new() -> std::io::Result<Self> {
        let flags =
            nix::sys::eventfd::EfdFlags::EFD_NONBLOCK | nix::sys::eventfd::EfdFlags::EFD_CLOEXEC;
        let event = nix::sys::eventfd::EventFd::from_value_and_flags(0, flags)?;
        Ok(Self(File::from(std::os::fd::OwnedFd::from(event))))
    }

    pub fn ring(&self) {
        // It cannot fail but for being rung already.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    pub fn silence(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What waits to be heard by one isolate.
pub struct Mailbox {
    isolate: v8::IsolateHandle,
    /// Runs in the isolate, on its thread, in the turn that goes on or when the next one runs code; it is given the number.
    interrupt: extern "C" fn(v8::UnsafeRawIsolatePtr, *mut c_void),
    number: usize,
    /// `None` once the isolate is gone.
    events: Mutex<Option<VecDeque<Event>>>,
    arrived: Condvar,
    /// The same for an isolate that does not run.
    changed: Arc<Notify>,
}

impl Mailbox {
    pub fn new(
        isolate: v8::IsolateHandle,
        interrupt: extern "C" fn(v8::UnsafeRawIsolatePtr, *mut c_void),
        number: usize,
        changed: Arc<Notify>,
    ) -> Self {
        Self {
            isolate,
            interrupt,
            number,
            events: Mutex::new(Some(VecDeque::new())),
            arrived: Condvar::new(),
            changed,
        }
    }

    /// Whether there is still somebody who hears.
    pub fn put(&self, event: Event) -> bool {
        let mut events = lock(&self.events);
        let Some(queue) = &mut *events else {
            return false;
        };
        queue.push_back(event);
        drop(events);
        self.arrived.notify_one();
        self.changed.notify_one();
        let number = self.number as *mut c_void;
        self.isolate.request_interrupt(self.interrupt, number);
        true
    }

    pub fn take(&self) -> Option<Event> {
        lock(&self.events).as_mut()?.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.events).as_ref().is_none_or(VecDeque::is_empty)
    }

    /// Waits for the next, for as long as it takes.
    pub fn wait(&self) -> Option<Event> {
        let is_empty =
            |events: &mut Option<VecDeque<Event>>| events.as_ref().is_some_and(VecDeque::is_empty);
        let waited = self.arrived.wait_while(lock(&self.events), is_empty);
        let mut events = waited.unwrap_or_else(PoisonError::into_inner);
        events.as_mut()?.pop_front()
    }

    /// Nobody hears any more.
    pub fn close(&self) {
        let left = lock(&self.events).take();
        for event in left.into_iter().flatten() {
            if let Event::Opened(_, line) = event {
                line.hang_up();
            }
        }
    }
}

/// Between one client and its session.
pub struct Line {
    unheard: AtomicUsize,
    unsent: Mutex<Unsent>,
    sent: Condvar,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Unsent {
    bytes: BytesMut,
    /// Nothing more is to be sent; the connection ends.
    is_closed: bool,
}

impl Line {
    pub fn new(bell: Arc<Bell>) -> Self {
        Self {
            unheard: AtomicUsize::new(0),
            unsent: Mutex::default(),
            sent: Condvar::new(),
            bell,
        }
    }

    /// A message is on its way to the session.
    pub fn said(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    /// The session has heard one.
    pub fn heard(&self) {
        if self.unheard.fetch_sub(1, Ordering::Relaxed) == MAX_UNHEARD_MESSAGES {
            self.bell.ring();
        }
    }

    /// Whether more is to be read of the client.
    pub fn listens(&self) -> bool {
        self.unheard.load(Ordering::Relaxed) < MAX_UNHEARD_MESSAGES
    }

    /// Tells the client, when it has taken enough of what came before.
    pub fn send(&self, text: &str) {
        let until = Instant::now() + SEND_TIMEOUT;
        let mut unsent = lock(&self.unsent);
        while unsent.bytes.len() > MAX_UNSENT_BYTES && !unsent.is_closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                unsent.is_closed = true;
                unsent.bytes.clear();
            }
            let waited = self.sent.wait_timeout(unsent, left);
            unsent = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !unsent.is_closed {
            framing::write(&mut unsent.bytes, framing::TEXT, text.as_bytes());
        }
        drop(unsent);
        self.bell.ring();
    }

    /// Sends bytes as they are, such as a control frame.
    pub fn send_raw(&self, bytes: &[u8]) {
        lock(&self.unsent).bytes.extend_from_slice(bytes);
    }

    /// Ends the connection when all is sent.
    pub fn hang_up(&self) {
        lock(&self.unsent).is_closed = true;
        self.sent.notify_all();
        self.bell.ring();
    }

    /// Whether there is something to send.
    pub fn has_unsent(&self) -> bool {
        !lock(&self.unsent).bytes.is_empty()
    }

    /// Whether the connection is to end when all is sent.
    pub fn is_closed(&self) -> bool {
        lock(&self.unsent).is_closed
    }

    /// Sends what the connection takes.
    pub fn write_to(&self, mut socket: &File) -> std::io::Result<()> {
        let mut unsent = lock(&self.unsent);
        while !unsent.bytes.is_empty() {
            let count = socket.write(&unsent.bytes)?;
            unsent.bytes.advance(count);
            if unsent.bytes.len() <= MAX_UNSENT_BYTES {
                self.sent.notify_all();
            }
        }
        Ok(())
    }
}
