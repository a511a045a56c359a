//! Time limits of connections, without a timer each: one sweep a second looks at all of them.
//!
//! A connection that waits for a request header, or sits idle, for longer than its limit is closed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Bounds on what a client may make a process hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once in this process; more wait in the listeners' queues.
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

fn now_millis() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// While draining, an idle connection is kept this long: a client's next request may already be on its way.
const DRAIN_IDLE_GRACE: Duration = Duration::from_millis(300);

/// What the sweep looks at.
///
/// Atomic because hyper wants streams that may change threads; ours never do.
pub struct Connection {
    /// Requests that are being answered.
    in_flight: AtomicU32,
    /// When the last byte of a response or the first byte of a request was seen, in milliseconds.
    since: AtomicU64,
    reading_header: AtomicBool,
    broken_body: AtomicBool,
    /// Who the client is, as JSON for `request.cf`, where no header says.
    pub client: Option<String>,
    /// Told to close.
    pub close: Notify,
    /// Told when no request is being answered any more.
    pub ended: Notify,
}

impl Connection {
    /// Whether no request is being answered.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0
    }

    /// Bytes came in.
    pub fn received(&self) {
        if self.in_flight.load(Relaxed) == 0 && !self.reading_header.swap(true, Relaxed) {
            self.since.store(now_millis(), Relaxed);
        }
    }

    /// Whether its handshake, if it has one, is still under way.
    pub fn opening(&self, opening: bool) {
        self.reading_header.store(opening, Relaxed);
    }

    /// A request's header is complete.
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.reading_header.store(false, Relaxed);
    }

    /// The body of a request is malformed, or ends too early. With HTTP/1.1 nothing can follow it.
    pub fn body_broke(&self) {
        self.broken_body.store(true, Relaxed);
    }

    pub fn has_broken_body(&self) -> bool {
        self.broken_body.load(Relaxed)
    }

    /// A response is complete.
    pub fn end(&self) {
        self.reading_header.store(false, Relaxed);
        self.since.store(now_millis(), Relaxed);
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.ended.notify_one();
        }
    }
}

/// The connections of one process.
#[derive(Default)]
pub struct Connections {
    all: RefCell<HashMap<u64, Arc<Connection>>>,
    next: Cell<u64>,
    /// Set while draining: responses say `Connection: close`.
    pub draining: Cell<bool>,
    emptied: Notify,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.all.borrow().len()
    }

    pub fn add(&self, client: Option<String>) -> (u64, Arc<Connection>) {
        let connection = Arc::new(Connection {
            in_flight: AtomicU32::new(0),
            since: AtomicU64::new(now_millis()),
            reading_header: AtomicBool::new(false),
            broken_body: AtomicBool::new(false),
            client,
            close: Notify::new(),
            ended: Notify::new(),
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
            if connection.in_flight.load(Relaxed) == 0 {
                let limit = if connection.reading_header.load(Relaxed) {
                    header
                } else {
                    idle
                };
                let waited = now_millis().saturating_sub(connection.since.load(Relaxed));
                if Duration::from_millis(waited) >= limit {
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
