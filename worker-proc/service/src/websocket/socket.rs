//! An end with what waits to be sent on it: JavaScript sends without waiting, and in order.
//!
//! `api/web/websocket` holds one for each WebSocket that it shows, [`super::Hibernation`] those that outlive an object's life.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::deflate::Deflate;
use super::end::WebSocket;
use super::message::Message;
use super::transport::Role;
use crate::error::Error;

/// Bytes that one WebSocket may have waiting to be sent; more are refused.
const MAX_QUEUED_BYTES: usize = 128 << 20;

/// What must have happened before a message may leave.
pub type Gate = LocalBoxFuture<'static, Result<(), Error>>;

struct Outgoing {
    gate: Option<Gate>,
    message: Message,
}

/// See the module.
pub struct Socket {
    /// None once it is let go of.
    end: RefCell<Option<WebSocket>>,
    queue: RefCell<VecDeque<Outgoing>>,
    /// Bytes in the queue, and of the message on its way.
    queued_bytes: Cell<usize>,
    pumping: Cell<bool>,
    /// Told when the queue is empty.
    flushed: RefCell<Option<Waker>>,
}

/// The queue is full.
#[derive(Debug)]
pub struct Full;

/// The sending of what is queued, where it cannot be done at once; an error ends all sending.
pub type Pump = LocalBoxFuture<'static, Result<(), Error>>;

impl Socket {
    /// Takes over an end.
    pub fn new(end: WebSocket) -> Rc<Self> {
        Rc::new(Self {
            end: RefCell::new(Some(end)),
            queue: RefCell::default(),
            queued_bytes: Cell::new(0),
            pumping: Cell::new(false),
            flushed: RefCell::default(),
        })
    }

    /// Takes the end away: who waits for it hears that it is gone.
    pub fn take_end(&self) -> Option<WebSocket> {
        self.end.take()
    }

    /// For an end over a connection: who it is there, and how it compresses.
    pub fn wire(&self) -> Option<(Role, Option<Deflate>)> {
        self.end.borrow().as_ref().and_then(WebSocket::wire)
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.get()
    }

    /// Queues a message, to be sent with [`Self::begin`].
    ///
    /// # Errors
    /// [`Full`]: the message is not queued.
    pub fn queue(&self, gate: Option<Gate>, message: Message) -> Result<(), Full> {
        let bytes = self.queued_bytes.get() + message.len();
        if bytes > MAX_QUEUED_BYTES && !matches!(message, Message::Close(_)) {
            return Err(Full);
        }
        self.queued_bytes.set(bytes);
        let outgoing = Outgoing { gate, message };
        self.queue.borrow_mut().push_back(outgoing);
        Ok(())
    }

    /// Begins to send what is queued, unless that is under way. Mostly there is room in the connection, and it is done at
    /// once; otherwise the caller runs the rest. A gate is not asked here: the turn that sends may have more to commit.
    pub fn begin(self: &Rc<Self>) -> Option<Result<Pump, Error>> {
        if self.pumping.replace(true) {
            return None;
        }
        let mut pump = self.clone().pump().boxed_local();
        let is_gated = |first: &Outgoing| first.gate.is_some();
        if self.queue.borrow().front().is_some_and(is_gated) {
            return Some(Ok(pump));
        }
        match pump.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(error)) => Some(Err(error)),
            Poll::Pending => Some(Ok(pump)),
        }
    }

    /// Sends what is queued, in order.
    async fn pump(self: Rc<Self>) -> Result<(), Error> {
        let sent = self.send_queue().await;
        if sent.is_err() {
            // Nothing more can be sent.
            self.queued_bytes.set(0);
        }
        // An idle socket holds no buffer.
        self.queue.take();
        self.pumping.set(false);
        if let Some(waker) = self.flushed.take() {
            waker.wake();
        }
        sent
    }

    async fn send_queue(&self) -> Result<(), Error> {
        loop {
            let next = self.queue.borrow_mut().pop_front();
            let Some(Outgoing { gate, message }) = next else {
                return Ok(());
            };
            let length = message.len();
            if let Some(gate) = gate {
                gate.await?;
            }
            let mut message = Some(message);
            poll_fn(|cx| self.poll_end(|end| end.poll_send(cx, &mut message))).await?;
            self.queued_bytes.set(self.queued_bytes.get() - length);
        }
    }

    /// Whether nothing is left to be sent, or nothing can be. Wakes whenever that comes to be; one waits at a time.
    pub fn poll_flushed(&self, cx: &Context<'_>) -> Poll<()> {
        *self.flushed.borrow_mut() = Some(cx.waker().clone());
        if self.pumping.get() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// The next message.
    pub async fn receive(&self, max_bytes: usize) -> Result<Message, Error> {
        poll_fn(|cx| self.poll_receive(cx, max_bytes)).await
    }

    /// See [`Self::receive`].
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Message, Error>> {
        self.poll_end(|end| end.poll_receive(cx, max_bytes))
    }

    fn poll_end<T>(
        &self,
        poll: impl FnOnce(&WebSocket) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        match &*self.end.borrow() {
            Some(end) => poll(end),
            None => Poll::Ready(Err(Error::disconnected("The WebSocket was released."))),
        }
    }

    /// Nothing is expected to pass for a while: lets go of what can be made again.
    pub fn rest(&self) {
        if let Some(end) = &*self.end.borrow() {
            end.rest();
        }
    }
}
