//! What libcrypto makes, owned: freed once, by the function of its type.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use aws_lc_sys as lc;

use crate::{Failed, failed};

/// A type of libcrypto's whose values are made and freed by it.
///
/// # Safety
/// `FREE` frees a value of the type, and any one thread at a time may use a value.
pub unsafe trait Object {
    const FREE: unsafe extern "C" fn(*mut Self);
}

macro_rules! objects {
    ($($object:ident: $free:ident),* $(,)?) => {$(
        // SAFETY: the function is the type's own, and no type keeps anything of the thread that made it.
        unsafe impl Object for lc::$object {
            const FREE: unsafe extern "C" fn(*mut Self) = lc::$free;
        }
    )*};
}

objects! {
    BIGNUM: BN_free,
    BIO: BIO_vfree,
    ASN1_OBJECT: ASN1_OBJECT_free,
    BN_CTX: BN_CTX_free,
    BN_GENCB: BN_GENCB_free,
    BN_MONT_CTX: BN_MONT_CTX_free,
    ECDSA_SIG: ECDSA_SIG_free,
    EC_KEY: EC_KEY_free,
    EC_POINT: EC_POINT_free,
    EVP_AEAD_CTX: EVP_AEAD_CTX_free,
    EVP_CIPHER_CTX: EVP_CIPHER_CTX_free,
    EVP_MD_CTX: EVP_MD_CTX_free,
    EVP_PKEY: EVP_PKEY_free,
    EVP_PKEY_CTX: EVP_PKEY_CTX_free,
    HMAC_CTX: HMAC_CTX_free,
    NETSCAPE_SPKI: NETSCAPE_SPKI_free,
    RSA: RSA_free,
    X509: X509_free,
    X509_NAME: X509_NAME_free,
}

/// One reference to an object.
pub struct Owned<T: Object>(NonNull<T>);

// SAFETY: see `Object`.
unsafe impl<T: Object> Send for Owned<T> {}

impl<T: Object> Owned<T> {
    /// What a call has made; null is its failure.
    ///
    /// # Safety
    /// The reference, if it is one, is nobody else's.
    pub unsafe fn new(pointer: *mut T) -> Result<Self, Failed> {
        NonNull::new(pointer).map(Self).ok_or_else(failed)
    }

    /// The pointer, for a call that borrows it.
    pub fn get(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// The pointer, for a call that takes the reference over.
    pub fn into_raw(self) -> *mut T {
        std::mem::ManuallyDrop::new(self).get()
    }
}

impl<T: Object> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the object lives for as long as the reference.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Object> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the object lives for as long as the reference, which is the only one in Rust.
        unsafe { self.0.as_mut() }
    }
}

impl<T: Object> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and given back once.
        unsafe { T::FREE(self.get()) }
    }
}
