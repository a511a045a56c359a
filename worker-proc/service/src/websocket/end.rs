//! One end as its owner has it, and the joining of two.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::deflate::Deflate;
use super::message::{MAX_MESSAGE_BYTES, Message};
use super::transport::{Role, Transport, Wire};
use super::{pair, wire};
use crate::error::Error;

/// One end of a WebSocket, whatever carries it.
pub struct WebSocket {
    transport: RefCell<Box<dyn Transport>>,
    used: Cell<bool>,
}

impl WebSocket {
    /// An end that nobody has used yet.
    pub fn new(transport: Box<dyn Transport>) -> Self {
        Self {
            transport: RefCell::new(transport),
            used: Cell::new(false),
        }
    }

    /// Two ends in memory. A message waits at its sender until the other end receives it.
    pub fn pair() -> (Self, Self) {
        let (near, far) = pair::new();
        (Self::new(Box::new(near)), Self::new(Box::new(far)))
    }

    /// An end over a connection whose handshake is done.
    pub fn over(wire: Wire) -> Self {
        Self::new(wire::carry(wire))
    }

    /// Sends a message; ends when it is on its way (in the kernel, or received by the other end of a pair). A future that is
    /// dropped half-way leaves the message unsent or sent whole.
    pub async fn send(&self, message: Message) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| self.poll_send(cx, &mut message)).await
    }

    /// See [`Transport::poll_send`].
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        self.used.set(true);
        // Borrowed for each poll alone: sending and receiving go on at the same time.
        self.transport.borrow_mut().poll_send(cx, message)
    }

    /// The next message; an error is the loss of the connection or a breach of the protocol, and the last thing to come.
    pub async fn receive(&self, max_bytes: usize) -> Result<Message, Error> {
        poll_fn(|cx| self.poll_receive(cx, max_bytes)).await
    }

    /// See [`Self::receive`].
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Message, Error>> {
        self.used.set(true);
        self.transport.borrow_mut().poll_receive(cx, max_bytes)
    }

    /// Whether it is known that nothing sent now can arrive.
    pub fn is_lost(&self) -> bool {
        self.transport.borrow().is_lost()
    }

    /// The connection itself, to be carried on by another process; the end as it was where there is none, or frames have
    /// passed.
    pub fn into_wire(self) -> Result<Wire, Self> {
        if self.used.get() {
            return Err(self);
        }
        self.transport.into_inner().into_wire().map_err(Self::new)
    }

    /// For an end over a connection: who it is there, and how it compresses.
    pub fn wire(&self) -> Option<(Role, Option<Deflate>)> {
        self.transport.borrow().wire()
    }

    /// See [`Transport::rest`].
    pub fn rest(&self) {
        self.transport.borrow_mut().rest();
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}

/// Connects two ends for good. Where one can take the other's place nothing is left to do and this returns at once;
/// otherwise it carries messages until both directions have ended.
pub async fn join(a: WebSocket, b: WebSocket) {
    let fresh = !a.used.get() && !b.used.get();
    let (a, b) = (a.transport.into_inner(), b.transport.into_inner());
    let (a, b) = match a.splice(b) {
        Ok(()) => return,
        Err(unspliced) => unspliced,
    };
    let (b, a) = match b.splice(a) {
        Ok(()) => return,
        Err(unspliced) => unspliced,
    };
    if fresh && wire::may_relay_bytes(a.wire(), b.wire()) {
        match (a.into_wire(), b.into_wire()) {
            (Ok(a), Ok(b)) => wire::relay_bytes(a, b).await,
            (a, b) => {
                let end = |wire: Result<Wire, _>| wire.map_or_else(WebSocket::new, WebSocket::over);
                relay(end(a), end(b)).await;
            }
        }
    } else {
        relay(WebSocket::new(a), WebSocket::new(b)).await;
    }
}

/// Carries messages both ways. A direction that fails takes the other with it: dropped ends are lost to their peers.
async fn relay(a: WebSocket, b: WebSocket) {
    let one_way = async |from: &WebSocket, to: &WebSocket| -> Result<(), Error> {
        loop {
            let message = from.receive(MAX_MESSAGE_BYTES).await?;
            let last = matches!(message, Message::Close(_));
            to.send(message).await?;
            if last {
                return Ok(());
            }
        }
    };
    // What failed has told its own ends.
    let _ = futures_util::future::try_join(one_way(&a, &b), one_way(&b, &a)).await;
}
