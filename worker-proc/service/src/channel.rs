//! A body that is written chunk by chunk, with back-pressure.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Mutex;

use super::body::{Body, BodyStream};
use super::error::Error;

/// What waits in a channel until its writer waits, too. A socket gets it in one write.
pub const MAX_WAITING_BYTES: usize = 256 << 10;
/// The same for small chunks.
const MAX_WAITING_CHUNKS: usize = 16;

/// A body with its writer. `length` is what will be written, if known.
pub fn channel(length: Option<u64>) -> (BodyWriter, Body) {
    let channel = Rc::<RefCell<Channel>>::default();
    let reader = Reader {
        channel: channel.clone(),
        left: length,
    };
    let writer = BodyWriter {
        channel,
        turn: Mutex::new(()),
    };
    (writer, Body::Stream(Box::new(reader)))
}

#[derive(Default)]
struct Channel {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// How the body ends; told once the writer has gone.
    end: Option<Result<(), Error>>,
    writer_gone: bool,
    reader_gone: bool,
    /// Why the reader goes, where it says so.
    refused: Option<Error>,
    /// Who waits for a chunk, for room, and for the reader to go.
    reader: Option<Waker>,
    writer: Option<Waker>,
    closed: Option<Waker>,
    /// What is to be done if the reader goes too early.
    left: Option<Left>,
}

/// Told why the reader has gone, where it says so.
type Left = Box<dyn FnOnce(Option<Error>)>;

impl Channel {
    fn has_room(&self, chunk: &Bytes) -> bool {
        self.chunks.is_empty()
            || (self.chunks.len() < MAX_WAITING_CHUNKS
                && self.bytes + chunk.len() <= MAX_WAITING_BYTES)
    }

