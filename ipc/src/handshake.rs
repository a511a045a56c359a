//! How a runtime process gets its [`Start`] over a fresh control channel.
//!
//! The supervisor queues the whole start with [`send_start`] and goes on; the process, started with the number of its
//! channel's descriptor, waits for it in [`receive_start`]. Relies on `channel`; nothing else runs in the process yet, so waiting
//! is allowed here and nowhere else.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::channel::ChannelError;
use crate::fds::{MAX_FDS_PER_PACKET, Mapping};
use crate::inspector::InspectorEnd;
use crate::messages::{Control, RuntimeLink, ToRuntime};
use crate::start::{ConfigBytes, Listener, Options, Start};

/// A process that leaves with this code could not start for a reason that a retry cannot mend (`EX_CONFIG`).
pub const EXIT_START_FAILED: u8 = 78;

/// A start is given up when the supervisor sends nothing for this long.
const START_TIMEOUT_MS: u16 = 10_000;

/// The descriptors of a start, but for the listeners.
#[derive(Debug)]
pub struct StartFiles {
    /// The config, sealed.
    pub config: OwnedFd,
    /// A file of all processes.
    pub locks: OwnedFd,
    /// What the process counts in.
    pub metrics: OwnedFd,
    /// An end of its inspector's channel.
    pub inspector: Option<OwnedFd>,
}

/// Queues everything a process needs to start.
pub fn send_start(
    link: &RuntimeLink,
    options: Options,
    files: StartFiles,
    mut listeners: Vec<Listener>,
) -> Result<(), ChannelError> {
    let listener_count = u32::try_from(listeners.len()).unwrap_or(u32::MAX);
    link.try_send(&ToRuntime::Start {
        options: Box::new(options),
        config: files.config,
        locks: files.locks,
        metrics: files.metrics,
        inspector: files.inspector,
        listener_count,
    })?;
    while !listeners.is_empty() {
        let rest = listeners.split_off(listeners.len().min(MAX_FDS_PER_PACKET));
        link.try_send(&ToRuntime::Listeners(listeners))?;
        listeners = rest;
    }
    Ok(())
}

/// Waits for a start on the process's end of the channel.
pub fn receive_start(socket: OwnedFd) -> Result<Start, HandshakeError> {
    let control = Control::new(socket)?;
    let ToRuntime::Start {
        options,
        config,
        locks,
        metrics,
        inspector,
        listener_count,
    } = wait_for(&control)?
    else {
        return Err(HandshakeError::OutOfOrder);
    };
    let config = ConfigBytes::from(Mapping::new(config.as_fd())?);
    let mut listeners = Vec::new();
    while listeners.len() < listener_count as usize {
        let ToRuntime::Listeners(some) = wait_for(&control)? else {
            return Err(HandshakeError::OutOfOrder);
        };
        listeners.extend(some);
    }
    Ok(Start {
        config,
        listeners,
        locks: Some(locks),
        metrics: Some(metrics),
        options: *options,
        control: Some(control),
        inspector: inspector.map(InspectorEnd::new).transpose()?,
    })
}

fn wait_for(control: &Control) -> Result<ToRuntime, HandshakeError> {
    loop {
        match control.try_recv() {
            Err(ChannelError::WouldBlock) => {}
            received => return Ok(received?),
        }
        let mut waiting = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(START_TIMEOUT_MS)) {
            Ok(0) => return Err(HandshakeError::Silent),
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

/// Why a process got no start.
#[derive(Debug)]
pub enum HandshakeError {
    /// A message could not be sent or received.
    Channel(ChannelError),
    /// What a message brought could not be used.
    Io(io::Error),
    /// The messages came in an order that the protocol does not have.
    OutOfOrder,
    /// The supervisor sent nothing.
    Silent,
}

impl From<ChannelError> for HandshakeError {
    fn from(error: ChannelError) -> Self {
        Self::Channel(error)
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::OutOfOrder => f.write_str("the control channel does not begin with a start"),
            Self::Silent => write!(f, "the supervisor sent no start for {START_TIMEOUT_MS} ms"),
        }
    }
}

impl std::error::Error for HandshakeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::fds::{memory_file, packet_pair, sealed_memory};
    use crate::start::ListenerKind;

    #[test]
    fn a_start_arrives_whole() {
        let (ours, theirs) = packet_pair().unwrap();
        let link = Channel::new(ours).unwrap();
        let config = sealed_memory(c"config", b"12345678").unwrap();
        let files = StartFiles {
            config: config.try_clone().unwrap(),
            locks: memory_file(c"locks").unwrap(),
            metrics: memory_file(c"metrics").unwrap(),
            inspector: None,
        };
        let options = Options {
            process: 4,
            processes: 8,
            ..Options::default()
        };
        // More listeners than one packet carries.
        let listener = |slot| {
            let fd = config.try_clone().unwrap();
            Listener {
                socket: 1,
                slot,
                fd,
                kind: ListenerKind::Tcp,
            }
        };
        let count = MAX_FDS_PER_PACKET as u32 + 3;
        let listeners = (0..count).map(listener).collect();
        send_start(&link, options.clone(), files, listeners).unwrap();

        let start = receive_start(theirs).unwrap();
        assert_eq!(&*start.config, b"12345678");
        assert_eq!(start.options, options);
        assert!(
            start
                .listeners
                .iter()
                .map(|listener| listener.slot)
                .eq(0..count)
        );
        start
            .control
            .unwrap()
            .try_send(&crate::ToSupervisor::Ready)
            .unwrap();
        assert_eq!(link.try_recv().unwrap(), crate::ToSupervisor::Ready);
    }

    #[test]
    fn a_start_out_of_order_is_an_error() {
        let (ours, theirs) = packet_pair().unwrap();
        let link: RuntimeLink = Channel::new(ours).unwrap();
        link.try_send(&ToRuntime::Serve).unwrap();
        assert!(matches!(
            receive_start(theirs),
            Err(HandshakeError::OutOfOrder)
        ));
    }

    #[test]
    fn a_dead_supervisor_ends_the_wait() {
        let (ours, theirs) = packet_pair().unwrap();
        drop(ours);
        assert!(matches!(
            receive_start(theirs),
            Err(HandshakeError::Channel(ChannelError::Closed))
        ));
    }
}
