//! Asymmetric keys of RSA, elliptic curves, Ed25519 and X25519, and what any of them can do.
//!
//! A file a kind (`rsa`, `ec`, `raw`) makes keys of their parts and takes them apart, `der` reads and writes encodings by
//! way of a `builder`, `encoding` the forms that files have, `sign` makes signatures and checks them.

mod builder;
mod der;
mod ec;
mod encoding;
mod raw;
mod rsa;
mod sign;

use std::ptr::null_mut;
use std::sync::Arc;

use aws_lc_sys as lc;

pub use ec::Curve;
pub use encoding::{Form, Protection};
pub use raw::{RAW_KEY_BYTES, Raw};
pub use rsa::{Padding, Primitive};
pub use sign::Scheme;

use crate::asn1::read;
use crate::object::Owned;
use crate::{Failed, check, ffi, output};

/// A public or private key. A copy is cheap, and may go to another thread.
#[derive(Clone)]
pub struct Key(Arc<Owned<lc::EVP_PKEY>>);

// SAFETY: nothing here changes a key once it is made; libcrypto lets threads share one that does not change.
unsafe impl Sync for Owned<lc::EVP_PKEY> {}

/// What a key is, of what Web Crypto has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RSA, whatever it is used for.
    Rsa,
    /// For ECDSA and ECDH.
    Ec(Curve),
    /// For Ed25519 and X25519.
    Raw(Raw),
}

impl From<Owned<lc::EVP_PKEY>> for Key {
    fn from(key: Owned<lc::EVP_PKEY>) -> Self {
        Self(Arc::new(key))
    }
}

impl Key {
    /// A key of no kind yet.
    fn empty() -> Result<Owned<lc::EVP_PKEY>, Failed> {
        ffi::EVP_PKEY_new()
    }

    fn get(&self) -> *mut lc::EVP_PKEY {
        self.0.get()
    }

    /// What the key is, where it is of a kind that Web Crypto has.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match ffi::EVP_PKEY_id(&self.0) {
            lc::EVP_PKEY_RSA => Some(Kind::Rsa),
            lc::EVP_PKEY_EC => self.curve().map(Kind::Ec),
            lc::EVP_PKEY_ED25519 => Some(Kind::Raw(Raw::Ed25519)),
            lc::EVP_PKEY_X25519 => Some(Kind::Raw(Raw::X25519)),
            _ => None,
        }
    }

    /// Of a DSA key (FIPS 186-4, section 4.1): the bits of the prime modulus and of its divisor.
    #[must_use]
    pub fn dsa_bits(&self) -> Option<[u32; 2]> {
        let key = ffi::EVP_PKEY_get0_DSA(&self.0)?;
        let (modulus, divisor) = (ffi::DSA_get0_p(key)?, ffi::DSA_get0_q(key)?);
        Some([modulus, divisor].map(ffi::BN_num_bits))
    }

    /// Libcrypto's key, for a call that wants one to change.
    pub(crate) fn copy(&self) -> Result<Owned<lc::EVP_PKEY>, Failed> {
        Ok(read(&self.to_spki()?, lc::d2i_PUBKEY)?.0)
    }

    /// Libcrypto's key.
    pub(crate) fn native(&self) -> &lc::EVP_PKEY {
        &self.0
    }

    /// A context for an operation with the key.
    fn context(&self) -> Result<Owned<lc::EVP_PKEY_CTX>, Failed> {
        // SAFETY: a new context is ours, and keeps the key alive.
        unsafe { Owned::new(lc::EVP_PKEY_CTX_new(self.get(), null_mut())) }
    }

    /// The secret that a private key shares with the holder of `peer`.
    ///
    /// # Errors
    /// The keys are of different curves, or share a secret that is no secret.
    pub fn derive(&self, peer: &Self) -> Result<Vec<u8>, Failed> {
        let mut context = self.context()?;
        check(ffi::EVP_PKEY_derive_init(&mut context))?;
        // SAFETY: both keys are live; the output has the length given, or is asked for.
        unsafe {
            check(lc::EVP_PKEY_derive_set_peer(context.get(), peer.get()))?;
            output(|place, length| lc::EVP_PKEY_derive(context.get(), place, length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shared() {
        let key = || Key::generate_raw(Raw::X25519).expect("a key");
        let (a, b) = (key(), key());
        assert_eq!(a.derive(&b), b.derive(&a));
        let key = || Key::generate_ec(Curve::P521).expect("a key");
        let (c, d) = (key(), key());
        assert_eq!(c.derive(&d), d.derive(&c));
        assert_eq!(a.derive(&c), Err(Failed));
    }

    #[test]
    fn a_key_goes_to_another_thread() {
        let key = Key::generate_ec(Curve::P256).expect("a key");
        let copy = key.clone();
        let point = std::thread::spawn(move || copy.point(Curve::P256));
        assert_eq!(point.join().expect("a point"), key.point(Curve::P256));
    }
}
