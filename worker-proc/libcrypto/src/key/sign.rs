//! Signatures: made with private keys, checked with public ones.

use std::ptr::{from_ref, null, null_mut};

use aws_lc_sys as lc;

use super::{Curve, Key, ec};
use crate::digest::Digest;
use crate::object::Owned;
use crate::{Failed, check, output};

/// How a signature is made.
#[derive(Clone, Copy)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017).
    Pkcs1(Digest),
    /// RSASSA-PSS (RFC 8017), with one hash for message and mask.
    Pss {
        /// The hash.
        digest: Digest,
        /// The length of the salt.
        salt_bytes: i32,
    },
    /// ECDSA (FIPS 186-5).
    Ecdsa {
        /// The hash.
        digest: Digest,
        /// The curve of the key.
        curve: Curve,
    },
    /// The same, with r and s in DER.
    EcdsaDer(Digest),
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// The private operation of RSA alone, on a number as long as the modulus.
    RsaRaw,
}

impl Key {
    /// A context that signs or verifies by `scheme`.
    fn signer(&self, scheme: Scheme, sign: bool) -> Result<Owned<lc::EVP_MD_CTX>, Failed> {
        let table = match scheme {
            Scheme::Pkcs1(digest)
            | Scheme::EcdsaDer(digest)
            | Scheme::Pss { digest, .. }
            | Scheme::Ecdsa { digest, .. } => from_ref(digest.table()),
            Scheme::Ed25519 | Scheme::RsaRaw => null(),
        };
        let init = if sign {
            lc::EVP_DigestSignInit
        } else {
            lc::EVP_DigestVerifyInit
        };
        // SAFETY: a new context is ours, and owns the key's context that it lends.
        unsafe {
            let context = Owned::new(lc::EVP_MD_CTX_new())?;
            let mut inner = null_mut();
            let key = self.get();
            check(init(context.get(), &mut inner, table, null_mut(), key))?;
            if let Scheme::Pss { salt_bytes, .. } = scheme {
                let padding = lc::RSA_PKCS1_PSS_PADDING;
                check(lc::EVP_PKEY_CTX_set_rsa_padding(inner, padding))?;
                check(lc::EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt_bytes))?;
            }
            Ok(context)
        }
    }

    /// A signature; of ECDSA, r and s side by side.
    ///
    /// # Errors
    /// The scheme is not the key's, or the key is public.
    pub fn sign(&self, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Failed> {
        if let Scheme::RsaRaw = scheme {
            return self.rsa_raw(data);
        }
        let context = self.signer(scheme, true)?;
        let (start, size) = (data.as_ptr(), data.len());
        // SAFETY: the data is read during the call; the output has the length given, or is asked for.
        let signature = output(|place, length| unsafe {
            lc::EVP_DigestSign(context.get(), place, length, start, size)
        })?;
        match scheme {
            Scheme::Ecdsa { curve, .. } => ec::plain_signature(&signature, curve),
            _ => Ok(signature),
        }
    }

    /// Whether a signature is right; one that is malformed is not.
    ///
    /// # Errors
    /// The scheme is not the key's.
    pub fn verify(&self, scheme: Scheme, signature: &[u8], data: &[u8]) -> Result<bool, Failed> {
        let encoded;
        let signature = match scheme {
            Scheme::Ecdsa { curve, .. } => {
                if signature.len() != 2 * curve.size() {
                    return Ok(false);
                }
                encoded = ec::encoded_signature(signature)?;
                &encoded
            }
            _ => signature,
        };
        let context = self.signer(scheme, false)?;
        // SAFETY: signature and data are read during the call.
        let result = unsafe {
            lc::EVP_DigestVerify(
                context.get(),
                signature.as_ptr(),
                signature.len(),
                data.as_ptr(),
                data.len(),
            )
        };
        Ok(check(result).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Raw;
    use super::*;

    #[test]
    fn signatures_verify() {
        let digest = Digest::by_web_name("SHA-256").expect("a hash");
        let curve = Curve::P384;
        let rsa = Key::generate_rsa(1024, &[1, 0, 1], || false).expect("a key");
        let ec = Key::generate_ec(curve).expect("a key");
        let ed = Key::generate_raw(Raw::Ed25519).expect("a key");
        let salt_bytes = 20;
        for (key, scheme) in [
            (&rsa, Scheme::Pkcs1(digest)),
            (&rsa, Scheme::Pss { digest, salt_bytes }),
            (&ec, Scheme::Ecdsa { digest, curve }),
            (&ed, Scheme::Ed25519),
        ] {
            let mut signature = key.sign(scheme, b"data").expect("a signature");
            let (public, _) = Key::from_spki(&key.to_spki().expect("DER")).expect("a public key");
            assert_eq!(public.verify(scheme, &signature, b"data"), Ok(true));
            signature[3] ^= 1;
            assert_eq!(public.verify(scheme, &signature, b"data"), Ok(false));
            assert_eq!(public.verify(scheme, b"short", b"data"), Ok(false));
        }
    }

    /// What PKCS #1 signs (RFC 8017, section 9.2), signed without it.
    #[test]
    fn a_raw_signature_is_that_of_the_encoded_digest() {
        const SHA256_INFO: &[u8] =
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        let rsa = Key::generate_rsa(1024, &[1, 0, 1], || false).expect("a key");
        let sha256 = Digest::by_web_name("SHA-256").expect("a hash");
        let info = [SHA256_INFO, &sha256.of(b"data").expect("a digest")].concat();
        let padding = [0xff; 128 - 3 - 19 - 32];
        let encoded = [&[0, 1][..], &padding, &[0], &info].concat();
        let signature = rsa.sign(Scheme::Pkcs1(sha256), b"data");
        assert_eq!(rsa.sign(Scheme::RsaRaw, &encoded), signature);
        assert_eq!(rsa.sign(Scheme::RsaRaw, &encoded[1..]), Err(Failed));
    }
}
