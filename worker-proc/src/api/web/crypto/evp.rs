//! Safe wrappers of the libcrypto calls that aws-lc-rs does not offer: all unsafe code of the cryptography is here and
//! in the modules below it.
//!
//! Each wrapper owns its libcrypto object and frees it; a failed call is [`Failed`], and the library's error queue is
//! emptied so that it tells nothing of one request to another.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use aws_lc_sys as lc;

/// Libcrypto refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// 1 is success to libcrypto.
pub fn check(result: std::ffi::c_int) -> Result<(), Failed> {
    if result == 1 { Ok(()) } else { Err(failed()) }
}

/// Empties the error queue.
pub fn failed() -> Failed {
    // SAFETY: takes no arguments and touches this thread's queue only.
    unsafe { lc::ERR_clear_error() };
    Failed
}

/// A pointer that libcrypto made, or its failure.
pub fn owned<T>(pointer: *mut T) -> Result<NonNull<T>, Failed> {
    NonNull::new(pointer).ok_or_else(failed)
}

/// Hash functions by the names that Web Crypto and Node use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By Web Crypto's name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        [
            ("MD5", Self::Md5),
            ("SHA-1", Self::Sha1),
            ("SHA-256", Self::Sha256),
            ("SHA-384", Self::Sha384),
            ("SHA-512", Self::Sha512),
        ]
        .into_iter()
        .find_map(|(known, hash)| known.eq_ignore_ascii_case(name).then_some(hash))
    }

    pub fn algorithm(self) -> *const lc::EVP_MD {
        // SAFETY: these return static tables.
        unsafe {
            match self {
                Self::Md5 => lc::EVP_md5(),
                Self::Sha1 => lc::EVP_sha1(),
                Self::Sha256 => lc::EVP_sha256(),
                Self::Sha384 => lc::EVP_sha384(),
                Self::Sha512 => lc::EVP_sha512(),
            }
        }
    }

    /// The block length in bytes, which is the length of a generated HMAC key.
    pub fn block_size(self) -> usize {
        match self {
            Self::Sha384 | Self::Sha512 => 128,
            _ => 64,
        }
    }
}

/// A hash being computed.
pub struct Hasher(NonNull<lc::EVP_MD_CTX>);

impl Hasher {
    pub fn new(hash: Hash) -> Result<Self, Failed> {
        // SAFETY: a new context is ours until it is freed; the algorithm is static.
        unsafe {
            let hasher = Self(owned(lc::EVP_MD_CTX_new())?);
            check(lc::EVP_DigestInit_ex(
                hasher.0.as_ptr(),
                hash.algorithm(),
                std::ptr::null_mut(),
            ))?;
            Ok(hasher)
        }
    }

    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        // SAFETY: the bytes are read during the call.
        check(unsafe { lc::EVP_DigestUpdate(self.0.as_ptr(), bytes.as_ptr().cast(), bytes.len()) })
    }

    pub fn finish(self) -> Result<Vec<u8>, Failed> {
        let mut digest = vec![0; lc::EVP_MAX_MD_SIZE as usize];
        let mut length = 0;
        // SAFETY: the output has room for the longest digest.
        check(unsafe {
            lc::EVP_DigestFinal_ex(self.0.as_ptr(), digest.as_mut_ptr(), &mut length)
        })?;
        digest.truncate(length as usize);
        Ok(digest)
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { lc::EVP_MD_CTX_free(self.0.as_ptr()) }
    }
}

/// The digest of bytes in one piece.
pub fn digest(hash: Hash, bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut hasher = Hasher::new(hash)?;
    hasher.update(bytes)?;
    hasher.finish()
}

/// Whether two byte strings of one length are equal, in a time that tells nothing of their contents.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    // SAFETY: both are as long as is said.
    a.len() == b.len()
        && unsafe { lc::CRYPTO_memcmp(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) } == 0
}

/// Fills a buffer from the system's generator.
pub fn random(bytes: &mut [u8]) -> Result<(), Failed> {
    // SAFETY: the buffer is written within its length.
    check(unsafe { lc::RAND_bytes(bytes.as_mut_ptr(), bytes.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_by_name() {
        let hex = |name: &str| {
            let digest = digest(Hash::by_name(name).expect("a hash"), b"abc").expect("a digest");
            digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        assert_eq!(hex("md5"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex("SHA-1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex("sha-256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Hash::by_name("SHA256"), None);
    }

    #[test]
    fn equality() {
        assert!(equal(b"ab", b"ab") && !equal(b"ab", b"ac") && !equal(b"ab", b"a"));
    }
}
