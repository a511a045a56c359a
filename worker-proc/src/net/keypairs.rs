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

use super::tls::{Keypair, certificates, complain};

/// At least one: each key with its chain, in the order of the certificates.
pub fn read(keypair: &Keypair, provider: &CryptoProvider) -> Result<Vec<CertifiedKey>, String> {
    let mut chain = certificates(keypair.certificate_chain)?;
    let pem = keypair.private_key.as_bytes();
    let load = |key| provider.key_provider.load_private_key(key).map_err(complain);
    let keys: Vec<_> = PrivateKeyDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(complain)?;
    if keys.len() < 2 {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(complain)?;
        let key = CertifiedKey::new(std::mem::take(&mut chain), load(key)?);
        key.keys_match().or_else(unknown_is_fine).map_err(complain)?;
        return Ok(vec![key]);
    }
    let mut keys = keys.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let mut all: Vec<CertifiedKey> = Vec::new();
    for certificate in chain {
        let parsed = ParsedCertificate::try_from(&certificate).map_err(complain)?;
        let public = parsed.subject_public_key_info();
        let own = keys.iter().position(|key| key.public_key().as_ref() == Some(&public));
        match (own, all.last_mut()) {
            (Some(own), _) => {
                all.push(CertifiedKey::new(vec![certificate], keys.remove(own)));
            }
            (None, Some(last)) => last.cert.push(certificate),
            (None, None) => {
                return Err(complain("the first certificate is of none of the private keys"));
            }
        }
    }
    match keys.len() {
        0 => Ok(all),
        count => Err(complain(format_args!("{count} private keys have no certificate"))),
    }
}
