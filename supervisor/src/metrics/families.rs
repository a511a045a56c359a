//! The metrics that there are, and where on a process's page they stand.
//!
//! Names and units are Prometheus' (<https://prometheus.io/docs/practices/naming/>). What labels can say is bounded: processes by their
//! slots, sockets and services by the places of a page.

use ipc::metrics::{
    CODES, COLLECTIONS, Counter, EVENT_KINDS, Limit, OUTCOMES, Page, Socket, TURN_INTERVAL, Worker,
    monotonic_us,
};

use super::readings::Readings;

/// What a metric is, as the text format calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What one of the numbers stands for in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    One,
    Micros,
    Nanos,
}

/// A metric.
#[derive(Debug)]
pub struct Family {
    /// Without the `_total` of counters.
    pub name: &'static str,
    pub kind: Kind,
    pub scale: Scale,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it is, in a line.
    pub help: &'static str,
}

/// Makes an enum of metrics and the table of what they are.
macro_rules! families {
    ($($id:ident: $kind:ident $scale:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        /// A metric by name, in the order in which they are told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Id { $($id),* }

        impl Id {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// What it is.
            pub fn family(self) -> &'static Family {
                static ALL: &[Family] = &[$(Family {
                    name: $name,
                    kind: Kind::$kind,
                    scale: Scale::$scale,
                    labels: &[$($label),*],
                    help: $help,
                }),*];
                &ALL[self as usize]
            }
        }
    };
}

families! {
    BuildInfo: Gauge One "workerd_build_info" ["version"] "1; the version that the program follows.";
    StartTime: Gauge One "workerd_start_time_seconds" [] "When the supervisor was started, in seconds since 1970.";
    ProcessesWanted: Gauge One "workerd_processes_wanted" [] "Runtime processes that are to serve.";
    Processes: Gauge One "workerd_processes" ["phase"] "Runtime processes by phase, those that start or drain beside others included.";
    Restarts: Counter One "workerd_process_restarts" ["process", "reason"] "Processes that were started again, by how the one before ended: exit, signal, by the watchdog, or killed by the supervisor.";
    Reloads: Counter One "workerd_reloads" ["result"] "Reloads and upgrades that have ended.";
    LastReload: Gauge One "workerd_last_reload_successful" [] "Whether the last reload has succeeded.";
    CpuSeconds: Counter Micros "workerd_process_cpu_seconds" ["mode", "process"] "Processor time, as of the last second.";
    ResidentBytes: Gauge One "workerd_process_resident_memory_bytes" ["process"] "Resident memory; with one process, of the whole program.";
    LoopLag: Histogram Micros "workerd_event_loop_lag_seconds" ["process"] "How much later than asked for the event loop turned, four times a second.";
    LoopStall: Gauge Micros "workerd_event_loop_stall_seconds" ["process"] "For how long the event loop has not turned though it should have.";
    ConnectionsOpen: Gauge One "workerd_connections_open" ["process"] "Connections of clients that are open, WebSockets included.";
    ConnectionsAccepted: Counter One "workerd_connections_accepted" ["socket", "service", "process"] "Connections accepted.";
    HttpRequests: Counter One "workerd_http_requests" ["socket", "service", "code", "process"] "HTTP requests of clients by the class of the answer's status, counted when the answer begins; none is without an answer.";
    HttpInFlight: Gauge One "workerd_http_requests_in_flight" ["socket", "service", "process"] "HTTP requests that have begun and whose answers have not ended.";
    HttpDuration: Histogram Micros "workerd_http_request_duration_seconds" ["socket", "service", "process"] "From the first byte of an HTTP request to the last of its answer.";
    HttpReceived: Counter One "workerd_http_received_bytes" ["socket", "service", "process"] "Bytes from HTTP clients, inside TLS.";
    HttpSent: Counter One "workerd_http_sent_bytes" ["socket", "service", "process"] "Bytes to HTTP clients, inside TLS.";
    Events: Counter One "workerd_worker_events" ["service", "event", "outcome", "process"] "Events of workers that have ended: requests, calls, other events, what tail workers are told, and all of Durable Objects.";
    WorkerCpu: Counter Nanos "workerd_worker_cpu_seconds" ["service", "process"] "Processor time of a worker's turns, where it is limited (--limit-cpu-ms) and so measured.";
    Isolates: Gauge One "workerd_isolates" ["service", "process"] "Isolates of a worker.";
    HeapUsed: Gauge One "workerd_isolate_heap_used_bytes" ["service", "process"] "JavaScript heap in use, garbage included, as of the last second.";
    HeapTotal: Gauge One "workerd_isolate_heap_size_bytes" ["service", "process"] "JavaScript heap taken from the system, as of the last second.";
    HeapExternal: Gauge One "workerd_isolate_external_memory_bytes" ["service", "process"] "Memory outside of the heap that belongs to objects in it, as of the last second.";
    Collections: Counter One "workerd_isolate_gc" ["service", "kind", "process"] "Collections of garbage.";
    CollectionSeconds: Counter Nanos "workerd_isolate_gc_seconds" ["service", "kind", "process"] "Time that collections of garbage held the process's thread.";
    Objects: Gauge One "workerd_objects_live" ["process"] "Durable Objects that are live.";
    ObjectStarts: Counter One "workerd_object_starts" ["process"] "Durable Objects that were started.";
    PeerCalls: Counter One "workerd_peer_calls" ["direction", "process"] "Calls of Durable Objects between processes: made (out) and taken (in).";
    Commits: Histogram Micros "workerd_storage_commit_duration_seconds" ["process"] "How long commits of Durable Objects' databases took until the kernel had them.";
    Syncs: Histogram Micros "workerd_storage_sync_duration_seconds" ["process"] "How long it took to make commits durable on disk; several share one.";
    LimitsHit: Counter One "workerd_limits_hit" ["limit", "process"] "How often a bound was come to, by the option that sets it.";
}

