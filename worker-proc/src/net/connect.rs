//! Opens byte streams to other machines: TCP or Unix, TLS on top where asked for.

use std::io::{ErrorKind, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::address::Address;
use super::rules::Rules;
use super::tls;
use crate::http::{Version, lacked_descriptors};
use crate::service::websocket::ByteStream;
use crate::service::{Error, Unreachable};

/// From the first packet to an open connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// An open connection of any kind.
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<Stream>>),
    Loopback(DuplexStream),
}

impl Stream {
    /// The version of HTTP that has been agreed on.
    pub fn version(&self) -> Version {
        match self {
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2) => {
                Version::Http2
            }
            _ => Version::Http1,
        }
    }
}

/// Connects. `tls` has the host that the server's certificate must be for. `rules` decides which resolved addresses may
/// be used; without it all may.
pub async fn connect(
    address: &Address,
    tls: Option<(&tls::Client, &str)>,
    rules: Option<&Rules>,
) -> Result<Stream, Error> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
        let stream = plain(address, rules).await?;
        match tls {
            None => Ok(stream),
            Some((tls, host)) => Ok(Stream::Tls(Box::new(tls.connect(stream, host).await?))),
        }
    });
    match connected.await {
        Ok(connected) => connected,
        Err(_) => Err(Error::disconnected("Network connection timed out.")
            .unreachable(Some(Unreachable::TimedOut))),
    }
}

async fn plain(address: &Address, rules: Option<&Rules>) -> Result<Stream, Error> {
    let lost = |error: std::io::Error| Error::lost().unreachable(why(&error));
    let (host, port) = match address {
        Address::Unix(path) => {
            let opened = with_descriptor(|| UnixStream::connect(path)).await;
            return opened.map(Stream::Unix).map_err(lost);
        }
        Address::UnixAbstract(name) => {
            let opened = with_descriptor(|| std::future::ready(connect_abstract(name))).await;
            return opened.map(Stream::Unix).map_err(lost);
        }
        Address::Loopback(name) => return super::loopback::connect(name).map(Stream::Loopback),
        Address::Tcp { host, port } => (host, *port),
    };
    let found: Vec<_> = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|error| not_found(host, &error))?
        .collect();
    let allowed: Vec<_> = found
        .iter()
        .filter(|address| rules.is_none_or(|rules| rules.allows(address)))
        .copied()
        .collect();
    if allowed.is_empty() {
        return Err(crate::http::concealed(format!(
            "connecting to {host}:{port} is not allowed"
        )));
    }
    let mut last = None;
    for address in allowed {
        match with_descriptor(|| TcpStream::connect(address)).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(lost)?;
                return Ok(Stream::Tcp(stream));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(Error::lost, lost))
}

fn why(error: &std::io::Error) -> Option<Unreachable> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => Unreachable::Refused,
        ErrorKind::ConnectionReset => Unreachable::Reset,
        ErrorKind::TimedOut => Unreachable::TimedOut,
        ErrorKind::HostUnreachable => Unreachable::Host,
        ErrorKind::NetworkUnreachable => Unreachable::Network,
        _ => return None,
    })
}

fn not_found(host: &str, error: &std::io::Error) -> Error {
    let text = error.to_string();
    // The standard library keeps no code of `getaddrinfo`, only its text.
    let why = if text.ends_with("Temporary failure in name resolution") {
        Unreachable::NoNameServer
    } else {
        Unreachable::NoName
    };
    Error::disconnected(format!("DNS lookup failed: {host}: {text}")).unreachable(Some(why))
}

/// Opens a socket; where there are no descriptors left, once more after those of idle connections are given up.
async fn with_descriptor<T, F: Future<Output = std::io::Result<T>>>(
    open: impl Fn() -> F,
) -> std::io::Result<T> {
    let opened = open().await;
    match &opened {
        Err(error) if lacked_descriptors(error, "a connection cannot be opened").await => {
            open().await
        }
        _ => opened,
    }
}

fn connect_abstract(name: &str) -> std::io::Result<UnixStream> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

macro_rules! forward {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
            Stream::Tls($stream) => $call,
            Stream::Loopback($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        forward!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        forward!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl ByteStream for Stream {
    fn into_socket(self: Box<Self>) -> Result<OwnedFd, Box<dyn ByteStream>> {
        let socket = match &*self {
            Self::Tcp(stream) => stream.as_fd().try_clone_to_owned(),
            Self::Unix(stream) => stream.as_fd().try_clone_to_owned(),
            Self::Tls(_) | Self::Loopback(_) => return Err(self),
        };
        socket.map_err(|_| self as _)
    }
}
