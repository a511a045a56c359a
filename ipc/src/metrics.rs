//! What a runtime process counts: a page of numbers in memory that the supervisor has too.
//!
//! A process adds to its page, and nobody is asked when somebody looks: the supervisor reads what is there, also of a process
//! that hangs, and of one that has been killed. The one thread that serves adds, so that adding is a load and a store. The page's layout belongs to the control protocol
//! ([`crate::frame::VERSION`]). Written by `worker-proc` and `storage`, read by the supervisor's `metrics`.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::fds::{Atomics, Shared};

/// Upper bounds of a histogram's buckets in microseconds; the last bucket has none.
pub const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Sockets that are told apart; what is beyond counts as [`OTHERS`].
pub const MAX_SOCKETS: usize = 32;

/// Workers that are told apart; what is beyond counts as [`OTHERS`].
pub const MAX_WORKERS: usize = 128;

/// A name is cut to this many bytes.
pub const MAX_NAME_BYTES: usize = 120;

/// How often the event loop says that it turns.
pub const TURN_INTERVAL: Duration = Duration::from_millis(250);

/// What has no place of its own.
pub const OTHERS: &str = "(others)";

/// Workers that other workers have loaded.
pub const LOADED: &str = "(loaded)";

/// What only grows.
#[repr(transparent)]
pub struct Counter(AtomicU64);

/// What goes up and down.
#[repr(transparent)]
pub struct Gauge(AtomicU64);

