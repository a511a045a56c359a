//! Everything a runtime process is given when it starts: config, listeners, options, and its control channel.
//!
//! Built by the supervisor (in the same process for the first generation of a single-process server, over the channel
//! otherwise, see `handshake`), consumed by `worker_proc::serve` and `worker_proc::test`.

use std::fmt;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::fds::Mapping;
use crate::inspector::InspectorEnd;
use crate::messages::Control;

/// What a runtime process begins its life with.
#[derive(Debug)]
pub struct Start {
    /// The validated config: one encoded Cap'n Proto message whose root is `workerd::Config`.
    pub config: ConfigBytes,
    /// What this process accepts on: the listeners of its slot and those that all processes share. They are bound and begin
    /// to listen just before [`crate::ToRuntime::Serve`], after which the process accepts. Without a control channel they
    /// listen already.
    pub listeners: Vec<Listener>,
    /// A file that every process of the server has, to lock bytes of, with their secret at its beginning
    /// ([`crate::fds::shared_file`]); none where no other process can be.
    pub locks: Option<OwnedFd>,
    /// What it counts in ([`crate::metrics::Page`]); none where nobody looks.
    pub metrics: Option<OwnedFd>,
    /// How to run.
    pub options: Options,
    /// The channel to the supervisor, or `None` when nothing supervises (`workerd test`).
    pub control: Option<Control>,
    /// Where clients of the inspector come from, if there is one.
    pub inspector: Option<InspectorEnd>,
}

/// One bound socket of the config.
#[derive(Debug)]
pub struct Listener {
    /// Index into the config's `sockets`, or [`Listener::DEBUG_PORT`].
    pub socket: usize,
    /// The process slot whose queue this is, or [`Listener::SHARED`] when every process accepts on the one queue (Unix
    /// sockets, inherited descriptors).
    pub slot: u32,
    /// The descriptor: close-on-exec, non-blocking. Several processes hold the same open socket, so `accept` can find the
    /// queue empty after a wake-up.
    pub fd: OwnedFd,
    /// What kind of connections it accepts.
    pub kind: ListenerKind,
}

impl Listener {
    /// The slot of a listener that every process accepts on.
    pub const SHARED: u32 = u32::MAX;
    /// Stands for the debug port among the config's sockets.
    pub const DEBUG_PORT: usize = u32::MAX as usize;
}

/// What a listener takes, as far as that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// TCP.
    Tcp,
    /// A Unix socket, of the file system or abstract.
    Unix,
    /// UDP: it does not listen, and datagrams come to it.
    Udp,
}

/// How a runtime process runs. Made from the command line by the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `--verbose`: log at level info and below.
    pub verbose: bool,
    /// `--experimental`: experimental flags and features are allowed.
    pub experimental: bool,
    /// It gives up what it does not need, before it runs anybody's code; not with `--no-sandbox`.
    pub sandbox: bool,
    /// `--compat-date`: the compatibility date of every worker, none of which may name its own.
    pub compat_date: Option<String>,
    /// `--predictable`: fixed clocks and random numbers.
    pub predictable: bool,
    /// `--all-autogates`: every autogate is on.
    pub all_autogates: bool,
    /// `--gc-stress`: collect garbage at every turn.
    pub gc_stress: bool,
    /// The slot of this process, `0..processes`.
    pub process: u32,
    /// The number of process slots.
    pub processes: u32,
    /// Which generation of processes this one belongs to: each reload makes a new one.
    pub generation: u64,
    /// How long a drain may take before what is left is cut off.
    pub drain_timeout: Duration,
    /// `--pitr-days`: for how many days objects on disk can be taken back to what they were. 0 keeps no history.
    pub pitr_days: u32,
    /// `--limit-cpu-ms`: milliseconds of processor time that an event may use. 0 for no limit.
    pub limit_cpu_ms: u32,
    /// `--limit-heap-mb`: mebibytes that the heap of a worker's isolate may hold, and its buffers. 0 for no limit.
    pub limit_heap_mb: u32,
    /// Bounds on clients.
    pub limits: Limits,
    /// Which tests to run. `None` runs all of them; unused by `serve`.
    pub test: Option<TestFilter>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verbose: false,
            experimental: false,
            sandbox: false,
            compat_date: None,
            predictable: false,
            all_autogates: false,
            gc_stress: false,
            process: 0,
            processes: 1,
            generation: 1,
            drain_timeout: Duration::from_secs(30),
            pitr_days: 30,
            limit_cpu_ms: 0,
            limit_heap_mb: 0,
            limits: Limits::default(),
            test: None,
        }
    }
}

/// Bounds on what clients can make one process hold or wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open client connections in one process. When full, no more are accepted until one closes: they wait in the queue.
    pub max_connections: u32,
    /// Bytes of one request head. Beyond it the answer is 431 and the connection closes.
    pub max_header_bytes: u32,
    /// Header fields of one request. Beyond it the answer is 431 and the connection closes.
    pub max_header_count: u32,
    /// From the first byte of a request (or the opening of the connection) to the end of its head. Then it closes.
    pub header_read_timeout: Duration,
    /// Between two requests on one connection. Then it closes.
    pub idle_timeout: Duration,
    /// Without a byte of a request's body while it is waited for; then the answer is 408. Zero is no bound.
    pub body_read_timeout: Duration,
    /// Without room at the client for a byte of its answer; then the connection, or the HTTP/2 stream, closes. Zero is no
    /// bound.
    pub send_timeout: Duration,
    /// Bytes a second that a client must send of a body, or take of an answer, on average while it is waited for. Zero is no
    /// bound.
    pub min_body_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_header_bytes: 128 * 1024,
            max_header_count: 256,
            header_read_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            body_read_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
            min_body_rate: 240,
        }
    }
}

/// Glob patterns that choose tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFilter {
    /// Matched against service names.
    pub service: String,
    /// Matched against entrypoint names.
    pub entrypoint: String,
}

/// The encoded config: memory of this process, or a sealed `memfd` that all processes map. Eight-byte aligned, so that
/// capnp can read it in place.
pub struct ConfigBytes(Storage);

enum Storage {
    Owned(Vec<u64>),
    Mapped(Mapping),
}

impl ConfigBytes {
    /// Copies `bytes` into aligned memory. A tail shorter than a word is padded with zeros.
    pub fn copy_from(bytes: &[u8]) -> Self {
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        });
        Self(Storage::Owned(words.collect()))
    }
}

impl From<Mapping> for ConfigBytes {
    fn from(mapping: Mapping) -> Self {
        Self(Storage::Mapped(mapping))
    }
}

impl Deref for ConfigBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Storage::Owned(words) => crate::fds::bytes_of_words(words),
            Storage::Mapped(mapping) => mapping,
        }
    }
}

impl fmt::Debug for ConfigBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigBytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_bytes_are_aligned_and_padded() {
        let config = ConfigBytes::copy_from(b"123456789");
        assert_eq!(&config[..9], b"123456789");
        assert_eq!(config.len(), 16);
        assert_eq!(config.as_ptr() as usize % 8, 0);
    }
}
