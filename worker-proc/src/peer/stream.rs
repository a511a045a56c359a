//! Bodies on a link: what is sent within the receiver's credit, and what is received and read.
//!
//! `link` brings the frames; calls, `values` and `sockets` begin bodies. The receiver holds at most [`WINDOW_BYTES`] of one
//! body: it gives credit back as it reads. A reader that goes away stops the writer, and may say why.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ipc::peer::frame::MAX_CHUNK_BYTES;
use ipc::peer::{Kind, PeerError, head};

use super::convert;
use super::error::lost;
use super::sender::{Key, Sender};
use crate::service::{Body, BodyStream, Error};

/// What the receiver of one body holds at most of it, and the credit that its sender begins with.
pub const WINDOW_BYTES: usize = 64 * 1024;

/// The bodies that are under way on a link.
pub struct Bodies {
    sender: Rc<Sender>,
    sending: RefCell<HashMap<Key, Rc<Sending>>>,
    receiving: RefCell<HashMap<Key, Rc<Receiving>>>,
}

impl Bodies {
    pub fn new(sender: Rc<Sender>) -> Rc<Self> {
        Rc::new(Self {
            sender,
            sending: RefCell::default(),
            receiving: RefCell::default(),
        })
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.sending.borrow().is_empty() && self.receiving.borrow().is_empty()
    }

    /// The other process is gone.
    pub fn close(&self) {
        for (_, sending) in self.sending.take() {
            sending.stop(None);
        }
        for (_, receiving) in self.receiving.take() {
            receiving.finish(Err(lost()));
        }
    }

    /// Begins to send a body; [`Bodies::pump`] does it.
    pub fn open_sending(&self, key: Key) -> Rc<Sending> {
        let sending = Rc::new(Sending::default());
        sending.credit.set(WINDOW_BYTES);
        if self.sender.is_closed() {
            sending.stop(None);
        } else {
            self.sending.borrow_mut().insert(key, sending.clone());
        }
        sending
    }

    /// Sends a body in the background.
    pub fn send(self: &Rc<Self>, key: Key, body: Body) {
        let sending = self.open_sending(key);
        let bodies = self.clone();
        tokio::task::spawn_local(async move { bodies.pump(key, sending, body).await });
    }

    /// A body that is to arrive, of so many bytes if that is known.
    pub fn receive(self: &Rc<Self>, key: Key, length: Option<u64>) -> Body {
        let receiving = Rc::<Receiving>::default();
        if self.sender.is_closed() {
            receiving.finish(Err(lost()));
        } else {
            self.receiving.borrow_mut().insert(key, receiving.clone());
        }
        Body::Stream(Box::new(Incoming {
            bodies: Rc::downgrade(self),
            key,
            receiving,
            left: length,
        }))
    }

    /// Ends both bodies of a cancelled call.
    pub fn end(&self, key: Key) {
        let sending = self.sending.borrow_mut().remove(&key);
        if let Some(sending) = sending {
            sending.stop(None);
        }
        if let Some(receiving) = self.take_receiving(key) {
            receiving.finish(Err(lost()));
        }
    }

    fn take_receiving(&self, key: Key) -> Option<Rc<Receiving>> {
        self.receiving.borrow_mut().remove(&key)
    }

    pub fn on_chunk(&self, key: Key, chunk: &[u8], end: bool) -> Result<(), PeerError> {
        let receiving = self.receiving.borrow().get(&key).cloned();
        let Some(receiving) = receiving else {
            return Ok(());
        };
        if !receiving.push(chunk) {
            return Err(PeerError::OutOfTurn(
                "more of a body than it had credit for",
            ));
        }
        if end {
            receiving.finish(Ok(()));
            self.take_receiving(key);
        }
        Ok(())
    }

    pub fn on_broken(&self, key: Key, error: Error) {
        if let Some(receiving) = self.take_receiving(key) {
            receiving.finish(Err(error));
        }
    }

    pub fn on_credit(&self, key: Key, payload: &[u8]) -> Result<(), PeerError> {
        let bytes = payload.try_into().map(u32::from_le_bytes);
        let bytes = bytes.map_err(|_| PeerError::Payload("credit".into()))?;
        if let Some(sending) = self.sending.borrow().get(&key) {
            sending.add_credit(bytes as usize);
        }
        Ok(())
    }

    pub fn on_stop(&self, key: Key, payload: &[u8]) -> Result<(), PeerError> {
        let reason = match payload {
            [] => None,
            payload => Some(head::read_failure(payload, |failure| {
                convert::error(&failure)
            })?),
        };
        let sending = self.sending.borrow_mut().remove(&key);
        if let Some(sending) = sending {
            sending.stop(reason);
        }
        Ok(())
    }

