//! Which certificate of a server a client takes: one that a trusted authority vouches for, or one that the config itself lists.
//!
//! Called by `tls`. A self-signed certificate says of itself that it is an authority where `openssl req -x509` made it. Such a one
//! cannot be a server's by RFC 5280 and webpki, but as OpenSSL has it, whoever lists it trusts it, byte for byte. Its
//! time, purposes and names are checked all the same.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::der::{Constraints, Purpose};

/// See the module.
#[derive(Debug)]
pub struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// `listed` are those of the authorities that may be a server's own.
    ///
    /// # Errors
    /// There is no authority at all.
    pub fn new(
        authorities: Arc<RootCertStore>,
        listed: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let authorities = WebPkiServerVerifier::builder_with_provider(authorities, provider);
        Ok(Self {
            authorities: authorities.build().map_err(|error| error.to_string())?,
            listed,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let vouched_for = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            name,
            ocsp_response,
            now,
        );
        if vouched_for.is_ok() || !self.listed.contains(end_entity) {
            return vouched_for;
        }
        match Constraints::read(end_entity) {
            // Any other is vouched for, or not, by the one that issued it.
            Some(constraints) if constraints.own_authority => {
                verify_listed(end_entity, &constraints, name, now)
            }
            _ => vouched_for,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

fn verify_listed(
    certificate: &CertificateDer<'_>,
    constraints: &Constraints,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    // This also refuses versions before 3 and critical extensions that nobody knows.
    let parsed = ParsedCertificate::try_from(certificate)?;
    let (not_before, not_after) = (constraints.not_before, constraints.not_after);
    if now.as_secs() < not_before {
        let not_before = UnixTime::since_unix_epoch(Duration::from_secs(not_before));
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before,
        }
        .into());
    }
    if now.as_secs() > not_after {
        let not_after = UnixTime::since_unix_epoch(Duration::from_secs(not_after));
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after,
        }
        .into());
    }
    if constraints.purpose == Purpose::Other {
        return Err(CertificateError::InvalidPurpose.into());
    }
    verify_server_name(&parsed, name)?;
    Ok(ServerCertVerified::assertion())
}
