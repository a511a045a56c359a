//! Time limits of connections, without a timer each: one sweep a second looks at all of them.
//!
//! A connection that waits for a request header, or sits idle, for longer than its limit is closed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Bounds on what a client may make a process hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once in this process; one more is answered 503 and closed.
    pub max_connections: usize,
    /// Bytes of a request's line and headers; more is answered 431.
    pub max_header_bytes: usize,
    /// Headers of a request; more are answered 431.
    pub max_header_count: usize,
    /// From a header's first byte to its last; then the connection is closed.
    pub header_read_timeout: Duration,
    /// Between requests; then the connection is closed.
    pub idle_timeout: Duration,
}

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// While draining, an idle connection is kept this long: a client's next request may already be on its way.
const DRAIN_IDLE_GRACE: Duration = Duration::from_millis(300);

/// What the sweep looks at.
pub struct Connection {
    /// Requests that are being answered.
    pub in_flight: Cell<u32>,
    /// When the last byte of a response or the first byte of a request was seen.
    since: Cell<Instant>,
    reading_header: Cell<bool>,
    /// Told to close.
    pub close: Notify,
}

impl Connection {
    /// Bytes came in.
    pub fn received(&self) {
        if self.in_flight.get() == 0 && !self.reading_header.replace(true) {
            self.since.set(Instant::now());
        }
    }

    /// A request's header is complete.
    pub fn begin(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
        self.reading_header.set(false);
    }

    /// A response is complete.
    pub fn end(&self) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        self.reading_header.set(false);
        self.since.set(Instant::now());
    }
}

/// The connections of one process.
#[derive(Default)]
pub struct Connections {
    all: RefCell<HashMap<u64, Rc<Connection>>>,
    next: Cell<u64>,
    /// Set while draining: responses say `Connection: close`.
    pub draining: Cell<bool>,
    emptied: Notify,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.all.borrow().len()
    }

    pub fn add(&self) -> (u64, Rc<Connection>) {
        let connection = Rc::new(Connection {
            in_flight: Cell::new(0),
            since: Cell::new(Instant::now()),
            reading_header: Cell::new(false),
            close: Notify::new(),
        });
        let id = self.next.replace(self.next.get() + 1);
        self.all.borrow_mut().insert(id, connection.clone());
        (id, connection)
    }

    pub fn remove(&self, id: u64) {
        self.all.borrow_mut().remove(&id);
        if self.all.borrow().is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// Closes what is over its time; never returns.
    pub async fn sweep(&self, limits: &Limits) {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            interval.tick().await;
            self.close_idle(limits.idle_timeout, limits.header_read_timeout);
        }
    }

    fn close_idle(&self, idle: Duration, header: Duration) {
        for connection in self.all.borrow().values() {
            if connection.in_flight.get() == 0 {
                let limit = if connection.reading_header.get() { header } else { idle };
                if connection.since.get().elapsed() >= limit {
                    connection.close.notify_one();
                }
            }
        }
    }

    /// Lets what is in flight end, closes what is idle; returns when no connection is left.
    pub async fn drain(&self, limits: &Limits) {
        self.draining.set(true);
        let mut interval = tokio::time::interval(DRAIN_IDLE_GRACE / 3);
        while self.len() > 0 {
            self.close_idle(DRAIN_IDLE_GRACE, limits.header_read_timeout);
            tokio::select! {
                () = self.emptied.notified() => {}
                _ = interval.tick() => {}
            }
        }
    }
}
