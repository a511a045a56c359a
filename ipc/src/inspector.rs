//! The channel of a process's inspector, beside its control channel: clients in, and whether one has paused the process out.
//!
//! A channel of its own, as a thread of its own reads it: the thread that runs JavaScript may be paused, or busy, when a client
//! comes. The supervisor closes its end when no client is to stay.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::channel::Channel;
use crate::frame::{FrameError, Message, Reader, Writer};

/// The end that the supervisor holds.
pub type InspectorLink = Channel<ToInspector, FromInspector>;

/// The end that a runtime process holds.
pub type InspectorEnd = Channel<FromInspector, ToInspector>;

/// From the supervisor to a process's inspector.
#[derive(Debug)]
pub enum ToInspector {
    /// A client has asked for a WebSocket, and has not been answered yet.
    Attach {
        /// The worker that it wants to inspect.
        service: String,
        /// Its `Sec-WebSocket-Key`.
        key: String,
        /// What it has sent after its request.
        received: Vec<u8>,
        /// The connection.
        socket: OwnedFd,
    },
}

/// From a process's inspector to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromInspector {
    /// A client has stopped JavaScript, or it runs again: a stopped process does not answer, and is well.
    Paused(bool),
}

impl Message for ToInspector {
    fn encode(&self) -> Vec<u8> {
        let mut w;
        match self {
            Self::Attach {
                service,
                key,
                received,
                socket: _,
            } => {
                w = Writer::new(1);
                w.str(service).str(key).bytes(received);
            }
        }
        w.finish()
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Attach { socket, .. } => vec![socket.as_fd()],
        }
    }

    fn decode(packet: &[u8], fds: Vec<OwnedFd>) -> Result<Self, FrameError> {
        let mut fds = fds.into_iter();
        let (tag, mut r) = Reader::new(packet)?;
        let message = match tag {
            1 => Self::Attach {
                service: r.str()?,
                key: r.str()?,
                received: r.bytes()?.to_vec(),
                socket: fds.next().ok_or(FrameError::MissingFd)?,
            },
            tag => return Err(FrameError::UnknownTag(tag)),
        };
        r.finish()?;
        Ok(message)
    }
}

impl Message for FromInspector {
    fn encode(&self) -> Vec<u8> {
        let Self::Paused(paused) = self;
        let mut w = Writer::new(1);
        w.bool(*paused);
        w.finish()
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn decode(packet: &[u8], _fds: Vec<OwnedFd>) -> Result<Self, FrameError> {
        let (tag, mut r) = Reader::new(packet)?;
        let message = match tag {
            1 => Self::Paused(r.bool()?),
            tag => return Err(FrameError::UnknownTag(tag)),
        };
        r.finish()?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fds::packet_pair;

    #[test]
    fn messages_cross() {
        let (supervisor, process) = packet_pair().unwrap();
        let supervisor = InspectorLink::new(supervisor).unwrap();
        let process = InspectorEnd::new(process).unwrap();
        let (socket, _other) = packet_pair().unwrap();
        let attach = ToInspector::Attach {
            service: "a@1".into(),
            key: "k".into(),
            received: vec![0x81, 0],
            socket,
        };
        supervisor.try_send(&attach).unwrap();
        let ToInspector::Attach {
            service,
            key,
            received,
            ..
        } = process.try_recv().unwrap();
        assert_eq!((&*service, &*key, &*received), ("a@1", "k", &[0x81, 0][..]));
        process.try_send(&FromInspector::Paused(true)).unwrap();
        let heard = supervisor.try_recv().unwrap();
        assert_eq!(heard, FromInspector::Paused(true));
    }

    #[test]
    fn a_client_without_its_connection_is_an_error() {
        let (socket, _other) = packet_pair().unwrap();
        let attach = ToInspector::Attach {
            service: "a".into(),
            key: String::new(),
            received: Vec::new(),
            socket,
        };
        let packet = attach.encode();
        let missing = ToInspector::decode(&packet, Vec::new());
        assert_eq!(missing.err(), Some(FrameError::MissingFd));
        assert!(ToInspector::decode(&packet[..packet.len() - 1], Vec::new()).is_err());
    }
}
