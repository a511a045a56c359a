//! Ends of WebSockets whose other end is in another process.
//!
//! Calls bring them with responses. An end over a connection that is still unused is passed itself, as a
//! descriptor. Any other stays where it is and is carried: the receiver of the response has a [`Carried`] end, which waits
//! to see what becomes of it. If it is joined to an unused connection, as the HTTP server joins it to its client's, then
//! that connection is passed to the end's own process and the link is out of the way. If it is used, messages flow over
//! the link as two bodies do, each message behind a header of [`HEADER_BYTES`].

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ipc::peer::{Kind, PeerError, head};

use super::convert;
use super::error::lost;
use super::local::Local;
use super::sender::{Key, Sender};
use super::stream::Bodies;
use crate::service::websocket::{
    self, Close, LOST, Message, Role, Transport, Unspliced, WebSocket, Wire,
};
use crate::service::{Body, BodyStream, Error};

/// Of a message on the link: its kind and its length, a `u32`.
const HEADER_BYTES: usize = 5;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 3;

/// The longest message that is carried: what JavaScript may have waiting to be sent on one end.
const MAX_MESSAGE_BYTES: usize = 128 << 20;

/// Bytes of messages that one end may have waiting for the link; then its sender waits.
const MAX_WAITING_BYTES: usize = 64 * 1024;

/// What was read too early from a connection that is passed; one that has read more is not.
const MAX_LEFTOVER_BYTES: usize = 256 * 1024;

/// The ends of this process that the other has, and has not begun to use.
pub struct Sockets {
    way: Rc<Way>,
    local: Weak<Local>,
    waiting: RefCell<HashMap<u64, WebSocket>>,
}

/// What carries messages: their frames, and the bodies that they are.
struct Way {
    sender: Rc<Sender>,
    bodies: Rc<Bodies>,
}

/// An end on its way with a response.
pub enum Given {
    Passed(Passable),
    Carried(u64),
}

/// A connection that can be passed.
pub struct Passable {
    socket: RefCell<Option<OwnedFd>>,
    leftover: Bytes,
    role: Role,
    deflate: Option<websocket::Deflate>,
}

impl Passable {
    fn of(wire: Wire) -> Result<Self, Wire> {
        if wire.leftover.len() > MAX_LEFTOVER_BYTES {
            return Err(wire);
        }
        let Wire {
            stream,
            leftover,
            role,
            deflate,
        } = wire;
        match stream.into_socket() {
            Ok(socket) => Ok(Self {
                socket: RefCell::new(Some(socket)),
                leftover,
                role,
                deflate,
            }),
            Err(stream) => Err(Wire {
                stream,
                leftover,
                role,
                deflate,
            }),
        }
    }

    fn head(&self) -> head::Wire<'_> {
        head::Wire {
            is_client: self.role == Role::Client,
            leftover: &self.leftover,
            deflate: self.deflate.as_ref().map(convert::deflate_head),
        }
    }
}

impl Given {
    pub fn head(&self) -> head::WebSocket<'_> {
        match self {
            Self::Passed(passable) => head::WebSocket::Passed(passable.head()),
            Self::Carried(number) => head::WebSocket::Carried(*number),
        }
    }

    /// The descriptor of the frame.
    pub fn socket(&self) -> Option<OwnedFd> {
        match self {
            Self::Passed(passable) => passable.socket.take(),
            Self::Carried(_) => None,
        }
    }
}

