//! The socket of a peer link: buffers to bytes and back, never waiting.
//!
//! Called by the runtime's `peer`, which waits for the descriptor. Relies on `fds` for the system calls.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::frame::{Inbox, Outbox};
use crate::fds::{receive_packet, send_bytes, set_nonblocking};

/// One end of a connected stream pair.
#[derive(Debug)]
pub struct PeerSocket(OwnedFd);

/// What a receive has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes, and there may be more.
    Some,
    /// Bytes, and no more for the moment.
    Last,
    /// The other end is closed.
    Closed,
}

impl PeerSocket {
    /// Takes one end of a [`crate::fds::stream_pair`].
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        set_nonblocking(socket.as_fd())?;
        Ok(Self(socket))
    }

    /// One read. `WouldBlock` when there is nothing.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<Received> {
        let space = inbox.space();
        let room = space.len();
        let (count, fds) = match receive_packet(self.0.as_fd(), space) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (0, Vec::new()),
            Err(error) => return Err(error),
        };
        inbox.filled(count);
        // A read ends after bytes that carry descriptors, also when more are there.
        let last = count < room && fds.is_empty();
        inbox.add_fds(fds);
        Ok(match count {
            0 => Received::Closed,
            _ if last => Received::Last,
            _ => Received::Some,
        })
    }

    /// Writes until the outbox is empty. `WouldBlock` when the socket is full before that.
    pub fn send(&self, outbox: &mut Outbox) -> io::Result<()> {
        while !outbox.is_empty() {
            let (bytes, fds) = outbox.next_write();
            let count = send_bytes(self.0.as_fd(), bytes, fds)?;
            outbox.advance(count);
        }
        Ok(())
    }
}

impl AsFd for PeerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PeerSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fds::stream_pair;
    use crate::peer::frame::{Kind, MAX_CHUNK_BYTES, Tag};

    fn pair() -> (PeerSocket, PeerSocket) {
        let (a, b) = stream_pair().unwrap();
        (PeerSocket::new(a).unwrap(), PeerSocket::new(b).unwrap())
    }

    fn chunk(call: u64) -> Tag {
        Tag {
            kind: Kind::Chunk,
            from_callee: true,
            end: true,
            call,
        }
    }

    #[test]
    fn a_full_socket_goes_on_where_it_stopped() {
        let (a, b) = pair();
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        for call in 0..50 {
            outbox.frame(chunk(call), |out| out.extend([call as u8; MAX_CHUNK_BYTES]));
        }
        let mut seen = 0;
        loop {
            let sent = a.send(&mut outbox);
            while let Ok(received) = b.receive(&mut inbox) {
                assert_ne!(received, Received::Closed);
                while let Some(frame) = inbox.next_frame().unwrap() {
                    assert!(frame.from_callee && frame.end);
                    assert_eq!(frame.call, seen);
                    assert_eq!(frame.payload, [seen as u8; MAX_CHUNK_BYTES]);
                    seen += 1;
                }
            }
            match sent {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert_eq!(seen, 50);
        drop(a);
        assert_eq!(b.receive(&mut inbox).unwrap(), Received::Closed);
    }

    #[test]
    fn descriptors_arrive_with_their_frame_among_others() {
        let (a, b) = pair();
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        for call in 0..20 {
            let fds = (0..call % 4).map(|_| stream_pair().unwrap().0).collect();
            outbox.frame_with_fds(chunk(call), fds, |out| out.extend([7; 100]));
        }
        a.send(&mut outbox).unwrap();
        let mut seen = 0;
        while b.receive(&mut inbox).is_ok() {
            while let Some(frame) = inbox.next_frame().unwrap() {
                assert_eq!((frame.call, frame.fds.len() as u64), (seen, seen % 4));
                seen += 1;
            }
        }
        assert_eq!(seen, 20);
    }
}
