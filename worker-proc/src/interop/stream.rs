//! The bytes of a connection. Who neither goes on with a message that has begun nor takes what is sent is given up.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;
use tokio::time::Sleep;

/// How long the other side may keep this one waiting within a message.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The reading half as the RPC system takes it.
pub struct Input<R>(pub R);

impl<R: tokio::io::AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// What is read, message by message.
pub struct Reading<R> {
    inner: R,
    framing: Framing,
    /// Bytes of the last message that is whole.
    last_message: Rc<Cell<usize>>,
    stall: Stall,
}

impl<R> Reading<R> {
    pub fn new(inner: R, last_message: Rc<Cell<usize>>) -> Self {
        Self {
            inner,
            framing: Framing::default(),
            last_message,
            stall: Stall::default(),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Reading<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_read(cx, buffer)? {
            Poll::Ready(read) => {
                this.stall.ends();
                if let Some(whole) = this.framing.take(&buffer[..read]) {
                    this.last_message.set(whole);
                }
                Poll::Ready(Ok(read))
            }
            Poll::Pending if this.framing.is_within() => this.stall.goes_on(cx),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What is written.
pub struct Writing<W> {
    inner: W,
    stall: Stall,
}

impl<W> Writing<W> {
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            stall: Stall::default(),
        }
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(done) => {
                self.stall.ends();
                Poll::Ready(done)
            }
            Poll::Pending => self.stall.goes_on(cx),
        }
    }
}

impl<W: tokio::io::AsyncWrite + Unpin> AsyncWrite for Writing<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.watch(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, polled)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, polled)
    }
}

/// How long nothing has moved that should.
#[derive(Default)]
struct Stall(Option<Pin<Box<Sleep>>>);

impl Stall {
    fn ends(&mut self) {
        self.0 = None;
    }

    fn goes_on<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_TIMEOUT)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::other("the other side has stalled")))
    }
}

/// Where in a message the reading is: a table of its segments' lengths comes first, then the segments.
#[derive(Default)]
struct Framing {
    table: Vec<u8>,
    /// Bytes of segments that are to come.
    left: usize,
    /// Of this message so far.
    message: usize,
}

/// Tables of more segments are refused by who reads the message.
const MAX_SEGMENTS: usize = 512;

impl Framing {
    fn is_within(&self) -> bool {
        self.message > 0
    }

    /// Bytes of the last message that ends in these.
    fn take(&mut self, mut bytes: &[u8]) -> Option<usize> {
        let mut whole = None;
        while !bytes.is_empty() {
            let wanted = match self.left {
                0 => self.table_bytes() - self.table.len(),
                left => left,
            };
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            self.message += taken.len();
            if self.left > 0 {
                self.left -= taken.len();
            } else {
                self.table.extend_from_slice(taken);
                if self.table.len() < self.table_bytes() {
                    continue;
                }
                self.left = self.segment_bytes();
                self.table.clear();
            }
            if self.left == 0 {
                whole = Some(std::mem::take(&mut self.message));
            }
        }
        whole
    }

    fn number(&self, index: usize) -> usize {
        let bytes = self.table.get(index * 4..index * 4 + 4);
        bytes.map_or(0, |bytes| {
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
        })
    }

    fn segments(&self) -> usize {
        (self.number(0) + 1).min(MAX_SEGMENTS)
    }

    /// The table is a number and one more for each segment, filled up to whole words.
    fn table_bytes(&self) -> usize {
        match self.table.len() {
            0..4 => 4,
            _ => (4 + 4 * self.segments()).next_multiple_of(8),
        }
    }

    fn segment_bytes(&self) -> usize {
        (1..=self.segments())
            .map(|index| self.number(index) * 8)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        let one = [&[0, 0, 0, 0, 1, 0, 0, 0][..], &[7; 8]].concat();
        let three = [
            &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0][..],
            &[7; 24],
        ]
        .concat();
        let all = [&one[..], &three, &one].concat();
        for step in 1..all.len() {
            let mut framing = Framing::default();
            let mut whole = Vec::new();
            for bytes in all.chunks(step) {
                whole.extend(framing.take(bytes));
            }
            assert_eq!(whole.last(), Some(&16), "in steps of {step}");
            assert!(step > 8 || whole == [16, 40, 16], "in steps of {step}");
            assert!(!framing.is_within());
            framing.take(&one[..9]);
            assert!(framing.is_within());
        }
    }
}
