//! A body: nothing, bytes in memory, or a stream with back-pressure.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Error;

/// A message body. Chunks move; they are not copied.
#[derive(Default)]
pub enum Body {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream(Box<dyn BodyStream>),
}

/// A source of chunks. Dropping it cancels the source.
pub trait BodyStream {
    /// The next chunk, `None` at the end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>>;

    /// The number of bytes to come, if known.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Tells the source why nobody reads it any more; it is dropped next.
    fn refuse(&mut self, _reason: Error) {}
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
            let come = come.unwrap_or_else(|_| Err(lost()));
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

/// How the reading of a body ended.
pub enum End {
    /// All of it was read.
    Whole,
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

pub(super) fn lost() -> Error {
    Error::disconnected("Network connection lost.")
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
