//! What flows between the processes of one `workerd`: the start of a runtime process, the control channel between it and
//! the supervisor with the file descriptors that travel with it, and the links between runtime processes.
//!
//! Called by the supervisor (which builds a [`Start`] and drives a [`RuntimeLink`]) and by `worker-proc` (which is given a
//! `Start` and answers on its [`Control`]). Relies on Linux: `SOCK_SEQPACKET` pairs, `SCM_RIGHTS`, sealed `memfd`s.
//!
//! From the bottom up: `frame` is bytes, `fds` is raw descriptors, `messages` is the vocabulary, `channel` moves messages
//! with their descriptors, `handshake` starts a process over a fresh channel, `start` is what a runtime process is given.
//! `log` is what all of them write to. `objects` and `live` are what is said about Durable Objects, on disk and in memory. `inspector` is a channel for debuggers. `metrics` is what runtime processes count, in memory that the supervisor has too. `peer` is what runtime processes say to each other, on links that the supervisor makes.

pub mod channel;
pub mod fds;
pub mod frame;
pub mod handshake;
pub mod inspector;
pub mod live;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod objects;
pub mod peer;
pub mod start;
pub mod token;

pub use channel::{Channel, ChannelError};
pub use fds::SECRET_BYTES;
pub use inspector::{FromInspector, InspectorEnd, InspectorLink, ToInspector};
pub use messages::{Control, RuntimeLink, ToRuntime, ToSupervisor};

/// By which a supervisor asks a runtime process whose event loop does not turn where it stands: see `worker-proc`'s `stall`.
pub const ASKS_WHERE: nix::sys::signal::Signal = nix::sys::signal::Signal::SIGUSR1;

pub use start::{ConfigBytes, Limits, Listener, ListenerKind, Options, Start, TestFilter};
