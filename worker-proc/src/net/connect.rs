//! Opens byte streams to other machines: TCP or Unix, TLS on top where asked for.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{Address, Rules};
use crate::service::{Error, Kind};

/// From the first packet to an open connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// An open connection of any kind.
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    Loopback(DuplexStream),
}

/// Connects. `rules` decides which resolved addresses may be used; without it all may.
pub async fn connect(
    address: &Address,
    tls_host: Option<&str>,
    rules: Option<&Rules>,
) -> Result<Stream, Error> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connect_now(address, tls_host, rules)).await {
        Ok(connected) => connected,
        Err(_) => Err(Error::disconnected("Network connection timed out.")),
    }
}

async fn connect_now(
    address: &Address,
    tls_host: Option<&str>,
    rules: Option<&Rules>,
) -> Result<Stream, Error> {
    let lost =
        |error: std::io::Error| Error::disconnected(format!("Network connection lost: {error}"));
    let (host, port) = match address {
        Address::Unix(path) => {
            return UnixStream::connect(path)
                .await
                .map(Stream::Unix)
                .map_err(lost);
        }
        Address::UnixAbstract(name) => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name).map_err(lost)?;
            let stream = std::os::unix::net::UnixStream::connect_addr(&address).map_err(lost)?;
            stream.set_nonblocking(true).map_err(lost)?;
            return UnixStream::from_std(stream).map(Stream::Unix).map_err(lost);
        }
        Address::Loopback(name) => return super::loopback::connect(name).map(Stream::Loopback),
        Address::Tcp { host, port } => (host, *port),
    };
    let found: Vec<_> = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|error| Error::disconnected(format!("DNS lookup failed: {host}: {error}")))?
        .collect();
    let allowed: Vec<_> = found
        .iter()
        .filter(|address| rules.is_none_or(|rules| rules.allows(address)))
        .copied()
        .collect();
    if allowed.is_empty() {
        return Err(Error::new(
            Kind::Internal,
            "connect() blocked by restrictPeers()",
        ));
    }
    let mut last = None;
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(lost)?;
                return match tls_host {
                    None => Ok(Stream::Tcp(stream)),
                    Some(host) => tls(stream, host).await,
                };
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| Error::disconnected("Network connection lost."), lost))
}

async fn tls(stream: TcpStream, host: &str) -> Result<Stream, Error> {
    let name = rustls_pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| Error::internal(format!("\"{host}\" cannot be the name of a TLS server")))?;
    TlsConnector::from(client_config())
        .connect(name, stream)
        .await
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| {
            Error::disconnected(format!("TLS peer's certificate is not trusted; {error}"))
        })
}

/// Trusts the certificate authorities that browsers trust.
fn client_config() -> Arc<rustls::ClientConfig> {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("the provider supports the default versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
            Arc::new(config)
        })
        .clone()
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

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
