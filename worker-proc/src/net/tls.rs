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
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

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
    pub keypair: Option<Keypair>,
    /// For a server: refuse clients without a certificate that is trusted.
    pub require_client_certs: bool,
    pub trust_browser_cas: bool,
    pub trusted: Vec<&'static str>,
    /// Speak TLS 1.3 alone; without it 1.2, too. There are no older ones.
    pub only_1_3: bool,
    /// The ciphers of TLS 1.2 by OpenSSL's names, with colons between. Those of 1.3 are not for choice, as in OpenSSL.
    pub ciphers: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub struct Keypair {
    pub private_key: &'static str,
    pub certificate_chain: &'static str,
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
        let (chain, key) = match &spec.keypair {
            Some(keypair) => load(keypair)?,
            None => return Err("TLS configuration: a TLS listener needs a keypair".to_owned()),
        };
        let provider = provider(spec);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(spec))
            .map_err(complain)?;
        let builder = if spec.require_client_certs {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(spec)?, provider);
            builder.with_client_cert_verifier(verifier.build().map_err(complain)?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(chain, key).map_err(complain)?;
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
        let (provider, roots, listed) = (provider(spec), roots(spec)?, listed(spec)?);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions(spec))
            .map_err(complain)?;
        let builder = if listed.is_empty() {
            builder.with_root_certificates(roots)
        } else {
            let verifier = Verifier::new(roots, listed, provider).map_err(complain)?;
            let builder = builder.dangerous();
            builder.with_custom_certificate_verifier(Arc::new(verifier))
        };
        let config = match &spec.keypair {
            Some(keypair) => {
                let (chain, key) = load(keypair)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(complain)?
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

fn complain(error: impl std::fmt::Display) -> String {
    format!("TLS configuration: {error}")
}

fn failed(error: &io::Error) -> String {
    format!("TLS handshake failed: {error}")
}

fn load(
    keypair: &Keypair,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(keypair.certificate_chain)?;
    let key = PrivateKeyDer::from_pem_slice(keypair.private_key.as_bytes()).map_err(complain)?;
    Ok((chain, key))
}

/// At least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(complain)?;
    if all.is_empty() {
        return Err(complain("no PEM certificate found"));
    }
    Ok(all)
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

fn versions(spec: &TlsSpec) -> &'static [&'static SupportedProtocolVersion] {
    static ONLY_1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    if spec.only_1_3 {
        &ONLY_1_3
    } else {
        rustls::ALL_VERSIONS
    }
}

fn provider(spec: &TlsSpec) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(list) = spec.ciphers {
        let named = |suite: &rustls::SupportedCipherSuite| {
            openssl_name(suite.suite())
                .is_none_or(|name| list.split([':', ',', ' ']).any(|item| item == name))
        };
        // A list of nothing that is known here, such as `HIGH`, leaves the choice to this program.
        let chosen: Vec<_> = provider
            .cipher_suites
            .iter()
            .copied()
            .filter(named)
            .collect();
        if chosen
            .iter()
            .any(|suite| openssl_name(suite.suite()).is_some())
        {
            provider.cipher_suites = chosen;
        }
    }
    Arc::new(provider)
}

/// The name of a suite of TLS 1.2.
fn openssl_name(suite: rustls::CipherSuite) -> Option<&'static str> {
    use rustls::CipherSuite::*;
    Some(match suite {
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suites(ciphers: &'static str) -> usize {
        let spec = TlsSpec {
            ciphers: Some(ciphers),
            ..TlsSpec::default()
        };
        provider(&spec).cipher_suites.len()
    }

    #[test]
    fn a_cipher_list_names_suites_of_1_2() {
        let all = suites("");
        assert_eq!(suites("HIGH:!aNULL"), all);
        assert_eq!(suites("ECDHE-RSA-AES128-GCM-SHA256:NONE"), all - 5);
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
