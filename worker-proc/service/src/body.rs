//! A body: nothing, bytes in memory, or a stream with back-pressure.

use std::cell::RefCell;
use std::fmt;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::connect::Starter;
use super::error::Error;

/// A message body. Chunks move; they are not copied.
#[derive(Default)]
pub enum Body {
    /// No bytes.
    #[default]
    Empty,
    /// All of it at once.
    Bytes(Bytes),
    /// Chunks that are still to come.
    Stream(Box<dyn BodyStream>),
}

/// Bytes of a file that are in the page cache, nearly always.
#[derive(Clone, Debug)]
pub struct FilePart {
    /// Open for reading.
    pub file: Arc<OwnedFd>,
    /// Where they begin.
    pub at: u64,
    /// How many they are; there may be fewer by the time they are sent.
    pub bytes: u64,
}

/// A source of chunks. Dropping it cancels the source.
pub trait BodyStream {
    /// The next chunk, `None` at the end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>>;

    /// The next chunk as a part of a file, of at most so many bytes, for whoever can have the kernel send it. `None` of a body that
    /// is no file, or has ended: the rest is asked for by [`Self::poll_chunk`].
    fn poll_file(&mut self, _cx: &mut Context<'_>, _most: u64) -> Poll<Option<FilePart>> {
        Poll::Ready(None)
    }

    /// The number of bytes to come, if known.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Tells the source why nobody reads it any more; it is dropped next.
    fn refuse(&mut self, _reason: Error) {}

    /// What encrypts the connection that the body is a direction of, for whoever may ask for that; it is to be had once.
    fn take_starter(&mut self) -> Option<Starter> {
        None
    }

    /// Takes back what was read too early, or returns it. See [`Body::put_back`].
    fn put_back(&mut self, bytes: Bytes) -> Option<Bytes> {
        Some(bytes)
    }
}

impl Body {
    /// The number of bytes to come, if known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream(stream) => stream.length(),
        }
    }

    /// The next chunk, `None` at the end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Self::Stream(stream) => stream.poll_chunk(cx),
        }
    }

    /// Puts bytes before all that is to come, such as those that were read too early.
    pub fn put_back(&mut self, bytes: Bytes) {
        let left = match self {
            Self::Stream(stream) => stream.put_back(bytes),
            _ => Some(bytes),
        };
        if left.is_some() {
            let then = std::mem::take(self);
            *self = Self::Stream(Box::new(Ahead { first: left, then }));
        }
    }

    /// What encrypts the connection that the body is a direction of, where its reader may ask for that.
    pub fn take_starter(&mut self) -> Option<Starter> {
        match self {
            Self::Stream(stream) => stream.take_starter(),
            _ => None,
        }
    }

    /// The same body; `told` is called once with how its reading ended.
    pub fn watched(self, told: impl FnOnce(End) + 'static) -> Self {
        Self::Stream(Box::new(Watched {
            body: self,
            told: Some(told),
        }))
    }

    /// Ends the reading; the source learns why.
    pub fn refuse(self, reason: Error) {
        if let Self::Stream(mut stream) = self {
            stream.refuse(reason);
        }
    }
}

/// See [`Body::put_back`].
struct Ahead {
    first: Option<Bytes>,
    then: Body,
}

impl BodyStream for Ahead {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.then.poll_chunk(cx),
        }
    }

    fn length(&self) -> Option<u64> {
        let ahead = self.first.as_ref().map_or(0, Bytes::len) as u64;
        self.then.length().map(|rest| rest + ahead)
    }

    fn refuse(&mut self, reason: Error) {
        std::mem::take(&mut self.then).refuse(reason);
    }

    /// Small reads of a large chunk come here again and again: one of these is enough.
    fn put_back(&mut self, bytes: Bytes) -> Option<Bytes> {
        match &self.first {
            Some(_) => Some(bytes),
            None => self.first.replace(bytes),
        }
    }
}

/// A body that is there once it is sent; it ends with an error if it never is.
pub fn promised() -> (oneshot::Sender<Result<Body, Error>>, Body) {
    let (sender, receiver) = oneshot::channel();
    (sender, Body::Stream(Box::new(Promised::Waiting(receiver))))
}

/// See [`promised`].
enum Promised {
    Waiting(oneshot::Receiver<Result<Body, Error>>),
    There(Body),
}

impl BodyStream for Promised {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Self::Waiting(receiver) = self {
            let come = std::task::ready!(Pin::new(receiver).poll(cx));
            let come = come.unwrap_or_else(|_| Err(Error::lost()));
            match come {
                Ok(body) => *self = Self::There(body),
                Err(error) => {
                    *self = Self::There(Body::Empty);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        match self {
            Self::There(body) => body.poll_chunk(cx),
            Self::Waiting(_) => Poll::Pending,
        }
    }

    fn refuse(&mut self, reason: Error) {
        if let Self::There(body) = self {
            std::mem::take(body).refuse(reason);
        }
    }
}

/// The same body, and what takes it back from whoever has it by then.
pub fn lent(body: Body) -> (Loan, Body) {
    let lent = Rc::new(Lent {
        body: RefCell::new(body),
        ended: RefCell::default(),
        reader: RefCell::default(),
    });
    let borrowed = Borrowed(lent.clone());
    (Loan(lent), Body::Stream(Box::new(borrowed)))
}

/// See [`lent`].
pub struct Loan(Rc<Lent>);

impl Loan {
    /// Drops the body; who reads on is told the error.
    pub fn end(&self, error: Error) {
        *self.0.ended.borrow_mut() = Some(error);
        let body = self.0.body.take();
        drop(body);
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }
}

struct Lent {
    body: RefCell<Body>,
    /// What it was taken back with.
    ended: RefCell<Option<Error>>,
    reader: RefCell<Option<Waker>>,
}

struct Borrowed(Rc<Lent>);

impl BodyStream for Borrowed {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(error) = &*self.0.ended.borrow() {
            return Poll::Ready(Some(Err(error.clone())));
        }
        let polled = self.0.body.borrow_mut().poll_chunk(cx);
        if polled.is_pending() {
            *self.0.reader.borrow_mut() = Some(cx.waker().clone());
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        match &*self.0.ended.borrow() {
            Some(_) => None,
            None => self.0.body.borrow().length(),
        }
    }

