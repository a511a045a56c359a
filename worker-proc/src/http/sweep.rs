//! Time limits of connections, without a timer each: one sweep a second looks at all of them.
//!
//! A connection that waits for a request header, or sits idle, for longer than its limit is closed; one whose client does
//! not move bodies is ended.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use ipc::metrics::{self, Limit};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::progress::{Outflow, Pace, Stream, Uploads};
use crate::log;

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
    /// For bodies of requests; what is slower is answered 408.
    pub upload: Pace,
    /// For answers; whoever takes one slower loses it.
    pub download: Pace,
}

/// Microseconds since the first call.
pub fn now_us() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// An idle connection is kept this long whatever happens: a client's next request may already be on its way.
const IDLE_GRACE: Duration = Duration::from_millis(300);

/// Connections that close to make room, at once.
const MAX_CLOSING: usize = 64;

/// Answers of one HTTP/2 connection that are unsent: beyond, its next requests begin only as its client takes them.
const MAX_UNSENT_BYTES_OF_CONNECTION: usize = 4 << 20;

/// The same of all connections of the process: beyond, that is so for whoever leaves any unsent, and those that have taken
/// nothing for longest are closed.
const MAX_UNSENT_BYTES: usize = 32 << 20;

/// Beyond those bounds a client must have taken so much for each request that begins, but for those whose answers it takes
/// whole.
const BYTES_FOR_ONE_MORE: usize = 128 << 10;

/// What it has taken is worth so many requests.
const MAX_EARNED_BYTES: usize = 16 * BYTES_FOR_ONE_MORE;

/// What a client takes is looked for this often, at most, beside the sweep.
const LOOK_INTERVAL_US: u64 = 100_000;

/// A client takes what it is sent until it has taken nothing for this long.
const TAKES_FOR: Duration = Duration::from_secs(5);

/// With as much in the kernel, no stream of an HTTP/2 connection is to blame that nothing of it moves.
const QUEUED_BYTES: usize = 16 << 10;

/// A client that takes nothing for this long may be closed to get below that; when there is twice as much, sooner.
const SHED_PATIENCE: Duration = Duration::from_secs(10);

/// HTTP/2 requests under way in a process of whose answers nothing is known: begun in this second, and nothing of them
/// is ready, for clients that have taken nothing yet. Each may always have one, and no more beyond [`MAX_UNSENT_BYTES`].
const MAX_FRESH: usize = 256;

/// What the kernel has of a connection, in bytes.
pub trait Queues: Send + Sync {
    /// Of what was written to the client, and the client has not acknowledged.
    fn unsent(&self) -> usize;

    /// Of what the client has sent, and nobody has read.
    fn unread(&self) -> usize;
}

/// What the sweep looks at.
///
/// Atomic because hyper wants streams that may change threads; ours never do.
pub struct Connection {
    /// Requests that are being answered.
    in_flight: AtomicU32,
    /// When the last byte of a response or the first byte of a request was seen, by [`now_us`].
    since: AtomicU64,
    reading_header: AtomicBool,
    broken_body: AtomicBool,
    late_body: AtomicBool,
    /// An answer was as hyper's own refusals are.
    answers_alike: AtomicBool,
    /// Its other end is in this process, so that nobody outside can be waited for.
    is_internal: AtomicBool,
    /// Frames come and go between requests.
    is_http2: AtomicBool,
    pub uploads: Uploads,
    out: Outflow,
    process: Arc<Process>,
    /// Whether the client has taken what it was sent, and goes on taking it.
    takes: AtomicBool,
    /// See [`MAX_FRESH`].
    fresh: AtomicUsize,
    /// Tells which of its requests are counted in `fresh`; never zero.
    second: AtomicU32,
    /// See [`BYTES_FOR_ONE_MORE`].
    earned_bytes: AtomicUsize,
    /// Whether it is among the process's `waiting`.
    waits_for_others: AtomicBool,
    looked_us: AtomicU64,
    queues: OnceLock<Box<dyn Queues>>,
    /// Told when a request that waits may begin.
    turn: Notify,
    /// Told to close to make room for another.
    is_closing: AtomicBool,
    /// HTTP/2's, with answers under way.
    streams: Mutex<Vec<Arc<Stream>>>,
    /// Who the client is, as JSON for `request.cf`, where no header says.
    pub client: Option<String>,
    /// What it came by is counted there, if it speaks HTTP.
    pub socket: Option<&'static metrics::Socket>,
    /// Told to close.
    pub close: Notify,
    /// Told to close at once.
    pub kill: Notify,
    /// Told when no request is being answered any more.
    pub ended: Notify,
}

