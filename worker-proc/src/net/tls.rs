//! TLS on either side of a connection, as the config's `TlsOptions` say. rustls ends here.
//!
//! `boot` reads the options and makes a [`Server`] for a socket; `outbound` makes a [`Client`] for a service.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::ciphers;
use super::keypairs::{self, ByName, Keypair, certificates, complain};
use super::tickets::{Secret, Tickets};
use super::trust::Verifier;
use crate::service::Error;
use crate::service::websocket::ByteStream;

/// The protocol of HTTP/2.
pub const HTTP2: &[u8] = b"h2";

/// What a server lets its clients choose from and a client offers, the favourite first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// The config's `TlsOptions`. Keys and certificates are PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsSpec {
    /// A server may have several in one.
    pub keypair: Option<Keypair>,
    /// For a server: refuse clients without a certificate that is trusted.
    pub require_client_certs: bool,
    pub trust_browser_cas: bool,
    pub trusted: Vec<&'static str>,
    pub oldest: Oldest,
    /// The ciphers of TLS 1.2, as [`ciphers`] reads them.
    pub ciphers: Option<&'static str>,
}

/// The oldest version to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oldest {
    /// There is none older than 1.2.
    Older,
    #[default]
    Tls1_2,
    Tls1_3,
}

/// The server's side.
#[derive(Clone)]
pub struct Server(TlsAcceptor);

impl Server {
    /// Sessions are resumed by all servers of the same options and secret.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn new(spec: &TlsSpec, secret: Secret) -> Result<Self, String> {
        let provider = provider(spec)?;
        let Some(keypair) = &spec.keypair else {
            return Err(complain("a TLS listener needs a keypair"));
        };
        let keys = ByName::new(keypairs::read(keypair, &provider)?);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(spec)?)
            .map_err(complain)?;
        let builder = if spec.require_client_certs {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(spec)?, provider);
            builder.with_client_cert_verifier(verifier.build().map_err(complain)?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(keys));
        config.ticketer = Arc::new(Tickets::new(secret, &format!("{spec:?}")));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake.
    pub fn accept<I: AsyncRead + AsyncWrite + Unpin + 'static>(
        &self,
        io: I,
    ) -> impl Future<Output = io::Result<Accepted<I>>> + 'static {
        let accept = self.0.accept(io);
        async {
            accept
                .await
                .map(Accepted)
                .map_err(|error| io::Error::other(failed(&error)))
        }
    }
}

/// A connection whose handshake is done, as a stream of bytes.
pub struct Accepted<I>(server::TlsStream<I>);

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Accepted<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Accepted<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin + 'static> ByteStream for Accepted<I> {
    fn into_socket(self: Box<Self>) -> Result<OwnedFd, Box<dyn ByteStream>> {
        Err(self)
    }
}

/// The client's side.
#[derive(Clone)]
pub struct Client(Arc<ClientConfig>);

impl Client {
    /// # Errors
    /// What is wrong with the options.
    pub fn new(spec: &TlsSpec) -> Result<Self, String> {
        let (provider, roots, listed) = (provider(spec)?, roots(spec)?, listed(spec)?);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(spec)?)
            .map_err(complain)?;
        let builder = if listed.is_empty() {
            builder.with_root_certificates(roots)
        } else {
            let verifier = Verifier::new(roots, listed, provider.clone()).map_err(complain)?;
            let builder = builder.dangerous();
            builder.with_custom_certificate_verifier(Arc::new(verifier))
        };
        let config = match &spec.keypair {
            Some(keypair) => {
                let mut keys = keypairs::read(keypair, &provider)?;
                let (Some(key), true) = (keys.pop(), keys.is_empty()) else {
                    return Err(complain("a client has one keypair"));
                };
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }

    /// The same for HTTP, whose versions the server may choose from.
    pub fn for_http(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Self(Arc::new(config))
    }

    /// The handshake with a server whose certificate must be for `host`.
    pub async fn connect<I: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: I,
        host: &str,
    ) -> Result<client::TlsStream<I>, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            crate::http::concealed(format!("\"{host}\" cannot be the name of a TLS server"))
        })?;
        let connected = TlsConnector::from(self.0.clone()).connect(name, io).await;
        connected.map_err(|error| crate::http::concealed(failed(&error)))
    }
}

fn failed(error: &io::Error) -> String {
    format!("TLS handshake failed: {error}")
}

/// Those that the config lists.
fn listed(spec: &TlsSpec) -> Result<Vec<CertificateDer<'static>>, String> {
    let lists = spec.trusted.iter().map(|pem| certificates(pem));
    Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
}

fn roots(spec: &TlsSpec) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    if spec.trust_browser_cas {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for certificate in listed(spec)? {
        roots.add(certificate).map_err(complain)?;
    }
    Ok(Arc::new(roots))
}

fn versions(spec: &TlsSpec) -> Result<&'static [&'static SupportedProtocolVersion], String> {
    static ONLY_1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match spec.oldest {
        Oldest::Older => Err(complain(
            "minVersion: no version older than TLS 1.2 (tls1Dot2) can be spoken",
        )),
        Oldest::Tls1_2 => Ok(rustls::ALL_VERSIONS),
        Oldest::Tls1_3 => Ok(&ONLY_1_3),
    }
}

fn provider(spec: &TlsSpec) -> Result<Arc<CryptoProvider>, String> {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(list) = spec.ciphers {
        let permitted = ciphers::permitted(list).map_err(complain)?;
        provider.cipher_suites.retain(|suite| {
            suite.version() == &version::TLS13 || permitted.contains(&suite.suite())
        });
    }
    Ok(Arc::new(provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_are_permitted_by_name() {
        let suites = |ciphers| {
            let spec = TlsSpec {
                ciphers,
                ..TlsSpec::default()
            };
            provider(&spec).map(|provider| provider.cipher_suites.len())
        };
        let all = suites(None).unwrap();
        assert_eq!(suites(Some("HIGH:!aNULL")), Ok(all));
        assert_eq!(
            suites(Some("ECDHE-RSA-AES128-GCM-SHA256:NONE")),
            Ok(all - 5)
        );
        assert!(suites(Some("NONE")).is_err());
    }

    #[test]
    fn bad_pem_is_told() {
        let server = |spec: &TlsSpec| Server::new(spec, Secret::of(None)).err();
        let message = |text: &str| Some(format!("TLS configuration: {text}"));
        assert_eq!(
            server(&TlsSpec::default()),
            message("a TLS listener needs a keypair")
        );
        let keypair = Some(Keypair {
            private_key: "x",
            certificate_chain: "y",
        });
        let spec = TlsSpec {
            keypair,
            ..TlsSpec::default()
        };
        assert_eq!(server(&spec), message("no PEM certificate found"));
        let spec = TlsSpec {
            trusted: vec!["x"],
            ..TlsSpec::default()
        };
        assert_eq!(
            Client::new(&spec).err(),
            message("no PEM certificate found")
        );
    }
}