    fn push(&mut self, chunk: Bytes) -> Result<(), Bytes> {
        if self.reader_gone || !self.has_room(&chunk) {
            return Err(chunk);
        }
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
        wake(&mut self.reader);
        Ok(())
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        wake(&mut self.writer);
        Some(chunk)
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// The writing side of a body. Dropped before [`BodyWriter::finish`], it cuts the body off: the reader sees an error, never
/// a short body.
pub struct BodyWriter {
    channel: Rc<RefCell<Channel>>,
    /// Held by the write that waits for room: those after it wait for it.
    turn: Mutex<()>,
}

impl BodyWriter {
    /// Writes a chunk where there is room now, else gives it back.
    pub fn try_write(&self, chunk: Bytes) -> Result<(), Bytes> {
        match self.turn.try_lock() {
            Ok(_turn) => self.channel.borrow_mut().push(chunk),
            Err(_) => Err(chunk),
        }
    }

    /// Writes a chunk, waiting for room; an error is the reader's reason to go, or says that it has gone.
    pub async fn write(&self, chunk: Bytes) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let mut chunk = Some(chunk);
        poll_fn(|cx| {
            let mut channel = self.channel.borrow_mut();
            if channel.reader_gone {
                return Poll::Ready(Err(channel.refused.clone().unwrap_or_else(Error::lost)));
            }
            chunk = chunk.take().and_then(|chunk| channel.push(chunk).err());
            if chunk.is_none() {
                return Poll::Ready(Ok(()));
            }
            channel.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Ends when the reader has gone.
    pub async fn closed(&self) {
        poll_fn(|cx| {
            let mut channel = self.channel.borrow_mut();
            if channel.reader_gone {
                return Poll::Ready(());
            }
            channel.closed = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Says what is to be done, once, if the reader goes before the body has ended. An idle writer learns of it by this alone.
    pub fn on_left(&self, told: impl FnOnce(Option<Error>) + 'static) {
        let mut channel = self.channel.borrow_mut();
        if !channel.reader_gone {
            channel.left = Some(Box::new(told));
            return;
        }
        let reason = channel.refused.clone();
        drop(channel);
        told(reason);
    }

    /// Why the reader has gone, where it says so.
    pub fn refusal(&self) -> Option<Error> {
        self.channel.borrow().refused.clone()
    }

    /// The body is complete.
    pub fn finish(&self) {
        self.channel.borrow_mut().end.get_or_insert(Ok(()));
    }

    /// Ends the body with an error, which the reader sees after what was written.
    pub fn fail(&self, error: Error) {
        self.channel.borrow_mut().end.get_or_insert(Err(error));
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        let left = {
            let mut channel = self.channel.borrow_mut();
            channel.writer_gone = true;
            wake(&mut channel.reader);
            channel.left.take()
        };
        drop(left);
    }
}

struct Reader {
    channel: Rc<RefCell<Channel>>,
    left: Option<u64>,
}

impl BodyStream for Reader {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut channel = self.channel.borrow_mut();
        if let Some(chunk) = channel.pop() {
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(chunk.len() as u64);
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
        if !channel.writer_gone {
            channel.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Once told, an error is not told again.
        Poll::Ready(match channel.end.replace(Ok(())) {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(Err(error)),
            None => Some(Err(Error::lost())),
        })
    }

    fn length(&self) -> Option<u64> {
        self.left
    }

    fn refuse(&mut self, reason: Error) {
        self.channel.borrow_mut().refused.get_or_insert(reason);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let (chunks, left, reason) = {
            let mut channel = self.channel.borrow_mut();
            channel.reader_gone = true;
            channel.bytes = 0;
            wake(&mut channel.writer);
            wake(&mut channel.closed);
            let chunks = std::mem::take(&mut channel.chunks);
            (chunks, channel.left.take(), channel.refused.clone())
        };
        drop(chunks);
        // Whoever has all bytes that were promised need not wait for the end.
        if let Some(told) = left
            && self.left != Some(0)
        {
            told(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    async fn read(mut body: Body) -> (usize, bool) {
        let mut bytes = 0;
        loop {
            match poll_fn(|cx| body.poll_chunk(cx)).await {
                Some(Ok(chunk)) => bytes += chunk.len(),
                Some(Err(_)) => return (bytes, false),
                None => return (bytes, true),
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_finished_body_ends_well() {
        type End = fn(&BodyWriter);
        let ends: [(End, bool); 3] = [
            (|writer| writer.finish(), true),
            (|writer| writer.fail(Error::internal("no")), false),
            (|_| {}, false),
        ];
        for (end, well) in ends {
            let (writer, body) = channel(None);
            writer.write(Bytes::from_static(b"abc")).await.unwrap();
            end(&writer);
            drop(writer);
            assert_eq!(read(body).await, (3, well));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_writer_waits_for_room_and_writes_in_order() {
        for (size, fits) in [(1, MAX_WAITING_CHUNKS), (100_000, 2), (1 << 20, 1)] {
            let (writer, mut body) = channel(None);
            for number in 0..fits {
                let chunk = Bytes::from(vec![number as u8; size]);
                assert!(writer.try_write(chunk).is_ok(), "{size} bytes, {number}");
            }
            let mut first = Box::pin(writer.write(Bytes::from(vec![98; size])));
            let mut second = Box::pin(writer.write(Bytes::from(vec![99; size])));
            assert!(first.as_mut().now_or_never().is_none());
            assert!(second.as_mut().now_or_never().is_none());
            let mut seen = Vec::new();
            let mut next = async || {
                let chunk = poll_fn(|cx| body.poll_chunk(cx)).await;
                seen.push(chunk.unwrap().unwrap()[0]);
            };
            next().await;
            // Those that wait are not overtaken.
            assert!(writer.try_write(Bytes::from_static(b"!")).is_err());
            first.await.unwrap();
            for _ in 0..fits {
                next().await;
            }
            second.await.unwrap();
            next().await;
            let expected: Vec<u8> = (0..fits as u8).chain([98, 99]).collect();
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_writer_learns_why_the_reader_has_gone() {
        let (writer, body) = channel(Some(10));
        let full = Bytes::from(vec![0; MAX_WAITING_BYTES]);
        writer.write(full.clone()).await.unwrap();
        let (written, (), ()) = tokio::join!(writer.write(full.clone()), writer.closed(), async {
            body.refuse(Error::internal("enough"));
        });
        assert_eq!(written.unwrap_err().message, "enough");
        assert!(writer.try_write(full).is_err());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_idle_writer_is_told_once_of_a_reader_that_goes_too_early() {
        type Going = fn(Body);
        /// What the writer is told: of the end, and of its reason.
        type Told = Option<Option<&'static str>>;
        let goings: [(Option<u64>, Going, Told); 3] = [
            (None, drop, Some(None)),
            (Some(3), drop, None),
            (
                None,
                |body| body.refuse(Error::internal("enough")),
                Some(Some("enough")),
            ),
        ];
        for (length, go, told) in goings {
            let (writer, mut body) = channel(length);
            let seen = Rc::new(RefCell::new(None));
            let saw = seen.clone();
            writer.on_left(move |reason| {
                *saw.borrow_mut() = Some(reason.map(|reason| reason.message));
            });
            writer.write(Bytes::from_static(b"abc")).await.unwrap();
            let _ = poll_fn(|cx| body.poll_chunk(cx)).await;
            go(body);
            let seen = seen.borrow().clone();
            assert_eq!(seen, told.map(|told| told.map(str::to_owned)));
        }
        // Not if the body had its end first, and at once if the reader had gone before.
        let (writer, body) = channel(None);
        writer.on_left(|_| panic!("the body is whole"));
        writer.finish();
        drop(writer);
        drop(body);
        let (writer, body) = channel(None);
        drop(body);
        let told = Rc::new(RefCell::new(0));
        let count = told.clone();
        writer.on_left(move |_| *count.borrow_mut() += 1);
        assert_eq!(*told.borrow(), 1);
    }
}