impl Counter {
    const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds.
    pub fn add(&self, more: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Takes over what somebody else counts.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    const fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// One more.
    pub fn grow(&self) {
        self.set(self.get().wrapping_add(1));
    }

    /// One less.
    pub fn shrink(&self) {
        self.set(self.get().saturating_sub(1));
    }

    /// What it is.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, by [`BOUNDS_US`].
#[repr(C)]
pub struct Histogram {
    counts: [Counter; BOUNDS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    const fn zero() -> Self {
        Self {
            counts: [const { Counter::zero() }; BOUNDS_US.len() + 1],
            sum_us: Counter::zero(),
        }
    }

    /// Adds one.
    pub fn record(&self, micros: u64) {
        let mut bounds = BOUNDS_US.iter();
        let bucket = bounds.position(|bound| micros <= *bound);
        self.counts[bucket.unwrap_or(BOUNDS_US.len())].add(1);
        self.sum_us.add(micros);
    }

    /// The same of a time.
    pub fn record_time(&self, time: Duration) {
        self.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many there are in each bucket alone, and the sum of all in microseconds.
    pub fn get(&self) -> ([u64; BOUNDS_US.len() + 1], u64) {
        (
            std::array::from_fn(|bucket| self.counts[bucket].get()),
            self.sum_us.get(),
        )
    }
}

/// What something is called: its length, then its bytes.
#[repr(C)]
pub struct Name([AtomicU64; 1 + MAX_NAME_BYTES / 8]);

impl Name {
    const fn empty() -> Self {
        Self([const { AtomicU64::new(0) }; 1 + MAX_NAME_BYTES / 8])
    }

    /// Gives the name, once.
    fn set(&self, name: &str) {
        let name = &name.as_bytes()[..name.floor_char_boundary(MAX_NAME_BYTES)];
        for (word, bytes) in self.0[1..].iter().zip(name.chunks(8)) {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(all), Ordering::Relaxed);
        }
        self.0[0].store(name.len() as u64 + 1, Ordering::Release);
    }

    /// The name; none if it has not been given.
    pub fn get(&self) -> Option<String> {
        let length = self.0[0].load(Ordering::Acquire).checked_sub(1)?;
        let words = self.0[1..].iter();
        let mut bytes: Vec<u8> = words
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .collect();
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether this one is called so, once cut.
    fn is(&self, name: &str) -> bool {
        let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
        self.get().is_some_and(|given| given == name)
    }
}

/// A bound that something has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `--limit-cpu-ms`, and limits of loaded workers.
    Cpu,
    /// `--limit-heap-mb`.
    Heap,
    /// `--max-connections`: a listener begins to wait.
    Connections,
    /// `--max-header-bytes` and `--max-header-count`.
    Headers,
    /// `--header-read-timeout`.
    HeaderReadTimeout,
    /// `--idle-timeout`.
    IdleTimeout,
    /// `--body-read-timeout`, and `--min-body-rate` of requests.
    BodyReadTimeout,
    /// `--send-timeout`, and `--min-body-rate` of answers.
    SendTimeout,
    /// Answers that clients leave unread are more than a process holds.
    UnsentAnswers,
}

impl Limit {
    /// The names of all, in their order.
    pub const NAMES: [&str; 9] = [
        "cpu",
        "heap",
        "connections",
        "headers",
        "header_read_timeout",
        "idle_timeout",
        "body_read_timeout",
        "send_timeout",
        "unsent_answers",
    ];

    /// Counts that it was hit.
    pub fn hit(self) {
        page().process.limits[self as usize].add(1);
    }
}

/// What a process does as a whole.
#[repr(C)]
pub struct Process {
    /// When its event loop last turned, by [`monotonic_us`]; 0 before it first does.
    pub turned_us: Gauge,
    /// By how much later than asked for the loop has turned, every [`TURN_INTERVAL`].
    pub lag: Histogram,
    /// Processor time in microseconds: the process's own, and the kernel's for it.
    pub cpu_us: [Counter; 2],
    /// Connections of clients that are open.
    pub connections: Gauge,
    /// By [`Limit`].
    pub limits: [Counter; Limit::NAMES.len()],
    /// Durable Objects that are live.
    pub objects: Gauge,
    /// Durable Objects that were started.
    pub object_starts: Counter,
    /// Calls of objects between processes: those made, and those taken.
    pub peer_calls: [Counter; 2],
    /// How long commits of objects' databases took, until what they wrote was the kernel's.
    pub commits: Histogram,
    /// How long syncs to the disk took; several commits may share one.
    pub syncs: Histogram,
}

/// The names of [`Socket::answers`]: by status, and what had no answer.
pub const CODES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// What a socket of the config does.
#[repr(C)]
pub struct Socket {
    /// Its name in the config.
    pub name: Name,
    /// The service behind it.
    pub service: Name,
    /// Connections accepted.
    pub accepted: Counter,
    /// HTTP requests whose heads have come.
    pub begun: Counter,
    /// HTTP requests by [`CODES`], counted when the answer begins.
    pub answers: [Counter; CODES.len()],
    /// How long HTTP requests took, from the first byte of the head to the last of the answer; each that has ended.
    pub duration: Histogram,
    /// Bytes of HTTP connections, inside TLS.
    pub received_bytes: Counter,
    /// The same, sent.
    pub sent_bytes: Counter,
}

impl Socket {
    /// Counts an answer, or none.
    pub fn answered(&self, status: Option<u16>) {
        let class = status.map_or(0, |status| usize::from(status / 100));
        self.answers[class.min(CODES.len() - 1)].add(1);
    }
}

/// What an event of a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A request, for no object.
    Fetch,
    /// A call, of no object.
    Rpc,
    /// A queue's batch, a cron trigger and the like.
    Other,
    /// What a tail worker is told.
    Tail,
    /// Any event of a Durable Object.
    Object,
}

/// The names of [`EventKind`], in their order.
pub const EVENT_KINDS: [&str; 5] = ["fetch", "rpc", "other", "tail", "object"];

/// How an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Ok,
    /// With an exception, or an error of the runtime.
    Error,
    /// It has used more than it may.
    Limit,
    /// Nobody waited for it any more.
    Canceled,
}

/// The names of [`Ending`], in their order.
pub const OUTCOMES: [&str; 4] = ["ok", "error", "limit", "canceled"];

/// The names of [`Worker::collections`]: of young objects, of all, and the beginnings of those that go step by step.
pub const COLLECTIONS: [&str; 3] = ["minor", "major", "incremental"];

/// What a worker does.
#[repr(C)]
pub struct Worker {
    /// The name of its service.
    pub name: Name,
    /// Events that have ended, by [`EventKind`] and [`Ending`].
    pub events: [[Counter; OUTCOMES.len()]; EVENT_KINDS.len()],
    /// Its isolates.
    pub isolates: Gauge,
    /// Bytes of its heap in use, garbage included.
    pub heap_used_bytes: Gauge,
    /// Bytes of its heap that V8 has from the system.
    pub heap_total_bytes: Gauge,
    /// Bytes outside of the heap that V8 knows to belong to objects in it.
    pub external_bytes: Gauge,
    /// Collections by [`COLLECTIONS`].
    pub collections: [Counter; COLLECTIONS.len()],
    /// How long they held the thread, in nanoseconds.
    pub collection_ns: [Counter; COLLECTIONS.len()],
    /// Processor time of its turns in nanoseconds, where that is limited and so measured.
    pub cpu_ns: Counter,
}

/// An event that has begun; dropped without a word, it was canceled.
pub struct Counted {
    worker: &'static Worker,
    kind: EventKind,
    outcome: Ending,
}

impl Counted {
    /// How it has ended.
    pub fn ended(mut self, outcome: Ending) {
        self.outcome = outcome;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.worker.events[self.kind as usize][self.outcome as usize].add(1);
    }
}

impl Worker {
    /// Begins to count an event.
    pub fn event(&'static self, kind: EventKind) -> Counted {
        Counted {
            worker: self,
            kind,
            outcome: Ending::Canceled,
        }
    }
}

/// All that a process counts.
#[repr(C)]
pub struct Page {
    /// Of the process as a whole.
    pub process: Process,
    /// Those with a name are in use.
    pub sockets: [Socket; MAX_SOCKETS],
    /// The same.
    pub workers: [Worker; MAX_WORKERS],
}

/// A page in memory that two processes have.
pub type SharedPage = Shared<Page>;

// SAFETY: laid out in one way, of atomics alone, of which all zeros and all other bytes are good.
#[allow(unsafe_code)]
unsafe impl Atomics for Page {}

impl Page {
    const fn zero() -> Self {
        Self {
            process: Process {
                turned_us: Gauge::zero(),
                lag: Histogram::zero(),
                cpu_us: [const { Counter::zero() }; 2],
                connections: Gauge::zero(),
                limits: [const { Counter::zero() }; Limit::NAMES.len()],
                objects: Gauge::zero(),
                object_starts: Counter::zero(),
                peer_calls: [const { Counter::zero() }; 2],
                commits: Histogram::zero(),
                syncs: Histogram::zero(),
            },
            sockets: [const {
                Socket {
                    name: Name::empty(),
                    service: Name::empty(),
                    accepted: Counter::zero(),
                    begun: Counter::zero(),
                    answers: [const { Counter::zero() }; CODES.len()],
                    duration: Histogram::zero(),
                    received_bytes: Counter::zero(),
                    sent_bytes: Counter::zero(),
                }
            }; MAX_SOCKETS],
            workers: [const {
                Worker {
                    name: Name::empty(),
                    events: [const { [const { Counter::zero() }; OUTCOMES.len()] };
                        EVENT_KINDS.len()],
                    isolates: Gauge::zero(),
                    heap_used_bytes: Gauge::zero(),
                    heap_total_bytes: Gauge::zero(),
                    external_bytes: Gauge::zero(),
                    collections: [const { Counter::zero() }; COLLECTIONS.len()],
                    collection_ns: [const { Counter::zero() }; COLLECTIONS.len()],
                    cpu_ns: Counter::zero(),
                }
            }; MAX_WORKERS],
        }
    }