    fn take_starter(&mut self) -> Option<Starter> {
        self.0.body.borrow_mut().take_starter()
    }

    fn refuse(&mut self, reason: Error) {
        self.0.body.take().refuse(reason);
    }

    /// It is still the lender's.
    fn put_back(&mut self, bytes: Bytes) -> Option<Bytes> {
        if self.0.ended.borrow().is_none() {
            self.0.body.borrow_mut().put_back(bytes);
        }
        None
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let body = self.0.body.take();
        drop(body);
    }
}

/// How the reading of a body ended.
pub enum End {
    /// All of it was read.
    Whole,
    /// It broke off.
    Failed(Error),
    /// The reader has gone, with a reason where it gave one.
    Left(Option<Error>),
}

/// See [`Body::watched`].
struct Watched<F: FnOnce(End)> {
    body: Body,
    told: Option<F>,
}

impl<F: FnOnce(End)> Watched<F> {
    fn tell(&mut self, end: End) {
        if let Some(told) = self.told.take() {
            told(end);
        }
    }
}

impl<F: FnOnce(End)> BodyStream for Watched<F> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let polled = self.body.poll_chunk(cx);
        match &polled {
            Poll::Ready(None) => self.tell(End::Whole),
            Poll::Ready(Some(Err(error))) => self.tell(End::Failed(error.clone())),
            _ => {}
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn take_starter(&mut self) -> Option<Starter> {
        self.body.take_starter()
    }

    fn refuse(&mut self, reason: Error) {
        self.tell(End::Left(Some(reason.clone())));
        std::mem::take(&mut self.body).refuse(reason);
    }
}

impl<F: FnOnce(End)> Drop for Watched<F> {
    fn drop(&mut self) {
        // Whoever knows the length need not ask for the end.
        self.tell(match self.body.length() {
            Some(0) => End::Whole,
            _ => End::Left(None),
        });
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Bytes(bytes)
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(stream) => write!(f, "Stream({:?})", stream.length()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_promised_body_is_the_one_that_comes() {
        let (sender, body) = promised();
        let _ = sender.send(Ok(Body::from(Bytes::from_static(b"abc"))));
        assert_eq!(read(body).await, (3, true));
        let (sender, body) = promised();
        let _ = sender.send(Err(Error::internal("no")));
        assert_eq!(read(body).await, (0, false));
        let (_, body) = promised();
        assert_eq!(read(body).await, (0, false));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_body_that_is_taken_back_is_dropped_and_its_reader_told() {
        let source = Rc::new(());
        let held = source.clone();
        let (_promise, body) = promised();
        let (loan, mut body) = lent(body.watched(move |_| drop(held)));
        let read = std::future::poll_fn(|cx| body.poll_chunk(cx));
        let back = async { loan.end(Error::internal("over")) };
        let (told, ()) = tokio::join!(read, back);
        assert_eq!(told.unwrap().unwrap_err().message, "over");
        assert_eq!(Rc::strong_count(&source), 1, "the source is dropped");
        assert_eq!(body.length(), None);
        assert_eq!(self::read(body).await, (0, false));
        // The reader's end is the body's, whoever holds the loan.
        let (_, body) = promised();
        let held = source.clone();
        let (_loan, body) = lent(body.watched(move |_| drop(held)));
        drop(body);
        assert_eq!(Rc::strong_count(&source), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_put_back_comes_first() {
        let mut body = Body::from(Bytes::from(vec![7; 200_000]));
        // As byte by byte reads do; no depth comes of it.
        for _ in 0..100_000 {
            let chunk = std::future::poll_fn(|cx| body.poll_chunk(cx)).await;
            let mut chunk = chunk.unwrap().unwrap();
            body.put_back(chunk.split_off(1));
        }
        assert_eq!(body.length(), Some(100_000));
        body.put_back(Bytes::from_static(b"abc"));
        assert_eq!(read(body).await, (100_003, true));
        let (loan, mut body) = lent(Body::Empty);
        body.put_back(Bytes::from_static(b"abc"));
        assert_eq!(body.length(), Some(3));
        loan.end(Error::internal("over"));
        body.put_back(Bytes::from_static(b"abc"));
        assert_eq!(read(body).await, (0, false));
    }

    async fn read(mut body: Body) -> (usize, bool) {
        let mut bytes = 0;
        loop {
            match std::future::poll_fn(|cx| body.poll_chunk(cx)).await {
                Some(Ok(chunk)) => bytes += chunk.len(),
                Some(Err(_)) => return (bytes, false),
                None => return (bytes, true),
            }
        }
    }
}
