//! SPKAC, the request for a certificate that browsers' `<keygen>` made: a public key and a challenge, signed.

use aws_lc_sys as lc;

use crate::asn1::{OBJECT_IDENTIFIER, SEQUENCE, read, take, value};
use crate::key::Key;
use crate::{Failed, ffi};

const IA5_STRING: u8 = 0x16;
/// Signatures over MD5, which FIPS does not allow.
const MD5_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";

/// A request, whether its signature is right or not.
pub struct Request {
    /// The key that it is for.
    pub key: Key,
    /// What the browser was given.
    pub challenge: Vec<u8>,
    der: Vec<u8>,
    is_allowed: bool,
}

impl Request {
    /// Of DER; what follows it is ignored.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn parse(der: &[u8]) -> Result<Self, Failed> {
        let mut rest = der;
        let mut request = take(&mut rest, SEQUENCE)?;
        let mut signed = take(&mut request, SEQUENCE)?;
        let mut algorithm = take(&mut request, SEQUENCE)?;
        let spki = value(SEQUENCE, &[take(&mut signed, SEQUENCE)?]);
        let challenge = take(&mut signed, IA5_STRING)?.to_vec();
        Ok(Self {
            key: Key::from_spki(&spki)?.0,
            challenge,
            der: der[..der.len() - rest.len()].to_vec(),
            is_allowed: take(&mut algorithm, OBJECT_IDENTIFIER)? != MD5_WITH_RSA,
        })
    }

    /// Whether the key has signed it, by a signature that FIPS allows.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let verify = || {
            let (mut request, _) = read(&self.der, lc::d2i_NETSCAPE_SPKI)?;
            let mut key = self.key.copy()?;
            crate::check(ffi::NETSCAPE_SPKI_verify(&mut request, &mut key))
        };
        self.is_allowed && verify().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused() {
        let part = value(SEQUENCE, &[b"\x30\x00"]);
        for der in [&b""[..], b"\x30\x00", b"\x30\x80", &part, &[0x30; 40]] {
            assert!(Request::parse(der).is_err());
        }
    }
}