/// Adds what a process has counted. What only is while the process lives is left out where `is_live` is false.
pub fn read_page(page: &Page, process: &str, is_live: bool, to: &mut Readings) {
    let own = &page.process;
    for (mode, time) in ["user", "system"].into_iter().zip(&own.cpu_us) {
        to.add(Id::CpuSeconds, &[mode, process], time.get());
    }
    for (limit, count) in Limit::NAMES.into_iter().zip(&own.limits) {
        to.add(Id::LimitsHit, &[limit, process], count.get());
    }
    for (direction, count) in ["out", "in"].into_iter().zip(&own.peer_calls) {
        to.add(Id::PeerCalls, &[direction, process], count.get());
    }
    to.add(Id::ObjectStarts, &[process], own.object_starts.get());
    to.add_histogram(Id::LoopLag, &[process], own.lag.get());
    to.add_histogram(Id::Commits, &[process], own.commits.get());
    to.add_histogram(Id::Syncs, &[process], own.syncs.get());
    if is_live {
        to.add(Id::Objects, &[process], own.objects.get());
        to.add(Id::ConnectionsOpen, &[process], own.connections.get());
        to.add(Id::LoopStall, &[process], stall_us(page));
    }
    for socket in &page.sockets {
        if let (Some(name), Some(service)) = (socket.name.get(), socket.service.get()) {
            read_socket(socket, [&name, &service], process, is_live, to);
        }
    }
    for worker in &page.workers {
        if let Some(name) = worker.name.get() {
            read_worker(worker, &name, process, is_live, to);
        }
    }
}

/// For how long the process's loop has been due.
/// See [`Id::LoopStall`].
pub fn stall_us(page: &Page) -> u64 {
    match page.process.turned_us.get() {
        // It has not begun.
        0 => 0,
        turned => {
            let due = turned.saturating_add(TURN_INTERVAL.as_micros() as u64);
            monotonic_us().saturating_sub(due)
        }
    }
}

fn read_socket(
    socket: &Socket,
    [name, service]: [&str; 2],
    process: &str,
    is_live: bool,
    to: &mut Readings,
) {
    let labels = [name, service, process];
    to.add(Id::ConnectionsAccepted, &labels, socket.accepted.get());
    // What was begun is read last, or something could seem to have ended before it began.
    let duration = socket.duration.get();
    for (code, count) in CODES.into_iter().zip(&socket.answers) {
        to.add(
            Id::HttpRequests,
            &[name, service, code, process],
            count.get(),
        );
    }
    to.add(Id::HttpReceived, &labels, socket.received_bytes.get());
    to.add(Id::HttpSent, &labels, socket.sent_bytes.get());
    if is_live {
        let ended: u64 = duration.0.iter().sum();
        let in_flight = socket.begun.get().saturating_sub(ended);
        to.add(Id::HttpInFlight, &labels, in_flight);
    }
    to.add_histogram(Id::HttpDuration, &labels, duration);
}

fn read_worker(worker: &Worker, name: &str, process: &str, is_live: bool, to: &mut Readings) {
    for (event, outcomes) in EVENT_KINDS.into_iter().zip(&worker.events) {
        for (outcome, count) in OUTCOMES.into_iter().zip(outcomes) {
            to.add(Id::Events, &[name, event, outcome, process], count.get());
        }
    }
    to.add(Id::WorkerCpu, &[name, process], worker.cpu_ns.get());
    let by_kind = |id, counts: &[Counter], to: &mut Readings| {
        for (kind, count) in COLLECTIONS.into_iter().zip(counts) {
            to.add(id, &[name, kind, process], count.get());
        }
    };
    by_kind(Id::Collections, &worker.collections, to);
    by_kind(Id::CollectionSeconds, &worker.collection_ns, to);
    if is_live {
        for (id, gauge) in [
            (Id::Isolates, &worker.isolates),
            (Id::HeapUsed, &worker.heap_used_bytes),
            (Id::HeapTotal, &worker.heap_total_bytes),
            (Id::HeapExternal, &worker.external_bytes),
        ] {
            to.add(id, &[name, process], gauge.get());
        }
    }
}