    /// Sends a body to its end, or until it is stopped.
    pub async fn pump(self: Rc<Self>, key: Key, sending: Rc<Sending>, mut body: Body) {
        let mut rest = Bytes::new();
        loop {
            let room = std::future::poll_fn(|cx| {
                sending.wait(cx);
                if sending.is_over() || sending.credit.get() > 0 && self.sender.poll_room(cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            room.await;
            if rest.is_empty() {
                let chunk = std::future::poll_fn(|cx| {
                    sending.wait(cx);
                    if sending.is_over() {
                        return Poll::Ready(None);
                    }
                    body.poll_chunk(cx)
                });
                match chunk.await {
                    Some(Ok(chunk)) => rest = chunk,
                    ended if !sending.is_over() => {
                        self.sending.borrow_mut().remove(&key);
                        self.send_end(key, ended.and_then(Result::err));
                        return;
                    }
                    _ => {}
                }
            }
            if sending.is_over() {
                match sending.reason.take() {
                    Some(reason) => body.refuse(reason),
                    None => drop(body),
                }
                return;
            }
            let credit = sending.credit.get();
            let chunk = rest.split_to(rest.len().min(credit).min(MAX_CHUNK_BYTES));
            sending.credit.set(credit - chunk.len());
            if !chunk.is_empty() {
                self.sender
                    .send(Kind::Chunk, key, |_, out| out.extend_from_slice(&chunk));
            }
        }
    }

    fn send_end(&self, key: Key, error: Option<Error>) {
        match error {
            None => self.sender.send_last_chunk(key),
            Some(error) => self.sender.send_broken(key, &error),
        }
    }
}

/// The sending half of one body.
#[derive(Default)]
pub struct Sending {
    /// Bytes that may be sent.
    credit: Cell<usize>,
    over: Cell<bool>,
    /// Why nobody reads it.
    reason: RefCell<Option<Error>>,
    waker: RefCell<Option<Waker>>,
}

impl Sending {
    fn add_credit(&self, bytes: usize) {
        self.credit.set(self.credit.get().saturating_add(bytes));
        self.wake();
    }

    /// Nobody reads it.
    fn stop(&self, reason: Option<Error>) {
        self.over.set(true);
        *self.reason.borrow_mut() = reason;
        self.wake();
    }

    fn is_over(&self) -> bool {
        self.over.get()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn wait(&self, cx: &mut Context<'_>) {
        self.waker.replace(Some(cx.waker().clone()));
    }
}

/// The receiving half of one body.
#[derive(Default)]
struct Receiving {
    chunks: RefCell<VecDeque<Bytes>>,
    /// Bytes in `chunks`, and read ones that the sender has no credit for yet.
    held: Cell<usize>,
    /// Read bytes that the sender has no credit for yet.
    owed: Cell<usize>,
    end: RefCell<Option<Result<(), Error>>>,
    /// Nothing more is awaited: the end has come, or the reader is gone.
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Receiving {
    /// A chunk has arrived; false when it is more than the sender had credit for.
    #[must_use]
    fn push(&self, chunk: &[u8]) -> bool {
        if self.over.get() || chunk.is_empty() {
            return true;
        }
        let held = self.held.get() + chunk.len();
        if held > WINDOW_BYTES {
            return false;
        }
        self.held.set(held);
        let chunk = Bytes::copy_from_slice(chunk);
        self.chunks.borrow_mut().push_back(chunk);
        self.wake();
        true
    }

    /// The body has ended.
    fn finish(&self, end: Result<(), Error>) {
        if !self.over.replace(true) {
            *self.end.borrow_mut() = Some(end);
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A body that arrives over a link, as its reader has it.
struct Incoming {
    bodies: Weak<Bodies>,
    key: Key,
    receiving: Rc<Receiving>,
    left: Option<u64>,
}

impl Incoming {
    /// Nobody reads it any more.
    fn stop(&self, reason: Option<Error>) {
        if !self.receiving.over.replace(true)
            && let Some(bodies) = self.bodies.upgrade()
        {
            bodies.take_receiving(self.key);
            bodies.sender.send(Kind::Stop, self.key, |scratch, out| {
                if let Some(reason) = &reason {
                    convert::failure_head(reason).write(scratch, out);
                }
            });
        }
    }
}

impl BodyStream for Incoming {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let receiving = &self.receiving;
        let chunk = receiving.chunks.borrow_mut().pop_front();
        let Some(chunk) = chunk else {
            // Once told, an error is not told again.
            let end = receiving.end.replace(Some(Ok(())));
            return match end {
                Some(Ok(())) => Poll::Ready(None),
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None => {
                    receiving.end.replace(None);
                    receiving.waker.replace(Some(cx.waker().clone()));
                    Poll::Pending
                }
            };
        };
        let owed = receiving.owed.get() + chunk.len();
        if owed >= WINDOW_BYTES / 2 && !receiving.over.get() {
            receiving.owed.set(0);
            receiving.held.set(receiving.held.get() - owed);
            if let Some(bodies) = self.bodies.upgrade() {
                bodies.sender.send(Kind::Credit, self.key, |_, out| {
                    out.extend_from_slice(&(owed as u32).to_le_bytes());
                });
            }
        } else {
            receiving.owed.set(owed);
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    fn length(&self) -> Option<u64> {
        self.left
    }

    fn refuse(&mut self, reason: Error) {
        self.stop(Some(reason));
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.stop(None);
    }
}
