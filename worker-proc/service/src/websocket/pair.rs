//! Two ends in memory. Each direction holds one message: its sender waits until the other end has received it.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::message::Message;
use super::transport::{Transport, Unspliced, Wire};
use crate::error::Error;

/// What is told when the other end was dropped.
const GONE: &str = "other end of WebSocketPipe was destroyed";

/// One direction.
#[derive(Default)]
struct Way {
    message: Option<Message>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Way {
    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

#[derive(Default)]
struct Pair {
    /// By the end that sends.
    ways: [Way; 2],
    gone: [bool; 2],
    /// What an end that is gone has left in its place.
    instead: Option<Box<dyn Transport>>,
}

/// One of two ends in memory.
pub struct PairEnd {
    pair: Rc<RefCell<Pair>>,
    side: usize,
}

/// Both ends.
pub fn new() -> (PairEnd, PairEnd) {
    let pair = Rc::<RefCell<Pair>>::default();
    let other = pair.clone();
    (
        PairEnd { pair, side: 0 },
        PairEnd {
            pair: other,
            side: 1,
        },
    )
}

impl Transport for PairEnd {
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        let mut pair = self.pair.borrow_mut();
        let Pair {
            ways,
            gone,
            instead,
        } = &mut *pair;
        let way = &mut ways[self.side];
        if let Some(instead) = instead {
            // What the other end has not taken goes first.
            if way.message.is_some() {
                std::task::ready!(instead.poll_send(cx, &mut way.message))?;
            }
            return instead.poll_send(cx, message);
        }
        if way.message.is_none() && message.is_none() {
            return Poll::Ready(Ok(()));
        }
        if gone[1 - self.side] {
            return Poll::Ready(Err(Error::disconnected(GONE)));
        }
        if way.message.is_none() {
            way.message = message.take();
            if let Some(reader) = way.reader.take() {
                reader.wake();
            }
        }
        way.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Message, Error>> {
        let mut pair = self.pair.borrow_mut();
        let Pair {
            ways,
            gone,
            instead,
        } = &mut *pair;
        let way = &mut ways[1 - self.side];
        if let Some(message) = way.message.take() {
            if let Some(writer) = way.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Ok(message));
        }
        if let Some(instead) = instead {
            return instead.poll_receive(cx, max_bytes);
        }
        way.reader = Some(cx.waker().clone());
        if gone[1 - self.side] {
            return Poll::Ready(Err(Error::disconnected(GONE)));
        }
        Poll::Pending
    }

    fn is_lost(&self) -> bool {
        let pair = self.pair.borrow();
        match &pair.instead {
            Some(instead) => instead.is_lost(),
            None => pair.gone[1 - self.side],
        }
    }

    fn splice(self: Box<Self>, other: Box<dyn Transport>) -> Result<(), Unspliced> {
        {
            let mut pair = self.pair.borrow_mut();
            if pair.instead.is_some() {
                drop(pair);
                return Err((self, other));
            }
            pair.instead = Some(other);
        }
        // Dropping this end wakes the other, which finds what is there instead.
        Ok(())
    }

    fn into_wire(self: Box<Self>) -> Result<Wire, Box<dyn Transport>> {
        let instead = {
            let mut pair = self.pair.borrow_mut();
            let waiting = pair.ways.iter().any(|way| way.message.is_some());
            if waiting { None } else { pair.instead.take() }
        };
        match instead.map(Transport::into_wire) {
            Some(Ok(wire)) => Ok(wire),
            Some(Err(instead)) => {
                self.pair.borrow_mut().instead = Some(instead);
                Err(self)
            }
            None => Err(self),
        }
    }

    fn rest(&mut self) {
        if let Some(instead) = &mut self.pair.borrow_mut().instead {
            instead.rest();
        }
    }
}

impl Drop for PairEnd {
    fn drop(&mut self) {
        let mut pair = self.pair.borrow_mut();
        let Pair {
            ways,
            gone,
            instead,
        } = &mut *pair;
        gone[self.side] = true;
        ways.iter_mut().for_each(Way::wake);
        // The end that was left with it goes too; it may be an end of another pair, so not while this one is borrowed.
        let instead = gone[1 - self.side].then(|| instead.take()).flatten();
        drop(pair);
        drop(instead);
    }
}
