//! A client's stream as hyper reads and writes it: the sweep learns of bytes, refusals say why, and an end is waited for,
//! by hyper where it shuts the stream down, and through [`Left`] where it only lets go of it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::sweep::Connection;

/// After its last answer a connection waits this long for its client to have read it and close.
const LINGER: Duration = Duration::from_secs(1);

/// What a client may still send in that time before it is cut off.
const MAX_DISCARDED_BYTES: usize = 8 << 20;

/// A client's stream.
pub struct Watched<I> {
    /// Absent when it has been taken for something else.
    io: Option<I>,
    left: Left<I>,
    connection: Arc<Connection>,
    linger: Option<Pin<Box<tokio::time::Sleep>>>,
    discarded_bytes: usize,
    /// What is written of a refusal with a text, in place of hyper's.
    refusal: Option<(&'static [u8], usize)>,
}

/// The end of a refusal of hyper's.
const REFUSAL_END: &[u8] = b"Content-Length: 0\r\n\r\n";

/// Whether what a worker sends may be the end of what looks like a refusal of hyper's.
pub fn may_end_as_refusal(sent: &[u8]) -> bool {
    sent.last() == REFUSAL_END.last()
}

/// How hyper refuses a request that it cannot read, and the line of text that it lacks.
const REFUSALS: [(&[u8], &[u8]); 3] = [
    (
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 42\r\n\r\n\
          Bad Request: this is not an HTTP request.\n",
    ),
    (
        b"HTTP/1.1 414 URI Too Long\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 414 URI Too Long\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 38\r\n\r\n\
          URI Too Long: the target is too long.\n",
    ),
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 56\r\n\r\n\
          Request Header Fields Too Large: send fewer or shorter.\n",
    ),
];

/// Where a stream is found that hyper has let go of, as it does on an error, with an answer perhaps still on its way.
pub struct Left<I>(Arc<Mutex<Option<I>>>);

impl<I> Clone for Left<I> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Left<I> {
    /// Ends the stream as hyper does otherwise; at once where nothing was left.
    pub async fn end(self, connection: &Arc<Connection>) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(io) = left {
            // An error is the client's, who has gone.
            let _ = Watched::new(io, connection.clone()).shutdown().await;
        }
    }
}

impl<I> Drop for Watched<I> {
    fn drop(&mut self) {
        *self.left.0.lock().unwrap_or_else(PoisonError::into_inner) = self.io.take();
    }
}

impl<I> Watched<I> {
    pub fn new(io: I, connection: Arc<Connection>) -> Self {
        Self {
            io: Some(io),
            left: Left(Arc::default()),
            connection,
            linger: None,
            discarded_bytes: 0,
            refusal: None,
        }
    }

    /// Where the stream will be when this has been dropped.
    pub fn left(&self) -> Left<I> {
        self.left.clone()
    }

    pub fn into_inner(mut self) -> Option<I> {
        self.io.take()
    }

    /// The refusal with a text for what hyper is about to write, after so many other bytes.
    fn refusal_in(&self, bytes: &[u8]) -> Option<(usize, &'static [u8])> {
        // Most writes are something else; what an answer ends with must not be taken for one.
        if !bytes.ends_with(REFUSAL_END) || self.connection.answers_alike() {
            return None;
        }
        let (bare, text) = REFUSALS.iter().find(|(bare, _)| bytes.ends_with(bare))?;
        Some((bytes.len() - bare.len(), text))
    }
}

impl<I: Unpin> Watched<I> {
    fn io(&mut self) -> io::Result<Pin<&mut I>> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        self.io.as_mut().map(Pin::new).ok_or_else(gone)
    }
}

impl<I: AsyncWrite + Unpin> Watched<I> {
    /// Writes the refusal that has a text in the place of one that has none; pending until all of it is written.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((text, written)) = self.refusal {
            match ready!(self.io()?.poll_write(cx, &text[written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count if written + count == text.len() => self.refusal = None,
                count => self.refusal = Some((text, written + count)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> Watched<I> {
    /// Reads and drops what the client still sends. A socket that closes with bytes unread is reset, and the reset can
    /// overtake the last answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut storage = [0; 16 << 10];
        while self.discarded_bytes < MAX_DISCARDED_BYTES {
            let mut buffer = ReadBuf::new(&mut storage);
            match self.io()?.poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded_bytes += buffer.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let linger = || Box::pin(tokio::time::sleep(LINGER));
                    let linger = self.linger.get_or_insert_with(linger);
                    return linger.as_mut().poll(cx).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.io()?.poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.connection.received(bytes);
        }
        polled
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.refusal_in(bytes) {
            None => {
                let written = ready!(self.io()?.poll_write(cx, bytes))?;
                self.connection.sent(written);
                Poll::Ready(Ok(written))
            }
            Some((0, text)) => {
                if self.refusal.is_none() {
                    self.refusal = Some((text, 0));
                    self.connection.has_refused(text == REFUSALS[2].1);
                }
                ready!(self.poll_refuse(cx))?;
                Poll::Ready(Ok(bytes.len()))
            }
            Some((before, _)) => {
                let written = ready!(self.io()?.poll_write(cx, &bytes[..before]))?;
                self.connection.sent(written);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.io()?.poll_shutdown(cx))?;
        self.poll_linger(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => self.poll_write(cx, one),
            _ => {
                let written = ready!(self.io()?.poll_write_vectored(cx, slices))?;
                self.connection.sent(written);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_the_length_of_their_text() {
        for (_, refusal) in REFUSALS {
            let text = std::str::from_utf8(refusal).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let told = head.rsplit_once("Content-Length: ").unwrap().1;
            assert_eq!(told.parse(), Ok(body.len()));
        }
    }
}
