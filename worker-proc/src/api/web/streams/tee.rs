//! One native body read by two: each gets every chunk, and what one of them has not read yet waits for it.
//!
//! `bodies` offers it as an op. The chunks are shared, not copied; what waits counts as the isolate's memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::api::base::memory_limit::Held;
use crate::service::{Body, BodyStream, Error, Kind};

/// What waits for the slower branch at most, bytes; beyond it both fail. workerd's limit.
const MAX_WAITING_BYTES: usize = 128 << 20;

struct Trunk {
    source: Body,
    end: Option<Result<(), Error>>,
    /// Of each branch; none for one that has gone.
    waiting: [Option<Waiting>; 2],
}

struct Waiting {
    chunks: VecDeque<Bytes>,
    held: Held,
    waker: Option<Waker>,
}

struct Branch {
    trunk: Rc<RefCell<Trunk>>,
    index: usize,
    left: Option<u64>,
}

/// Two bodies that each yield what this one would. What waits for a branch counts as by `held`, which holds nothing yet.
pub fn tee(source: Body, held: Held) -> [Body; 2] {
    let left = source.length();
    let waiting = |held| {
        Some(Waiting {
            chunks: VecDeque::new(),
            held,
            waker: None,
        })
    };
    let trunk = Rc::new(RefCell::new(Trunk {
        source,
        end: None,
        waiting: [waiting(held.another()), waiting(held)],
    }));
    [0, 1].map(|index| {
        Body::Stream(Box::new(Branch {
            trunk: Rc::clone(&trunk),
            index,
            left,
        }))
    })
}

impl Trunk {
    /// The next chunk of the source, also kept for the other branch.
    fn advance(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        match self.source.poll_chunk(cx) {
            Poll::Pending => {
                if let Some(own) = &mut self.waiting[index] {
                    own.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Poll::Ready(Some(Ok(chunk))) => {
                if let Some(other) = &mut self.waiting[1 - index] {
                    let fits = other.held.add(chunk.len());
                    other.chunks.push_back(chunk.clone());
                    if !fits || other.held.bytes() > MAX_WAITING_BYTES {
                        other.chunks.clear();
                        other.held.give_back(other.held.bytes());
                        let message = "ReadableStream.tee() buffer limit exceeded.";
                        return self.finish(index, Err(Error::new(Kind::Worker, message)));
                    }
                    other.wake();
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => self.finish(index, Err(error)),
            Poll::Ready(None) => self.finish(index, Ok(())),
        }
    }

    fn finish(
        &mut self,
        index: usize,
        end: Result<(), Error>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        self.source = Body::Empty;
        self.end = Some(end.clone());
        if let Some(other) = &mut self.waiting[1 - index] {
            other.wake();
        }
        Poll::Ready(end.err().map(Err))
    }
}

impl Waiting {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl BodyStream for Branch {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut trunk = self.trunk.borrow_mut();
        let ready = match &mut trunk.waiting[self.index] {
            Some(own) => own
                .chunks
                .pop_front()
                .inspect(|chunk| own.held.give_back(chunk.len())),
            None => return Poll::Ready(None),
        };
        let polled = match (ready, &trunk.end) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(chunk))),
            (None, Some(end)) => Poll::Ready(end.clone().err().map(Err)),
            (None, None) => trunk.advance(self.index, cx),
        };
        if let (Poll::Ready(Some(Ok(chunk))), Some(left)) = (&polled, &mut self.left) {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.left
    }

    fn refuse(&mut self, reason: Error) {
        let mut trunk = self.trunk.borrow_mut();
        if trunk.waiting[1 - self.index].is_none() {
            std::mem::take(&mut trunk.source).refuse(reason);
        }
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let mut trunk = self.trunk.borrow_mut();
        trunk.waiting[self.index] = None;
        // The source may have promised to wake this branch alone.
        if let Some(other) = &mut trunk.waiting[1 - self.index] {
            other.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::channel;

    async fn next(body: &mut Body) -> Option<Bytes> {
        let chunk = std::future::poll_fn(|cx| body.poll_chunk(cx)).await;
        chunk.map(|chunk| chunk.unwrap())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_branch_gets_all() {
        let (writer, body) = channel(Some(6));
        let [mut left, mut right] = tee(body, Held::unlimited());
        let write = async {
            writer.write(Bytes::from_static(b"abc")).await.unwrap();
            writer.write(Bytes::from_static(b"def")).await.unwrap();
            writer.finish();
            drop(writer);
        };
        let read = async {
            assert_eq!(next(&mut left).await.as_deref(), Some(&b"abc"[..]));
            assert_eq!(next(&mut left).await.as_deref(), Some(&b"def"[..]));
            assert_eq!(left.length(), Some(0));
            assert_eq!(right.length(), Some(6));
            assert_eq!(next(&mut left).await, None);
            assert_eq!(next(&mut right).await.as_deref(), Some(&b"abc"[..]));
            drop(left);
            assert_eq!(next(&mut right).await.as_deref(), Some(&b"def"[..]));
            assert_eq!(next(&mut right).await, None);
        };
        tokio::join!(write, read);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_branch_that_goes_wakes_the_other() {
        let (writer, body) = channel(None);
        let [mut left, mut right] = tee(body, Held::unlimited());
        let other = async {
            let waits = std::future::poll_fn(|cx| left.poll_chunk(cx));
            assert!(futures_util::FutureExt::now_or_never(waits).is_none());
            tokio::task::yield_now().await;
            let waits = std::future::poll_fn(|cx| left.poll_chunk(cx));
            assert!(futures_util::FutureExt::now_or_never(waits).is_none());
            drop(left);
            writer.write(Bytes::from_static(b"abc")).await.unwrap();
        };
        let (chunk, ()) = tokio::join!(next(&mut right), other);
        assert_eq!(chunk.as_deref(), Some(&b"abc"[..]));
    }
}
