//! Certificates and SPKAC for `node:crypto`; undefined is what a certificate lacks, or libcrypto's refusal.

use std::rc::Rc;

use libcrypto::certificate::{Certificate, Comparing, Identity, Party};
use libcrypto::key::Key;
use libcrypto::spkac::Request;

use super::keys::known;
use super::pem::{self, Block};
use crate::api::web::encoding::decode_base64;
use crate::glue::{IntoJs, JsError, List, Maybe, Ops, native_object, op};

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        read_certificate,
        certificate_text,
        certificate_name,
        certificate_usage,
        certificate_der,
        certificate_key,
        is_authority,
        certificate_names,
        is_issued_by,
        fits_private_key,
        is_signed_by,
        spkac_part,
        is_spkac_signed,
    ]);
}

/// Labels of a certificate in PEM.
const LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// Whitespace that may be after SPKAC.
const SPACE: &[char] = &[' ', '\n', '\r', '\t'];

/// Names that a certificate cannot be asked about.
#[derive(JsError)]
enum Error {
    #[error("Invalid name")]
    Name,
    #[error("Invalid IP")]
    Address,
}

impl<'s> IntoJs<'s> for Certificate {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, self).into()
    }
}

/// `readCertificate(bytes)`: a native certificate, of PEM or DER.
#[op]
fn read_certificate(bytes: &[u8]) -> Maybe<Certificate> {
    let block = Block::find(bytes, |label| LABELS.contains(&label));
    let of_pem = block.and_then(|block| Certificate::parse(&block.bytes).ok());
    Maybe(of_pem.or_else(|| Certificate::parse(bytes).ok()))
}

fn party(is_issuer: bool) -> Party {
    if is_issuer {
        Party::Issuer
    } else {
        Party::Subject
    }
}

/// `certificateText(certificate, what)`: one of its properties as Node shows it.
#[op]
fn certificate_text(certificate: Rc<Certificate>, what: &str) -> Maybe<String> {
    Maybe(match what {
        "subject" => certificate.name(Party::Subject).ok(),
        "issuer" => certificate.name(Party::Issuer).ok(),
        "subjectAltName" => certificate.subject_alt_name(),
        "infoAccess" => certificate.info_access(),
        "validFrom" => certificate.valid_from().ok(),
        "validTo" => certificate.valid_to().ok(),
        "serialNumber" => certificate.serial_number().ok(),
        _ => Some(pem::block("CERTIFICATE", "", certificate.der())),
    })
}

/// `certificateName(certificate, isIssuer)`: names and texts of its parts, by turns.
#[op]
fn certificate_name(certificate: Rc<Certificate>, issuer: bool) -> Maybe<List<String>> {
    let parts = certificate.name_parts(party(issuer)).ok();
    Maybe(parts.map(|parts| List(parts.into_iter().flat_map(<[String; 2]>::from).collect())))
}

/// `certificateUsage(certificate)`: identifiers of what the key is for.
#[op]
fn certificate_usage(certificate: Rc<Certificate>) -> Maybe<List<String>> {
    Maybe(certificate.key_usage().map(List))
}

/// `certificateDer(certificate)`.
#[op]
fn certificate_der(certificate: Rc<Certificate>) -> Vec<u8> {
    certificate.der().to_vec()
}

/// `certificateKey(certificate)`: the native public key.
#[op]
fn certificate_key(certificate: Rc<Certificate>) -> Maybe<Key> {
    Maybe(certificate.public_key().ok().and_then(known))
}

/// `isAuthority(certificate)`: whether it may sign others.
#[op]
fn is_authority(certificate: Rc<Certificate>) -> bool {
    certificate.is_authority()
}

/// `certificateNames(certificate, identity, name, wildcards, subject)`: the name that fits.
#[op]
fn certificate_names(
    certificate: Rc<Certificate>,
    identity: &str,
    name: &str,
    wildcards: bool,
    subject: bool,
) -> Result<Maybe<String>, Error> {
    let (identity, error) = match identity {
        "host" => (Identity::Host, Error::Name),
        "email" => (Identity::Email, Error::Name),
        _ => (Identity::Address, Error::Address),
    };
    let comparing = Comparing { wildcards, subject };
    let found = certificate.names(identity, name, comparing);
    found.map(Maybe).map_err(|_| error)
}

/// `isIssuedBy(certificate, issuer)`.
#[op]
fn is_issued_by(certificate: Rc<Certificate>, issuer: Rc<Certificate>) -> bool {
    certificate.is_issued_by(&issuer) == Ok(true)
}

/// `fitsPrivateKey(certificate, key)`.
#[op]
fn fits_private_key(certificate: Rc<Certificate>, key: Rc<Key>) -> bool {
    certificate.fits(&key)
}

/// `isSignedBy(certificate, key)`.
#[op]
fn is_signed_by(certificate: Rc<Certificate>, key: Rc<Key>) -> bool {
    certificate.is_signed_by(&key)
}

fn request(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_end_matches(SPACE);
    let der = decode_base64(text.as_bytes()).filter(|_| !text.contains(SPACE))?;
    Request::parse(&der).ok()
}

/// `spkacPart(bytes, isKey)`: the public key in PEM, or the challenge.
#[op]
fn spkac_part(bytes: &[u8], is_key: bool) -> Maybe<Vec<u8>> {
    let part = |request: Request| {
        if !is_key {
            return Some(request.challenge);
        }
        let der = request.key.to_spki().ok()?;
        Some(pem::block("PUBLIC KEY", "", &der).into_bytes())
    };
    Maybe(request(bytes).and_then(part))
}

/// `isSpkacSigned(bytes)`.
#[op]
fn is_spkac_signed(bytes: &[u8]) -> bool {
    request(bytes).is_some_and(|request| request.is_signed())
}
