//! The safe face of libcrypto: hashes, authentication codes, ciphers, key derivation, asymmetric keys and
//! certificates.
//!
//! Used by Web Crypto and `node:crypto`, which know names, arguments and messages; here are the operations, and all `unsafe`
//! code of the cryptography. What libcrypto makes is owned and freed; a call that fails is [`Failed`] and empties the
//! library's error queue, so that it tells nothing of one request to another.
//!
//! Relies on aws-lc, the libcrypto that is linked for TLS. aws-lc-rs, its own safe crate, lacks much of what the two need
//! (GCM with any IV and tag, AES-192, MD5, signatures over SHA-1, streaming ciphers, PBKDF2 that can be ended), and the
//! `openssl` crate would bring a second libcrypto, and libclang to build it.
#![allow(unsafe_code)]

pub mod aead;
pub mod aes;
mod asn1;
pub mod certificate;
pub mod cipher;
pub mod digest;
mod eax;
mod ffi;
pub mod hmac;
pub mod kdf;
pub mod key;
pub mod number;
mod object;
pub mod spkac;
mod text;
#[cfg(test)]
mod vectors;

use std::ffi::c_int;

/// Libcrypto refused: what it was given is malformed, does not fit together or is not authentic; or the caller ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The refusal, after emptying the error queue.
fn failed() -> Failed {
    ffi::ERR_clear_error();
    Failed
}

/// 1 is success to libcrypto.
fn check(result: c_int) -> Result<(), Failed> {
    if result == 1 { Ok(()) } else { Err(failed()) }
}

/// The output of a call that writes to a place of some length, or tells the length that it needs where the place is null.
fn output(call: impl Fn(*mut u8, &mut usize) -> c_int) -> Result<Vec<u8>, Failed> {
    let mut length = 0;
    check(call(std::ptr::null_mut(), &mut length))?;
    let mut bytes = vec![0; length];
    check(call(bytes.as_mut_ptr(), &mut length))?;
    bytes.truncate(length);
    Ok(bytes)
}

/// Fills a buffer with random bytes that nobody can foretell.
///
/// # Errors
/// The system has none.
pub fn random(bytes: &mut [u8]) -> Result<(), Failed> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| failed())
}

/// Whether two byte strings of one length are equal, in a time that tells nothing of their contents.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality() {
        assert!(equal(b"ab", b"ab") && !equal(b"ab", b"ac") && !equal(b"ab", b"a"));
    }
}
