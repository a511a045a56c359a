//! Answers that nobody reads: each keeps its connection from other requests, so where connections are scarce, the oldest is given up.
//!
//! A worker need not read an answer, and a Durable Object that lives on keeps those of all its events.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connections::MAX_CONNECTIONS;
use crate::service::{Body, BodyStream, Error};

/// An answer that was left alone for so long may be given up.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// The answers of one server, in the order in which they came.
#[derive(Default)]
pub struct Answers(RefCell<Vec<Weak<Answer>>>);

struct Answer {
    /// None when it is given up.
    body: RefCell<Option<Body>>,
    /// Somebody waits for more of it.
    is_awaited: Cell<bool>,
    touched: Cell<Instant>,
}

impl Answer {
    fn is_left_alone(&self) -> bool {
        !self.is_awaited.get() && self.touched.get().elapsed() >= LEFT_ALONE
    }
}

impl Answers {
    /// The same body, as one that can be given up.
    pub fn watch(&self, body: Body) -> Body {
        if !matches!(body, Body::Stream(_)) {
            return body;
        }
        let answer = Rc::new(Answer {
            body: RefCell::new(Some(body)),
            is_awaited: Cell::new(false),
            touched: Cell::new(Instant::now()),
        });
        let mut all = self.0.borrow_mut();
        if all.len() > 2 * MAX_CONNECTIONS {
            all.retain(|answer| answer.strong_count() > 0);
        }
        all.push(Rc::downgrade(&answer));
        Body::Stream(Box::new(Watched(answer)))
    }

    /// Gives up the oldest that is left alone; its reader, should there be one yet, finds the connection lost.
    pub fn give_up_one(&self) {
        let alone = self.0.borrow().iter().find_map(|answer| {
            let answer = answer.upgrade().filter(|answer| answer.is_left_alone())?;
            let has_body = answer.body.borrow().is_some();
            has_body.then_some(answer)
        });
        if let Some(answer) = alone {
            let body = answer.body.take();
            drop(body);
        }
    }
}

struct Watched(Rc<Answer>);

impl BodyStream for Watched {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut body = self.0.body.borrow_mut();
        let Some(reading) = &mut *body else {
            *body = Some(Body::Empty);
            return Poll::Ready(Some(Err(Error::lost())));
        };
        let polled = reading.poll_chunk(cx);
        self.0.is_awaited.set(polled.is_pending());
        self.0.touched.set(Instant::now());
        polled
    }

    fn length(&self) -> Option<u64> {
        self.0.body.borrow().as_ref().and_then(Body::length)
    }

    fn refuse(&mut self, reason: Error) {
        if let Some(body) = self.0.body.take() {
            body.refuse(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Letters without end, or none ever.
    struct Letters(bool);

    impl BodyStream for Letters {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
            match self.0 {
                true => Poll::Ready(Some(Ok(Bytes::from_static(b"a")))),
                false => Poll::Pending,
            }
        }
    }

    fn poll(body: &mut Body) -> Poll<Option<Result<Bytes, Error>>> {
        body.poll_chunk(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_oldest_that_nobody_reads_is_given_up() {
        let answers = Answers::default();
        let watch = |letters| answers.watch(Body::Stream(Box::new(Letters(letters))));
        let (mut awaited, mut oldest, mut read, mut newest) =
            (watch(false), watch(true), watch(true), watch(true));
        assert!(poll(&mut awaited).is_pending());
        let long_ago = Instant::now().checked_sub(LEFT_ALONE);
        for answer in answers.0.borrow().iter().filter_map(Weak::upgrade) {
            answer
                .touched
                .set(long_ago.expect("a machine that runs for longer"));
        }
        let is_read = |body: &mut Body| matches!(poll(body), Poll::Ready(Some(Ok(_))));
        assert!(is_read(&mut read));
        answers.give_up_one();
        assert!(matches!(poll(&mut oldest), Poll::Ready(Some(Err(_)))));
        assert!(matches!(poll(&mut oldest), Poll::Ready(None)));
        answers.give_up_one();
        assert!(matches!(poll(&mut newest), Poll::Ready(Some(Err(_)))));
        answers.give_up_one();
        assert!(is_read(&mut read) && poll(&mut awaited).is_pending());
    }
}
