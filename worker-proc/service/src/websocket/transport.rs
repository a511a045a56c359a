//! What carries an end of a WebSocket, and the connection that it may be.

use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use super::deflate::Deflate;
use super::message::Message;
use crate::error::Error;

/// What carries an end. Dropping it is an abrupt loss for the other end, unless both directions are closed.
pub trait Transport {
    /// Sends: takes the message out as soon as there is room and is ready once it is on its way. With the message gone it
    /// waits for that alone. One sender at a time.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>>;

    /// The next message; after a [`Message::Close`] there is only the loss of the connection to come. One receiver at a
    /// time.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Message, Error>>;

    /// Whether it is known that nothing sent now can arrive.
    fn is_lost(&self) -> bool;

    /// Connects what is at the far end of this one to `other` for good, with nothing in between: this end is used up then.
    /// Refuses, and gives both back, where somebody has to carry messages between the two.
    fn splice(self: Box<Self>, other: Box<dyn Transport>) -> Result<(), Unspliced>;

    /// The connection itself with what was read too early, if no frame has been exchanged; else the transport as it was.
    fn into_wire(self: Box<Self>) -> Result<Wire, Box<dyn Transport>>;

    /// For an end over a connection: who it is there, and how it compresses.
    fn wire(&self) -> Option<(Role, Option<Deflate>)> {
        None
    }

    /// Nothing is expected to pass for a while: lets go of what can be made again.
    fn rest(&mut self) {}
}

/// Two transports that could not be spliced.
pub type Unspliced = (Box<dyn Transport>, Box<dyn Transport>);

/// Which side of the handshake this end was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It asked, and masks its frames.
    Client,
    /// It was asked.
    Server,
}

/// A connection of any kind.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin {
    /// The connected socket, where nothing but the kernel is between it and the frames; else the stream as it was.
    fn into_socket(self: Box<Self>) -> Result<OwnedFd, Box<dyn ByteStream>>;

    /// Whether parts of files may be written to it by what stands for them.
    fn sends_files() -> bool
    where
        Self: Sized,
    {
        false
    }
}

/// A pipe in memory.
impl ByteStream for DuplexStream {
    fn into_socket(self: Box<Self>) -> Result<OwnedFd, Box<dyn ByteStream>> {
        Err(self)
    }
}

/// A connection whose handshake is done and on which no frame has been exchanged.
pub struct Wire {
    /// What carries the frames.
    pub stream: Box<dyn ByteStream>,
    /// Bytes that came right behind the handshake.
    pub leftover: Bytes,
    /// Which side this end is.
    pub role: Role,
    /// The compression that was agreed.
    pub deflate: Option<Deflate>,
}