    /// The place of a socket that leads to a service. To be asked for when the process starts.
    pub fn socket(&self, name: &str, service: &str) -> &Socket {
        let is = |socket: &&Socket| socket.name.is(name) && socket.service.is(service);
        if let Some(known) = self.sockets.iter().find(is) {
            return known;
        }
        let (last, all) = self.sockets.split_last().unwrap_or((&self.sockets[0], &[]));
        let free = all.iter().find(|socket| socket.name.get().is_none());
        if let Some(free) = free {
            free.service.set(service);
            free.name.set(name);
            return free;
        }
        last.service.set(OTHERS);
        last.name.set(OTHERS);
        last
    }

    /// The place of a worker, by its number.
    pub fn worker(&self, name: &str) -> usize {
        if let Some(known) = self.workers.iter().position(|worker| worker.name.is(name)) {
            return known;
        }
        let last = MAX_WORKERS - 1;
        let mut all = self.workers[..last].iter();
        match all.position(|worker| worker.name.get().is_none()) {
            Some(free) => {
                self.workers[free].name.set(name);
                free
            }
            None => {
                self.workers[last].name.set(OTHERS);
                last
            }
        }
    }
}

static PAGE: OnceLock<SharedPage> = OnceLock::new();
static UNSEEN: Page = Page::zero();

/// Has this process count where the supervisor looks, from now on.
///
/// # Errors
/// The memory cannot be used.
pub fn install(file: OwnedFd) -> std::io::Result<()> {
    let page = SharedPage::open(file)?;
    PAGE.get_or_init(|| page);
    Ok(())
}

/// What this process counts. Where nobody looks that is counted too.
pub fn page() -> &'static Page {
    PAGE.get().map_or(&UNSEEN, |page| page)
}

