//! An accepted connection that two look at: hyper reads and writes it, the server waits beside it for its client to go.
//!
//! `accept` makes these, and `boot` of connections that other processes pass. A half-closed connection is not read while its request is handled, so that hyper alone would see
//! a client that goes away only when it writes.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, SockRef};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::http::server::Peer;
use crate::http::{Queues, files};
use crate::service::websocket::ByteStream;

/// See the module. Shared by `Arc` because hyper wants streams that may change threads; ours never do.
#[derive(Clone)]
pub struct Accepted(Arc<Socket>);

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($accepted:expr, $stream:ident => $call:expr) => {
        match &*$accepted.0 {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

impl Accepted {
    pub fn tcp(stream: TcpStream) -> Result<Self> {
        // Answers are written whole: waiting for more would only delay them.
        stream.set_nodelay(true)?;
        Ok(Self(Arc::new(Socket::Tcp(stream))))
    }

    pub fn unix(stream: UnixStream) -> Self {
        Self(Arc::new(Socket::Unix(stream)))
    }

    /// A connected socket that another process has accepted.
    pub fn passed(socket: OwnedFd) -> Result<Self> {
        let unix = SockRef::from(&socket).domain()? == Domain::UNIX;
        Ok(if unix {
            Self::unix(UnixStream::from_std(socket.into())?)
        } else {
            Self(Arc::new(Socket::Tcp(TcpStream::from_std(socket.into())?)))
        })
    }

    /// Who the client is, as JSON in workerd's words: the address of its end, or its process and user.
    pub fn client(&self) -> Option<String> {
        match &*self.0 {
            Socket::Tcp(stream) => {
                let address = stream.peer_addr().ok()?;
                Some(format!("{{\"clientIp\":\"{address}\"}}"))
            }
            Socket::Unix(stream) => {
                let peer = stream.peer_cred().ok()?;
                let pid = peer.pid().map(|pid| format!("\"clientPid\":{pid},"));
                Some(format!(
                    "{{{}\"clientUid\":{}}}",
                    pid.unwrap_or_default(),
                    peer.uid()
                ))
            }
        }
    }

    /// The address of the client's end, if it has one.
    pub fn peer(&self) -> Option<String> {
        match &*self.0 {
            Socket::Tcp(stream) => Some(stream.peer_addr().ok()?.to_string()),
            Socket::Unix(_) => None,
        }
    }
}

impl Peer for Accepted {
    /// Waits until the client can be told nothing any more: it has reset the connection, or closed a Unix socket.
    /// A client that has only closed its own side still listens.
    async fn gone(self) {
        let waited = match &*self.0 {
            Socket::Tcp(stream) => stream.ready(Interest::ERROR).await.map(drop),
            Socket::Unix(stream) => unix_gone(stream).await,
        };
        if waited.is_err() {
            // The event loop is shutting down, and ends this task with all others.
            std::future::pending::<()>().await;
        }
    }

    fn queues(&self) -> Option<Box<dyn Queues>> {
        // The connection closes when its last stream goes, not when the last that counts does.
        Some(Box::new(Arc::downgrade(&self.0)))
    }

    fn abandon(&self) {
        if let Socket::Tcp(stream) = &*self.0 {
            // Then closing is a reset. What cannot be set closes as others do.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsFd for Accepted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, stream => stream.as_fd())
    }
}

impl Queues for Weak<Socket> {
    fn unsent(&self) -> usize {
        let socket = self.upgrade();
        socket.map_or(0, |socket| {
            queued_bytes(Accepted(socket).as_fd(), Queue::Unsent)
        })
    }

    fn unread(&self) -> usize {
        let socket = self.upgrade();
        socket.map_or(0, |socket| {
            queued_bytes(Accepted(socket).as_fd(), Queue::Unread)
        })
    }
}

/// What the kernel has of a socket.
enum Queue {
    /// What was written and the other end's kernel has not acknowledged, or, of a Unix socket, its process has not read.
    Unsent,
    /// What has come and was not read.
    Unread,
}

#[allow(unsafe_code)]
fn queued_bytes(socket: BorrowedFd<'_>, queue: Queue) -> usize {
    let mut bytes: libc::c_int = 0;
    let request = match queue {
        // SIOCOUTQ and SIOCINQ by their other names.
        Queue::Unsent => libc::TIOCOUTQ,
        Queue::Unread => libc::FIONREAD,
    };
    // SAFETY: the descriptor is open, and both requests write one `int`.
    let told = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut bytes) };
    match told {
        0 => usize::try_from(bytes).unwrap_or(0),
        _ => 0,
    }
}

/// `Interest::PRIORITY` is told of a closed reading side, `Interest::WRITABLE` of a closed writing side.
async fn unix_gone(stream: &UnixStream) -> Result<()> {
    if stream
        .ready(Interest::ERROR | Interest::PRIORITY)
        .await?
        .is_error()
        || stream.ready(Interest::WRITABLE).await?.is_write_closed()
    {
        return Ok(());
    }
    stream.ready(Interest::ERROR).await.map(drop)
}

/// Nothing more is there, says a system call that did less than was asked: the next one waits for the event loop.
fn exhausted() -> Result<()> {
    Err(ErrorKind::WouldBlock.into())
}

fn blocks(error: &Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

impl AsyncRead for Accepted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        either!(self, stream => loop {
            ready!(stream.poll_read_ready(cx))?;
            let asked = buffer.remaining();
            match stream.try_read_buf(buffer) {
                Err(error) if blocks(&error) => {}
                Ok(count) => {
                    if count > 0 && count < asked {
                        let _ = stream.try_io(Interest::READABLE, exhausted);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        })
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let has_part = files::has_part(slices);
        either!(self, stream => loop {
            ready!(stream.poll_write_ready(cx))?;
            let written = match has_part {
                false => stream.try_write_vectored(slices),
                true => stream.try_io(Interest::WRITABLE, || files::write(stream, slices)),
            };
            match written {
                Err(error) if blocks(&error) => {}
                written => return Poll::Ready(written),
            }
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(either!(self, stream => SockRef::from(stream).shutdown(Shutdown::Write)))
    }
}

impl ByteStream for Accepted {
    fn into_socket(self: Box<Self>) -> std::result::Result<OwnedFd, Box<dyn ByteStream>> {
        // The server, which waits for the client to go, lets go of its share a little later.
        either!(self, stream => stream.as_fd().try_clone_to_owned()).map_err(|_| self as _)
    }

    fn sends_files() -> bool {
        true
    }
}
