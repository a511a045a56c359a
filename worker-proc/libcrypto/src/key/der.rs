//! Keys in DER: PKCS #8 and SubjectPublicKeyInfo.

use aws_lc_sys as lc;

use super::Key;
use super::builder::written;
use crate::asn1::{Read, read};
use crate::{Failed, ffi};

impl Key {
    /// A private key in PKCS #8, or as PKCS #1 and SEC 1 have it; with how many bytes follow it.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn from_pkcs8(der: &[u8]) -> Result<(Self, usize), Failed> {
        Self::from_der(der, lc::d2i_AutoPrivateKey)
    }

    /// A public key as a SubjectPublicKeyInfo; with how many bytes follow it.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn from_spki(der: &[u8]) -> Result<(Self, usize), Failed> {
        Self::from_der(der, lc::d2i_PUBKEY)
    }

    fn from_der(der: &[u8], how: Read<lc::EVP_PKEY>) -> Result<(Self, usize), Failed> {
        let (key, left) = read(der, how)?;
        Ok((key.into(), left))
    }

    /// The private key in PKCS #8.
    ///
    /// # Errors
    /// The key is public.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Failed> {
        written(|builder| ffi::EVP_marshal_private_key(builder, &self.0))
    }

    /// The public key as a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The key has no public part.
    pub fn to_spki(&self) -> Result<Vec<u8>, Failed> {
        written(|builder| ffi::EVP_marshal_public_key(builder, &self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Raw;
    use super::*;

    #[test]
    fn what_follows_a_key_is_counted() {
        let key = Key::generate_raw(Raw::Ed25519).expect("a key");
        let (private, public) = (key.to_pkcs8().expect("DER"), key.to_spki().expect("DER"));
        let followed = |der: &[u8]| [der, b"more"].concat();
        let (_, left) = Key::from_pkcs8(&followed(&private)).expect("a key");
        assert_eq!(left, 4);
        let (_, left) = Key::from_spki(&followed(&public)).expect("a key");
        assert_eq!(left, 4);
        assert!(Key::from_pkcs8(b"no DER").is_err());
        let (public, _) = Key::from_spki(&public).expect("a key");
        assert_eq!(public.to_pkcs8(), Err(Failed));
    }
}
