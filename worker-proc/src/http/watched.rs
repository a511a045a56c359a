//! A client's stream as hyper reads and writes it: the sweep learns of bytes, refusals say why, and an end is waited for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::sweep::Connection;

/// After its last answer a connection waits this long for its client to have read it and close.
const LINGER: Duration = Duration::from_secs(1);

/// What a client may still send in that time before it is cut off.
const MAX_DISCARDED_BYTES: usize = 8 << 20;

/// A client's stream.
pub struct Watched<I> {
    io: I,
    connection: Arc<Connection>,
    linger: Option<Pin<Box<tokio::time::Sleep>>>,
    discarded_bytes: usize,
    /// What is written of a refusal with a text, in place of hyper's.
    refusal: Option<(&'static [u8], usize)>,
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

impl<I> Watched<I> {
    pub fn new(io: I, connection: Arc<Connection>) -> Self {
        Self {
            io,
            connection,
            linger: None,
            discarded_bytes: 0,
            refusal: None,
        }
    }

    pub fn into_inner(self) -> I {
        self.io
    }
}

impl<I: AsyncWrite + Unpin> Watched<I> {
    /// Writes the refusal that has a text in the place of one that has none; pending until all of it is written.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while let Some((text, written)) = &mut self.refusal {
            match std::task::ready!(Pin::new(&mut self.io).poll_write(cx, &text[*written..]))? {
                0 => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
            if *written == text.len() {
                self.refusal = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The refusal with a text for what hyper is about to write, after so many other bytes.
    fn refusal_in(&self, bytes: &[u8]) -> Option<(usize, &'static [u8])> {
        // Most writes are something else.
        if !bytes.ends_with(b"Content-Length: 0\r\n\r\n") || self.connection.answers_alike() {
            return None;
        }
        let (bare, text) = REFUSALS.iter().find(|(bare, _)| bytes.ends_with(bare))?;
        Some((bytes.len() - bare.len(), text))
    }
}

impl<I: AsyncRead + Unpin> Watched<I> {
    /// Reads and drops what the client still sends. A socket that closes with bytes unread is reset, and the reset can
    /// overtake the last answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut storage = [0; 16 << 10];
        while self.discarded_bytes < MAX_DISCARDED_BYTES {
            let mut buffer = ReadBuf::new(&mut storage);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded_bytes += buffer.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let linger = || Box::pin(tokio::time::sleep(LINGER));
                    return self.linger.get_or_insert_with(linger).as_mut().poll(cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.connection.received();
        }
        polled
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.refusal_in(bytes) {
            None => Pin::new(&mut self.io).poll_write(cx, bytes),
            Some((0, text)) => {
                self.refusal.get_or_insert((text, 0));
                std::task::ready!(self.poll_refuse(cx))?;
                Poll::Ready(Ok(bytes.len()))
            }
            Some((before, _)) => Pin::new(&mut self.io).poll_write(cx, &bytes[..before]),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        self.poll_linger(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match slices {
            [one] => self.poll_write(cx, one),
            _ => Pin::new(&mut self.io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
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
