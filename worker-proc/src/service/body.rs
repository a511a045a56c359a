//! A body: nothing, bytes in memory, or a stream with back-pressure.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;

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

    /// The next chunk.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes) }
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

/// The writing side of a body that is produced chunk by chunk.
pub struct BodyWriter {
    sender: mpsc::Sender<Result<Bytes, Error>>,
}

/// Chunks that wait in a body channel; the writer waits when it is full.
const MAX_WAITING_CHUNKS: usize = 1;

struct Receiver {
    receiver: mpsc::Receiver<Result<Bytes, Error>>,
    left: Option<u64>,
}

/// A body with its writer. `length` is what will be written, if known.
pub fn channel(length: Option<u64>) -> (BodyWriter, Body) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_CHUNKS);
    (BodyWriter { sender }, Body::Stream(Box::new(Receiver { receiver, left: length })))
}

impl BodyWriter {
    /// Writes a chunk, waiting for room; an error means that the reader has gone.
    pub async fn write(&self, chunk: Bytes) -> Result<(), Error> {
        self.sender.send(Ok(chunk)).await.map_err(|_| gone())
    }

    /// Ends the body with an error, which the reader sees.
    pub async fn fail(&self, error: Error) {
        let _ = self.sender.send(Err(error)).await;
    }

    /// Ends when the reader has gone.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

fn gone() -> Error {
    Error::disconnected("The reader of the body has gone away.")
}

impl BodyStream for Receiver {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let polled = self.receiver.poll_recv(cx);
        if let (Poll::Ready(Some(Ok(chunk))), Some(left)) = (&polled, &mut self.left) {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.left
    }
}
