//! The two halves of a body on a link: what is sent within the receiver's credit, and what is received and read.
//!
//! Called by `link` when frames arrive. The receiver holds at most [`WINDOW_BYTES`] of one body: it gives credit back as
//! it reads. A reader that goes away stops the writer.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ipc::peer::frame::MAX_CHUNK_BYTES;

use super::link::{Link, Side};
use crate::service::{Body, BodyStream, Error};

/// What the receiver of one body holds at most of it, and the credit that its sender begins with.
pub const WINDOW_BYTES: usize = 64 * 1024;

/// The sending half of one body.
#[derive(Default)]
pub struct Sending {
    /// Bytes that may be sent.
    credit: Cell<usize>,
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Sending {
    pub fn open() -> Rc<Self> {
        Rc::new(Self {
            credit: Cell::new(WINDOW_BYTES),
            ..Self::default()
        })
    }

    /// The half of a call that sends no body.
    pub fn none() -> Rc<Self> {
        let none = Self::default();
        none.over.set(true);
        Rc::new(none)
    }

    pub fn add_credit(&self, bytes: usize) {
        self.credit.set(self.credit.get().saturating_add(bytes));
        self.wake();
    }

    /// Nothing more is to be sent: all is sent, or nobody reads it.
    pub fn stop(&self) {
        self.over.set(true);
        self.wake();
    }

    pub fn is_over(&self) -> bool {
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

/// Sends a body to its end, or until it is stopped.
pub async fn pump(link: Rc<Link>, side: Side, call: u64, sending: Rc<Sending>, mut body: Body) {
    let mut rest = Bytes::new();
    loop {
        let room = std::future::poll_fn(|cx| {
            sending.wait(cx);
            if sending.is_over() || sending.credit.get() > 0 && link.poll_room(cx) {
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
                    sending.over.set(true);
                    link.end_body(side, call, ended.and_then(Result::err));
                    return;
                }
                _ => return,
            }
        }
        if sending.is_over() {
            return;
        }
        let credit = sending.credit.get();
        let chunk = rest.split_to(rest.len().min(credit).min(MAX_CHUNK_BYTES));
        sending.credit.set(credit - chunk.len());
        if !chunk.is_empty() {
            link.send_chunk(side, call, &chunk);
        }
    }
}

/// The receiving half of one body.
#[derive(Default)]
pub struct Receiving {
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
    pub fn open() -> Rc<Self> {
        Rc::default()
    }

    /// The half of a call that receives no body.
    pub fn none() -> Rc<Self> {
        let none = Self::default();
        none.over.set(true);
        Rc::new(none)
    }

    /// A chunk has arrived; false when it is more than the sender had credit for.
    #[must_use]
    pub fn push(&self, chunk: &[u8]) -> bool {
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
    pub fn finish(&self, end: Result<(), Error>) {
        if !self.over.replace(true) {
            *self.end.borrow_mut() = Some(end);
            self.wake();
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A body that arrives over a link, as its reader has it.
pub struct Incoming {
    link: Weak<Link>,
    /// Whose body it is not: the side that this process is on.
    side: Side,
    call: u64,
    receiving: Rc<Receiving>,
    left: Option<u64>,
}

impl Incoming {
    pub fn body(
        link: &Rc<Link>,
        side: Side,
        call: u64,
        receiving: Rc<Receiving>,
        length: Option<u64>,
    ) -> Body {
        Body::Stream(Box::new(Self {
            link: Rc::downgrade(link),
            side,
            call,
            receiving,
            left: length,
        }))
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
        if owed >= WINDOW_BYTES / 2 && !receiving.is_over() {
            receiving.owed.set(0);
            receiving.held.set(receiving.held.get() - owed);
            if let Some(link) = self.link.upgrade() {
                link.give_credit(self.side, self.call, owed);
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
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.receiving.over.replace(true)
            && let Some(link) = self.link.upgrade()
        {
            link.stop_body(self.side, self.call);
        }
    }
}
