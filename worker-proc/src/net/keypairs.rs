//! The keys and certificates of a config's keypair, and which of them a client is shown.
//!
//! The schema has one keypair for a socket. Its texts may hold several: the certificate of each key begins its chain. Whoever
//! reads the schema as it was, takes the first key and sees a chain that has more than it needs.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// Private keys, and certificates with those that vouch for them; PEM.
#[derive(Clone, Copy, Debug)]
pub struct Keypair {
    pub private_key: &'static str,
    pub certificate_chain: &'static str,
}

/// An error of the config's options.
pub fn complain(error: impl std::fmt::Display) -> String {
    format!("TLS configuration: {error}")
}

/// At least one.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(complain)?;
    if all.is_empty() {
        return Err(complain("no PEM certificate found"));
    }
    Ok(all)
}

/// At least one: each key with its chain, in the order of the certificates.
///
/// # Errors
/// What is wrong with the texts.
pub fn read(keypair: &Keypair, provider: &CryptoProvider) -> Result<Vec<CertifiedKey>, String> {
    let chain = certificates(keypair.certificate_chain)?;
    let pem = keypair.private_key.as_bytes();
    let first = PrivateKeyDer::from_pem_slice(pem).map_err(complain)?;
    let keys: Vec<_> = PrivateKeyDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(complain)?;
    if keys.len() == 1 {
        let only = CertifiedKey::from_der(chain, first, provider).map_err(complain)?;
        return Ok(vec![only]);
    }
    let load = |key| provider.key_provider.load_private_key(key);
    let keys = keys.into_iter().map(load).collect::<Result<Vec<_>, _>>();
    let mut keys = keys.map_err(complain)?;
    let mut all: Vec<CertifiedKey> = Vec::new();
    for certificate in chain {
        let parsed = ParsedCertificate::try_from(&certificate).map_err(complain)?;
        let public = parsed.subject_public_key_info();
        let own = keys
            .iter()
            .position(|key| key.public_key().as_ref() == Some(&public));
        match (own, all.last_mut()) {
            (Some(own), _) => all.push(CertifiedKey::new(vec![certificate], keys.remove(own))),
            (None, Some(last)) => last.cert.push(certificate),
            (None, None) => {
                return Err(complain(
                    "the first certificate is of none of the private keys",
                ));
            }
        }
    }
    match keys.len() {
        0 => Ok(all),
        count => Err(complain(format_args!(
            "{count} of the private keys have no certificate"
        ))),
    }
}

/// Shows a client the first certificate for the name that it asks for (RFC 6066 section 3), of those whose signatures it can check;
/// one that asks for none of them is shown the first.
#[derive(Debug)]
pub struct ByName(Vec<Arc<CertifiedKey>>);

impl ByName {
    pub fn new(keys: Vec<CertifiedKey>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let mut fitting = (self.0.iter()).filter(|key| key.key.choose_scheme(schemes).is_some());
        let name = hello.server_name();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| fitting.clone().find(|key| is_for(key, &name)));
        named.or_else(|| fitting.next()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.end_entity_cert();
    let parsed = certificate.and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}
