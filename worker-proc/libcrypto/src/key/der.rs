//! Keys in DER: PKCS #8 and SubjectPublicKeyInfo.

use std::ffi::c_long;
use std::ptr::null_mut;

use aws_lc_sys as lc;

use super::Key;
use super::builder::written;
use crate::object::Owned;
use crate::{Failed, failed, ffi};

type Read =
    unsafe extern "C" fn(*mut *mut lc::EVP_PKEY, *mut *const u8, c_long) -> *mut lc::EVP_PKEY;

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

    fn from_der(der: &[u8], read: Read) -> Result<(Self, usize), Failed> {
        let mut next = der.as_ptr();
        let length = c_long::try_from(der.len()).map_err(|_| Failed)?;
        // SAFETY: `read` is one of the two above, which read at most `length` bytes and move `next` past what they read into
        // a new key.
        let key = unsafe { Owned::new(read(null_mut(), &mut next, length)) }?;
        let used = next.addr().saturating_sub(der.as_ptr().addr());
        // What was tried first and did not fit has left errors.
        failed();
        Ok((key.into(), der.len().saturating_sub(used)))
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