/// A clock that all processes of a machine share, in microseconds.
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_counts_the_other_sees() {
        let ours = SharedPage::create(c"metrics").unwrap();
        let theirs = SharedPage::open(ours.file().try_clone_to_owned().unwrap()).unwrap();
        let socket = theirs.socket("http", "main");
        socket.answered(Some(204));
        socket.answered(None);
        socket.duration.record(700);
        drop(theirs);
        let seen = &ours.sockets[0];
        assert_eq!(
            (seen.name.get().as_deref(), seen.service.get().as_deref()),
            (Some("http"), Some("main"))
        );
        assert_eq!((seen.answers[2].get(), seen.answers[0].get()), (1, 1));
        let (counts, sum) = seen.duration.get();
        assert_eq!((counts[1], counts.iter().sum(), sum), (1, 1_u64, 700));
        assert_eq!(ours.sockets[1].name.get(), None);
    }

    #[test]
    fn names_are_cut_and_what_has_no_place_is_counted_together() {
        let page = SharedPage::create(c"metrics").unwrap();
        let long = "ä".repeat(MAX_NAME_BYTES);
        assert_eq!(page.worker(&long), 0);
        assert_eq!(page.worker(&long), 0);
        assert_eq!(
            page.workers[0].name.get(),
            Some("ä".repeat(MAX_NAME_BYTES / 2))
        );
        assert_eq!(page.worker(""), 1);
        let mut last = None;
        for number in 0..2 * MAX_WORKERS {
            last = Some(page.worker(&number.to_string()));
        }
        assert_eq!(last, Some(MAX_WORKERS - 1));
        assert_eq!(
            page.workers[MAX_WORKERS - 1].name.get().as_deref(),
            Some(OTHERS)
        );
    }

    #[test]
    fn memory_that_is_no_page_is_refused() {
        let small = crate::fds::sealed_memory(c"small", b"12345678").unwrap();
        assert!(SharedPage::open(small).is_err());
        let unsealed = crate::fds::memory_file(c"unsealed").unwrap();
        assert!(SharedPage::open(unsealed).is_err());
    }
}
