//! Keys of Ed25519 and X25519, which are 32 bytes.

use std::ffi::c_int;
use std::ptr::null_mut;

use aws_lc_sys as lc;

use super::Key;
use crate::object::Owned;
use crate::{Failed, check, random};

/// The curves of 32-byte keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// For signatures (RFC 8032).
    Ed25519,
    /// For shared secrets (RFC 7748).
    X25519,
}

/// The length of a public or private key in bytes.
pub const RAW_KEY_BYTES: usize = 32;

impl Raw {
    fn id(self) -> c_int {
        match self {
            Self::Ed25519 => lc::EVP_PKEY_ED25519,
            Self::X25519 => lc::EVP_PKEY_X25519,
        }
    }
}

type Make = unsafe extern "C" fn(c_int, *mut lc::ENGINE, *const u8, usize) -> *mut lc::EVP_PKEY;
type Get = unsafe extern "C" fn(*const lc::EVP_PKEY, *mut u8, *mut usize) -> c_int;

impl Key {
    /// A new private key.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn generate_raw(raw: Raw) -> Result<Self, Failed> {
        let mut seed = [0; RAW_KEY_BYTES];
        random(&mut seed)?;
        Self::from_raw_private(raw, &seed)
    }

    /// A private key of its bytes.
    ///
    /// # Errors
    /// The bytes are not as many as a key has.
    pub fn from_raw_private(raw: Raw, bytes: &[u8]) -> Result<Self, Failed> {
        Self::from_raw(raw, bytes, lc::EVP_PKEY_new_raw_private_key)
    }

    /// A public key of its bytes.
    ///
    /// # Errors
    /// As for [`Key::from_raw_private`].
    pub fn from_raw_public(raw: Raw, bytes: &[u8]) -> Result<Self, Failed> {
        Self::from_raw(raw, bytes, lc::EVP_PKEY_new_raw_public_key)
    }

    fn from_raw(raw: Raw, bytes: &[u8], make: Make) -> Result<Self, Failed> {
        let (start, length) = (bytes.as_ptr(), bytes.len());
        // SAFETY: `make` is one of the two above, which copy the bytes into a new key.
        let key = unsafe { Owned::new(make(raw.id(), null_mut(), start, length)) }?;
        Ok(key.into())
    }

    /// The bytes of the public key.
    ///
    /// # Errors
    /// The key is of another kind.
    pub fn raw_public(&self) -> Result<Vec<u8>, Failed> {
        self.raw_part(lc::EVP_PKEY_get_raw_public_key)
    }

    /// The bytes of the private key.
    ///
    /// # Errors
    /// The key is of another kind, or public.
    pub fn raw_private(&self) -> Result<Vec<u8>, Failed> {
        self.raw_part(lc::EVP_PKEY_get_raw_private_key)
    }

    fn raw_part(&self, get: Get) -> Result<Vec<u8>, Failed> {
        let (mut bytes, mut length) = (vec![0; RAW_KEY_BYTES], RAW_KEY_BYTES);
        // SAFETY: `get` is one of the two above; the output has the length given.
        check(unsafe { get(self.get(), bytes.as_mut_ptr(), &mut length) })?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        for raw in [Raw::Ed25519, Raw::X25519] {
            let key = Key::generate_raw(raw).expect("a key");
            let private = key.raw_private().expect("bytes");
            let again = Key::from_raw_private(raw, &private).expect("a key");
            assert_eq!(key.raw_public(), again.raw_public());
            let public = Key::from_raw_public(raw, &key.raw_public().expect("bytes"));
            let public = public.expect("a key");
            assert_eq!(key.to_spki(), public.to_spki());
            assert_eq!(public.raw_private(), Err(Failed));
            assert!(Key::from_raw_private(raw, &private[1..]).is_err());
        }
    }
}