impl Connection {
    fn new(
        client: Option<String>,
        socket: Option<&'static metrics::Socket>,
        process: Arc<Process>,
    ) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            since: AtomicU64::new(now_us()),
            reading_header: AtomicBool::new(false),
            broken_body: AtomicBool::new(false),
            late_body: AtomicBool::new(false),
            answers_alike: AtomicBool::new(false),
            is_internal: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            uploads: Uploads::default(),
            out: Outflow::default(),
            process,
            takes: AtomicBool::new(false),
            fresh: AtomicUsize::new(0),
            second: AtomicU32::new(1),
            earned_bytes: AtomicUsize::new(0),
            waits_for_others: AtomicBool::new(false),
            looked_us: AtomicU64::new(0),
            queues: OnceLock::new(),
            turn: Notify::new(),
            is_closing: AtomicBool::new(false),
            streams: Mutex::default(),
            client,
            socket,
            close: Notify::new(),
            kill: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Whether no request is being answered, and all answers are the kernel's.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0 && self.out.unsent_bytes() == 0
    }

    /// Whether answers are not yet all the kernel's.
    pub fn has_unsent(&self) -> bool {
        self.out.unsent_bytes() > 0
    }

    /// Nobody outside is at the other end.
    pub fn set_internal(&self) {
        self.is_internal.store(true, Relaxed);
    }

    /// How the kernel is asked; otherwise what it has is taken for what the client has.
    pub fn set_queues(&self, queues: Box<dyn Queues>) {
        let _ = self.queues.set(queues);
    }

    /// A request has come, and this process has not got to it: there is a rush, or it did not run for a while.
    fn has_unread(&self) -> bool {
        self.queues.get().is_some_and(|queues| queues.unread() > 0)
    }

    /// Bytes came in.
    pub fn received(&self, bytes: usize) {
        if let Some(socket) = self.socket {
            socket.received_bytes.add(bytes as u64);
        }
        if self.is_http2.load(Relaxed) {
            return self.uploads.arrived(bytes);
        }
        if self.in_flight.load(Relaxed) == 0 && !self.reading_header.swap(true, Relaxed) {
            self.since.store(now_us(), Relaxed);
        }
    }

    /// Bytes went out.
    pub fn sent(&self, bytes: usize) {
        if let Some(socket) = self.socket {
            socket.sent_bytes.add(bytes as u64);
        }
    }

    /// When the request whose head is complete began to come, by [`now_us`]; with HTTP/2 that is not told apart.
    pub fn began(&self) -> u64 {
        match self.is_http2.load(Relaxed) {
            true => now_us(),
            false => self.since.load(Relaxed),
        }
    }

    /// What cannot be read as a request has been refused.
    pub fn has_refused(&self, is_too_large: bool) {
        if is_too_large {
            Limit::Headers.hit();
        }
        if let Some(socket) = self.socket {
            socket.begun.add(1);
            socket.answered(Some(400));
            socket
                .duration
                .record(now_us().saturating_sub(self.began()));
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

    /// An answer that cannot be told from a refusal of hyper's.
    pub fn answers_as_hyper(&self) {
        self.answers_alike.store(true, Relaxed);
    }

    pub fn answers_alike(&self) -> bool {
        self.answers_alike.load(Relaxed)
    }

    /// The body of a request came too slowly. With HTTP/1.1 nothing can follow it.
    pub fn body_is_late(&self) {
        self.late_body.store(true, Relaxed);
    }

    pub fn has_late_body(&self) -> bool {
        self.late_body.load(Relaxed)
    }

    /// A response is over; `taken` if its client has all of it.
    pub fn end(&self, taken: bool, now_us: u64) {
        self.reading_header.store(false, Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
        if taken {
            self.has_taken();
        }
        self.note_idle(now_us);
    }

    /// Since when it is idle, or reads a header.
    fn waited(&self) -> Duration {
        Duration::from_micros(now_us().saturating_sub(self.since.load(Relaxed)))
    }

    fn note_idle(&self, now_us: u64) {
        if self.is_idle() {
            self.since.store(now_us, Relaxed);
            self.ended.notify_one();
        }
    }

    /// An answer's bytes are ready; they are the kernel's, or given up, when the result says so.
    pub fn sending(self: &Arc<Self>, bytes: usize, stream: Option<Arc<Stream>>) -> Sending {
        self.out.add(bytes);
        self.process.unsent_bytes.fetch_add(bytes, Relaxed);
        if let Some(stream) = &stream {
            stream.out.add(bytes);
            self.is_no_longer_fresh(stream);
        }
        Sending {
            connection: self.clone(),
            stream,
            left: bytes,
        }
    }

    pub fn add_stream(&self, stream: Arc<Stream>) {
        self.is_http2.store(true, Relaxed);
        self.streams().push(stream);
    }

    pub fn remove_stream(&self, stream: &Arc<Stream>) {
        self.streams().retain(|other| !Arc::ptr_eq(other, stream));
        self.is_no_longer_fresh(stream);
        if stream.owed_bytes.load(Relaxed) > 0 && stream.out.unsent_bytes() == 0 {
            self.earn(stream.owed_bytes.swap(0, Relaxed));
            self.turn.notify_one();
        }
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until an HTTP/2 request may begin. Whoever does not take answers gets no more of them made. HTTP/1.1's
    /// follow each other.
    pub async fn turn(self: &Arc<Self>) {
        while !self.may_begin() {
            if !self.is_over() && !self.waits_for_others.swap(true, Relaxed) {
                self.process.waiting().push_back(Arc::downgrade(self));
            }
            self.turn.notified().await;
        }
        let stream = Stream::current();
        if self.is_over() {
            // What was earned before this is worth one.
            let most = match self.process.is_over() {
                true => BYTES_FOR_ONE_MORE,
                false => MAX_EARNED_BYTES,
            };
            let earned = self.earned_bytes.load(Relaxed).min(most);
            self.earned_bytes
                .store(earned.saturating_sub(BYTES_FOR_ONE_MORE), Relaxed);
            if let Some(stream) = &stream {
                stream.owed_bytes.store(BYTES_FOR_ONE_MORE, Relaxed);
            }
        }
        if !self.takes.load(Relaxed)
            && let Some(stream) = &stream
        {
            stream.fresh_in.store(self.second.load(Relaxed), Relaxed);
            self.fresh.fetch_add(1, Relaxed);
            self.process.fresh.fetch_add(1, Relaxed);
        }
        if self.may_begin() {
            self.turn.notify_one();
        }
    }

    /// Whether more is unsent than makes no difference.
    fn is_over(&self) -> bool {
        let unsent = self.out.unsent_bytes();
        unsent > MAX_UNSENT_BYTES_OF_CONNECTION || unsent > 0 && self.process.is_over()
    }

    fn may_begin(&self) -> bool {
        let takes = self.takes.load(Relaxed);
        if self.is_over() {
            return takes && self.earned_bytes.load(Relaxed) >= BYTES_FOR_ONE_MORE;
        }
        let process = &self.process;
        let more_may_begin = || !process.is_over() && process.fresh.load(Relaxed) < MAX_FRESH;
        takes || self.fresh.load(Relaxed) == 0 || more_may_begin()
    }

    fn earn(&self, bytes: usize) {
        let earned = self.earned_bytes.load(Relaxed).saturating_add(bytes);
        self.earned_bytes
            .store(earned.min(MAX_EARNED_BYTES), Relaxed);
    }

    /// The client has all that an answer had ready. Streams that are stuck end alone, as long as others go on.
    fn has_taken(&self) {
        if self.is_http2.load(Relaxed) {
            self.out.forgive();
        }
        self.set_takes();
    }

    fn set_takes(&self) {
        if !self.takes.swap(true, Relaxed) {
            self.forget_fresh();
        }
    }

    /// Requests that have been begun for some time say nothing about their answers' size.
    fn forget_fresh(&self) {
        let second = self.second.load(Relaxed);
        self.second
            .store(second.checked_add(1).unwrap_or(1), Relaxed);
        let fresh = self.fresh.swap(0, Relaxed);
        self.process.forget_fresh(fresh);
        self.turn.notify_one();
    }

    /// An answer has bytes, which count from now on, or is over.
    fn is_no_longer_fresh(&self, stream: &Stream) {
        if stream.fresh_in.swap(0, Relaxed) == self.second.load(Relaxed) {
            self.fresh.fetch_sub(1, Relaxed);
            self.process.forget_fresh(1);
            self.turn.notify_one();
        }
    }

    /// Looks at what the client has taken since the last look. Returns what the kernel still has for it.
    fn look(&self) -> usize {
        self.looked_us.store(now_us(), Relaxed);
        if self.out.is_settled() {
            return 0;
        }
        let queued = self.queues.get().map_or(0, |queues| queues.unsent());
        let taken = self.out.look(queued);
        if taken > 0 {
            self.set_takes();
            self.earn(usize::try_from(taken).unwrap_or(usize::MAX));
        }
        queued
    }

    /// The kernel has room, so that the client has probably taken something.
    fn look_if_over(&self) {
        if self.is_over() && now_us() >= self.looked_us.load(Relaxed) + LOOK_INTERVAL_US {
            self.look();
        }
    }

    /// Ends what its client is too slow for.
    fn judge(&self, passed: Duration, limits: &Limits) {
        self.forget_fresh();
        if self.is_internal.load(Relaxed) {
            self.out.forgive();
            return;
        }
        let queued = self.look();
        if self.is_idle() {
            self.out.forgive();
            return;
        }
        self.uploads.judge(passed, limits.upload);
        let stall_alone = Pace {
            min_bytes_per_second: 0,
            ..limits.download
        };
        for stream in self.streams().iter() {
            stream.out.look(0);
            if queued >= QUEUED_BYTES {
                // What was written before it has not arrived: the connection answers for that.
                stream.out.forgive();
            } else if stream.out.judge(passed, stall_alone) {
                Limit::SendTimeout.hit();
                stream.stop.notify_one();
            }
        }
        let is_late = self.out.judge(passed, limits.download);
        if self.out.quiet() >= TAKES_FOR {
            self.takes.store(false, Relaxed);
        }
        if is_late {
            Limit::SendTimeout.hit();
            log::error("HTTP connection failed: the client took too long to read what it is sent");
            self.kill.notify_one();
        }
    }
}

/// What the connections of a process hold together.
#[derive(Default)]
struct Process {
    unsent_bytes: AtomicUsize,
    fresh: AtomicUsize,
    /// Whose requests wait until `fresh` is less; each once.
    waiting: Mutex<VecDeque<Weak<Connection>>>,
}

impl Process {
    fn unsent_bytes(&self) -> usize {
        self.unsent_bytes.load(Relaxed)
    }

    fn is_over(&self) -> bool {
        self.unsent_bytes() > MAX_UNSENT_BYTES
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Weak<Connection>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many requests are fresh no longer: as many may begin.
    fn forget_fresh(&self, count: usize) {
        self.fresh.fetch_sub(count, Relaxed);
        let mut waiting = self.waiting();
        let mut left = count;
        while left > 0
            && let Some(next) = waiting.pop_front()
        {
            if let Some(connection) = next.upgrade() {
                connection.waits_for_others.store(false, Relaxed);
                connection.turn.notify_one();
                left -= 1;
            }
        }
    }
}

/// Bytes of an answer that are not yet the kernel's.
pub struct Sending {
    connection: Arc<Connection>,
    stream: Option<Arc<Stream>>,
    left: usize,
}

impl Sending {
    pub fn sent(&mut self, bytes: usize) {
        self.left -= bytes;
        self.remove(bytes, true);
    }

    fn remove(&self, bytes: usize, sent: bool) {
        let connection = &self.connection;
        connection.process.unsent_bytes.fetch_sub(bytes, Relaxed);
        let is_empty = connection.out.remove(bytes, sent);
        if let Some(stream) = &self.stream {
            if stream.out.remove(bytes, sent) {
                stream.emptied.wake();
                if sent {
                    connection.has_taken();
                }
            }
            connection.look_if_over();
            if connection.may_begin() {
                connection.turn.notify_one();
            }
        }
        if is_empty {
            if sent {
                connection.has_taken();
            }
            connection.note_idle(now_us());
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.left > 0 {
            self.remove(self.left, false);
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
    process: Arc<Process>,
    closing: Cell<usize>,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.all.borrow().len()
    }

    /// Whether there is room for no more, though those close that can.
    pub fn is_full(&self, max: usize) -> bool {
        let is_full = || self.len() - self.closing.get() >= max;
        if is_full() && self.closing.get() < MAX_CLOSING {
            self.close_longest_idle();
        }
        is_full()
    }

    fn close_longest_idle(&self) {
        let all = self.all.borrow();
        let idle = all.values().filter(|connection| {
            connection.is_idle()
                && !connection.reading_header.load(Relaxed)
                && !connection.is_closing.load(Relaxed)
        });
        let longest = idle.max_by_key(|connection| connection.waited());
        if let Some(connection) = longest.filter(|connection| connection.waited() >= IDLE_GRACE) {
            connection.is_closing.store(true, Relaxed);
            self.closing.set(self.closing.get() + 1);
            connection.close.notify_one();
        }
    }

    pub fn add(
        &self,
        client: Option<String>,
        socket: Option<&'static metrics::Socket>,
    ) -> (u64, Arc<Connection>) {
        metrics::page().process.connections.grow();
        let connection = Arc::new(Connection::new(client, socket, self.process.clone()));
        let id = self.next.replace(self.next.get() + 1);
        self.all.borrow_mut().insert(id, connection.clone());
        (id, connection)
    }

    pub fn remove(&self, id: u64) {
        let removed = self.all.borrow_mut().remove(&id);
        if let Some(connection) = removed {
            metrics::page().process.connections.shrink();
            connection.forget_fresh();
            if connection.is_closing.load(Relaxed) {
                self.closing.set(self.closing.get() - 1);
            }
        }
        if self.all.borrow().is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// Closes what is over its time; never returns.
    pub async fn sweep(&self, limits: &Limits) {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        // Time in which the process did other things is not the clients'.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.close_idle(limits.idle_timeout, limits.header_read_timeout);
            for connection in self.all.borrow().values() {
                connection.judge(SWEEP_INTERVAL, limits);
            }
            self.shed();
        }
    }

    /// Closes those whose clients have taken nothing for longest, until what is left to send is within its bound.
    fn shed(&self) {
        let unsent = self.process.unsent_bytes();
        let mut over = unsent.saturating_sub(MAX_UNSENT_BYTES);
        if over == 0 {
            return;
        }
        let patience = if over > MAX_UNSENT_BYTES {
            SHED_PATIENCE / 2
        } else {
            SHED_PATIENCE
        };
        let all = self.all.borrow();
        let mut stalled: Vec<_> = all
            .values()
            .map(|connection| (connection.out.quiet(), connection))
            .filter(|(quiet, _)| *quiet >= patience)
            .collect();
        stalled.sort_by_key(|(quiet, _)| std::cmp::Reverse(*quiet));
        let mut shed = 0;
        for (_, connection) in stalled {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(connection.out.unsent_bytes());
            Limit::UnsentAnswers.hit();
            connection.kill.notify_one();
            shed += 1;
        }
        if shed > 0 {
            log::error(format_args!(
                "{shed} HTTP connections are closed whose clients do not read: {unsent} bytes of answers are unsent"
            ));
        }
    }

    fn close_idle(&self, idle: Duration, header: Duration) {
        for connection in self.all.borrow().values() {
            if connection.is_idle() {
                let (time, limit) = match connection.reading_header.load(Relaxed) {
                    true => (header, Limit::HeaderReadTimeout),
                    false => (idle, Limit::IdleTimeout),
                };
                if connection.waited() < time {
                    continue;
                }
                // A drain has a deadline of its own. Elsewhere whoever is not read any more would be kept for ever.
                match self.draining.get() {
                    true if connection.has_unread() => continue,
                    true => {}
                    false => limit.hit(),
                }
                connection.close.notify_one();
            }
        }
    }

    /// Lets what is in flight end, closes what is idle; returns when no connection is left.
    pub async fn drain(&self, limits: &Limits) {
        self.draining.set(true);
        let mut interval = tokio::time::interval(IDLE_GRACE / 3);
        while self.len() > 0 {
            self.close_idle(IDLE_GRACE, limits.header_read_timeout);
            tokio::select! {
                () = self.emptied.notified() => {}
                _ = interval.tick() => {}
            }
        }
    }
}
