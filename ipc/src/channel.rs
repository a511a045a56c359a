//! One end of a control channel: messages out, messages in, never waiting.
//!
//! Called by the supervisor's poll loop (`RuntimeLink`) and by the runtime process (`Control`), each of which waits for
//! the descriptor in its own way (`poll`, tokio's `AsyncFd`). Relies on `fds` for packets and on `frame` for their
//! bytes. The bound is the socket's buffer: when it is full, [`ChannelError::WouldBlock`] says so.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::fds::{packet_pair, receive_packet, send_packet, set_nonblocking};
use crate::frame::{FrameError, MAX_PACKET_BYTES, Message};

/// One end of a channel that sends `Out` and receives `In`.
pub struct Channel<Out, In> {
    socket: OwnedFd,
    direction: PhantomData<fn(Out) -> In>,
}

/// Why a message did not move.
#[derive(Debug)]
pub enum ChannelError {
    /// Nothing to receive, or no room to send: wait for the descriptor and try again.
    WouldBlock,
    /// The other end is gone.
    Closed,
    /// The message makes no sense.
    Frame(FrameError),
    /// The socket failed.
    Io(io::Error),
}

impl<Out: Message, In: Message> Channel<Out, In> {
    /// Takes one end of a [`packet_pair`].
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        set_nonblocking(socket.as_fd())?;
        Ok(Self {
            socket,
            direction: PhantomData,
        })
    }

    /// Sends a message with the descriptors it holds, wholly or not at all.
    pub fn try_send(&self, message: &Out) -> Result<(), ChannelError> {
        Ok(send_packet(
            self.as_fd(),
            &message.encode(),
            &message.fds(),
        )?)
    }

    /// Receives the next message.
    pub fn try_recv(&self) -> Result<In, ChannelError> {
        let mut buffer = vec![0; MAX_PACKET_BYTES];
        let (length, fds) = receive_packet(self.as_fd(), &mut buffer)?;
        if length == 0 {
            return Err(ChannelError::Closed);
        }
        In::decode(&buffer[..length], fds).map_err(ChannelError::Frame)
    }
}

/// A connected channel.
pub fn pair<Out: Message, In: Message>() -> io::Result<(Channel<Out, In>, Channel<In, Out>)> {
    let (one, other) = packet_pair()?;
    Ok((Channel::new(one)?, Channel::new(other)?))
}

impl<Out, In> AsFd for Channel<Out, In> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<Out, In> AsRawFd for Channel<Out, In> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl<Out, In> fmt::Debug for Channel<Out, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({})", self.as_raw_fd())
    }
}

impl From<io::Error> for ChannelError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::WouldBlock,
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// For tokio's `AsyncFd::try_io`, which goes by the error's kind.
impl From<ChannelError> for io::Error {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            ChannelError::Closed => io::ErrorKind::BrokenPipe.into(),
            ChannelError::Io(error) => error,
            ChannelError::Frame(_) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("the control channel is not ready"),
            Self::Closed => f.write_str("the other end of the control channel is closed"),
            Self::Frame(error) => error.fmt(f),
            Self::Io(error) => write!(f, "control channel: {error}"),
        }
    }
}

impl std::error::Error for ChannelError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{ToRuntime, ToSupervisor};

    #[test]
    fn messages_cross_both_ways_in_order() {
        let (supervisor, runtime) = pair::<ToRuntime, ToSupervisor>().unwrap();
        supervisor.try_send(&ToRuntime::Serve).unwrap();
        supervisor.try_send(&ToRuntime::Ping).unwrap();
        assert!(matches!(runtime.try_recv().unwrap(), ToRuntime::Serve));
        assert!(matches!(runtime.try_recv().unwrap(), ToRuntime::Ping));
        assert!(matches!(runtime.try_recv(), Err(ChannelError::WouldBlock)));
        runtime.try_send(&ToSupervisor::Pong).unwrap();
        assert_eq!(supervisor.try_recv().unwrap(), ToSupervisor::Pong);
    }

    #[test]
    fn a_dead_end_is_closed() {
        let (supervisor, runtime) = pair::<ToRuntime, ToSupervisor>().unwrap();
        runtime.try_send(&ToSupervisor::Drained).unwrap();
        drop(runtime);
        assert!(matches!(
            supervisor.try_send(&ToRuntime::Ping),
            Err(ChannelError::Closed)
        ));
        assert_eq!(supervisor.try_recv().unwrap(), ToSupervisor::Drained);
        assert!(matches!(supervisor.try_recv(), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_full_channel_would_block() {
        let (supervisor, _runtime) = pair::<ToRuntime, ToSupervisor>().unwrap();
        let full = (0..1_000_000).find_map(|_| supervisor.try_send(&ToRuntime::Ping).err());
        assert!(matches!(full, Some(ChannelError::WouldBlock)));
    }
}