impl Sockets {
    pub fn new(sender: Rc<Sender>, bodies: Rc<Bodies>, local: Weak<Local>) -> Self {
        Self {
            way: Rc::new(Way { sender, bodies }),
            local,
            waiting: RefCell::default(),
        }
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// The other process is gone.
    pub fn close(&self) {
        drop(self.waiting.take());
    }

    /// An end that goes to the other process.
    pub fn give(&self, end: WebSocket) -> Given {
        let end = match end.into_wire().map(Passable::of) {
            Ok(Ok(passable)) => return Given::Passed(passable),
            Ok(Err(wire)) => WebSocket::over(wire),
            Err(end) => end,
        };
        let number = self.way.sender.new_number();
        if !self.way.sender.is_closed() {
            self.waiting.borrow_mut().insert(number, end);
        }
        Given::Carried(number)
    }

    /// An end that has come from the other process.
    pub fn accept(
        &self,
        given: head::WebSocket<'_>,
        fds: Vec<OwnedFd>,
    ) -> Result<Option<WebSocket>, PeerError> {
        Ok(match given {
            head::WebSocket::None => None,
            head::WebSocket::Passed(wire) => {
                // Where the connection cannot be used it is closed, and the response goes without.
                self.take_over(&wire, fds)?.map(WebSocket::over)
            }
            head::WebSocket::Carried(number) => Some(WebSocket::new(Box::new(Carried {
                way: Rc::downgrade(&self.way),
                key: Key::theirs(number),
                open: None,
            }))),
        })
    }

    fn take_over(
        &self,
        wire: &head::Wire<'_>,
        fds: Vec<OwnedFd>,
    ) -> Result<Option<Wire>, PeerError> {
        let socket = fds.into_iter().next();
        let socket = socket.ok_or(PeerError::OutOfTurn("no descriptor of a connection"))?;
        let role = match wire.is_client {
            true => Role::Client,
            false => Role::Server,
        };
        let local = self.local.upgrade();
        let stream = local.and_then(|local| local.take_over(socket, role));
        Ok(stream.map(|stream| Wire {
            stream,
            leftover: Bytes::copy_from_slice(wire.leftover),
            role,
            deflate: wire.deflate.as_ref().map(convert::deflate),
        }))
    }

    fn take(&self, number: u64) -> Option<WebSocket> {
        self.waiting.borrow_mut().remove(&number)
    }

    /// The other process does not want an end of this one.
    pub fn discard(&self, key: Key) {
        if key == Key::ours(key.number) {
            drop(self.take(key.number));
        }
    }

    /// The other process begins to use an end of this one.
    pub fn on_open(&self, number: u64) {
        if let Some(end) = self.take(number) {
            let mut carried = Carried {
                way: Rc::downgrade(&self.way),
                key: Key::ours(number),
                open: None,
            };
            carried.begin(&self.way);
            let carried = WebSocket::new(Box::new(carried));
            tokio::task::spawn_local(websocket::join(carried, end));
        }
    }

    /// The other process has a connection for an end of this one.
    pub fn on_socket(
        &self,
        number: u64,
        payload: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<(), PeerError> {
        let wire = head::read_wire(payload, |wire| self.take_over(&wire, fds))??;
        if let Some(end) = self.take(number)
            && let Some(wire) = wire
        {
            tokio::task::spawn_local(websocket::join(WebSocket::over(wire), end));
        }
        Ok(())
    }
}

/// An end whose messages go over a link.
struct Carried {
    way: Weak<Way>,
    key: Key,
    /// None until it is used.
    open: Option<Open>,
}

struct Open {
    outgoing: Rc<Pipe>,
    incoming: Body,
    /// What has arrived of the next message.
    input: BytesMut,
    sent_close: bool,
    received_close: bool,
    failed: bool,
}

impl Carried {
    /// What carries it, while there is another process.
    fn way(&self) -> Option<Rc<Way>> {
        self.way.upgrade().filter(|way| !way.sender.is_closed())
    }

    /// The end in use.
    fn open(&mut self) -> Result<&mut Open, Error> {
        if self.open.is_none() {
            let way = self.way().ok_or_else(lost)?;
            way.sender.send(Kind::Open, self.key, |_, _| {});
            self.begin(&way);
        }
        self.open.as_mut().ok_or_else(lost)
    }

    /// Messages flow from now on.
    fn begin(&mut self, way: &Way) {
        let outgoing = Rc::<Pipe>::default();
        let source = Source(outgoing.clone());
        way.bodies.send(self.key, Body::Stream(Box::new(source)));
        self.open = Some(Open {
            outgoing,
            incoming: way.bodies.receive(self.key, None),
            input: BytesMut::new(),
            sent_close: false,
            received_close: false,
            failed: false,
        });
    }
}

impl Open {
    fn fail(&mut self) -> Error {
        self.failed = true;
        Error::disconnected(LOST)
    }

    /// The next message of what has arrived; an error if no end can have sent it.
    fn decode(&mut self) -> Result<Option<Message>, Error> {
        let Some(&[kind, l0, l1, l2, l3]) = self.input.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MAX_MESSAGE_BYTES {
            return Err(self.fail());
        }
        if self.input.len() < HEADER_BYTES + length {
            // Never more than the sender's window beyond what is there: the rest comes as it is sent.
            return Ok(None);
        }
        self.input.advance(HEADER_BYTES);
        let mut payload = self.input.split_to(length).freeze();
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        match kind {
            TEXT if std::str::from_utf8(&payload).is_ok() => Ok(Some(Message::Text(payload))),
            BINARY => Ok(Some(Message::Binary(payload))),
            CLOSE if payload.len() >= 2 => {
                let code = payload.get_u16_le();
                let reason = String::from_utf8_lossy(&payload).into_owned();
                self.received_close = true;
                Ok(Some(Message::Close(Close { code, reason })))
            }
            _ => Err(self.fail()),
        }
    }
}

fn encode(message: &Message) -> Bytes {
    let mut close = Vec::new();
    let (kind, payload): (_, &[u8]) = match message {
        Message::Text(bytes) => (TEXT, bytes),
        Message::Binary(bytes) => (BINARY, bytes),
        Message::Close(reason) => {
            close.put_u16_le(reason.code);
            close.extend_from_slice(reason.reason.as_bytes());
            (CLOSE, &close)
        }
    };
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    bytes.put_u8(kind);
    bytes.put_u32_le(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(payload);
    bytes.freeze()
}

impl Transport for Carried {
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        let open = self.open()?;
        if open.failed || open.outgoing.gone.get() {
            return Poll::Ready(Err(open.fail()));
        }
        if open.outgoing.is_full() {
            open.outgoing.writer.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if let Some(message) = message.take()
            && !open.sent_close
        {
            if message.len() > MAX_MESSAGE_BYTES {
                return Poll::Ready(Err(open.fail()));
            }
            open.sent_close = matches!(message, Message::Close(_));
            open.outgoing.push(encode(&message));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        _max_bytes: usize,
    ) -> Poll<Result<Message, Error>> {
        let open = self.open()?;
        loop {
            if open.failed {
                return Poll::Ready(Err(open.fail()));
            }
            if !open.received_close
                && let Some(message) = open.decode()?
            {
                return Poll::Ready(Ok(message));
            }
            match ready!(open.incoming.poll_chunk(cx)) {
                Some(Ok(chunk)) => open.input.extend_from_slice(&chunk),
                Some(Err(_)) | None => return Poll::Ready(Err(open.fail())),
            }
        }
    }

    fn is_lost(&self) -> bool {
        match &self.open {
            Some(open) => open.failed || open.outgoing.gone.get(),
            None => self.way().is_none(),
        }
    }

    fn splice(mut self: Box<Self>, other: Box<dyn Transport>) -> Result<(), Unspliced> {
        let Some(way) = self.way().filter(|_| self.open.is_none()) else {
            return Err((self, other));
        };
        let wire = match other.into_wire() {
            Ok(wire) => wire,
            Err(other) => return Err((self, other)),
        };
        let passable = match Passable::of(wire) {
            Ok(passable) => passable,
            Err(wire) => return Err((self, websocket::carry(wire))),
        };
        let socket = passable.socket.take().into_iter().collect();
        let head = passable.head();
        way.sender
            .send_with_fds(Kind::Socket, self.key, socket, |scratch, out| {
                head.write(scratch, out);
            });
        // The connection is the other process's: there is nothing left to be told of this end.
        self.way = Weak::new();
        Ok(())
    }

    fn into_wire(self: Box<Self>) -> Result<Wire, Box<dyn Transport>> {
        Err(self)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        match &self.open {
            Some(open) => open.outgoing.end(open.sent_close),
            None => {
                if let Some(way) = self.way.upgrade() {
                    way.sender.send(Kind::Stop, self.key, |_, _| {});
                }
            }
        }
    }
}

/// Messages on their way from an end to the link.
#[derive(Default)]
struct Pipe {
    messages: RefCell<VecDeque<Bytes>>,
    waiting_bytes: Cell<usize>,
    end: RefCell<Option<Result<(), Error>>>,
    /// The link does not take any more.
    gone: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Pipe {
    fn is_full(&self) -> bool {
        self.waiting_bytes.get() >= MAX_WAITING_BYTES
    }

    fn push(&self, message: Bytes) {
        self.waiting_bytes
            .set(self.waiting_bytes.get() + message.len());
        self.messages.borrow_mut().push_back(message);
        wake(&self.reader);
    }

    fn end(&self, well: bool) {
        let end = match well {
            true => Ok(()),
            false => Err(Error::disconnected(LOST)),
        };
        self.end.borrow_mut().get_or_insert(end);
        wake(&self.reader);
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// The link's end of a pipe.
struct Source(Rc<Pipe>);

impl BodyStream for Source {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let pipe = &self.0;
        let next = pipe.messages.borrow_mut().pop_front();
        if let Some(message) = next {
            pipe.waiting_bytes
                .set(pipe.waiting_bytes.get() - message.len());
            wake(&pipe.writer);
            return Poll::Ready(Some(Ok(message)));
        }
        match pipe.end.take() {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                pipe.reader.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.gone.set(true);
        wake(&self.0.writer);
    }
}
