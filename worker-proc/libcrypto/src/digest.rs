//! Hash functions, by the names that Web Crypto and OpenSSL give them.

use std::ffi::CString;
use std::ptr::null_mut;

use aws_lc_sys as lc;

use crate::object::Owned;
use crate::{Failed, check, ffi};

/// The longest digest of a function whose digests have one length, bytes.
pub(crate) const MAX_BYTES: usize = lc::EVP_MAX_MD_SIZE as usize;

/// A hash function: one of libcrypto's static tables.
#[derive(Clone, Copy)]
pub struct Digest(&'static lc::EVP_MD);

impl Digest {
    /// By Web Crypto's name, in any case.
    #[must_use]
    pub fn by_web_name(name: &str) -> Option<Self> {
        type Table = fn() -> Option<&'static lc::EVP_MD>;
        let named: [(&str, Table); 5] = [
            ("SHA-256", ffi::EVP_sha256),
            ("SHA-1", ffi::EVP_sha1),
            ("SHA-384", ffi::EVP_sha384),
            ("SHA-512", ffi::EVP_sha512),
            ("MD5", ffi::EVP_md5),
        ];
        let (_, table) = named
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        table().map(Self)
    }

    /// By one of OpenSSL's names, in any case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let plain = lower.strip_prefix("rsa-").unwrap_or(&lower);
        let plain = match plain {
            "sha-1" | "ssl3-sha1" | "dsa-sha" | "dsa-sha1" | "ecdsa-with-sha1" => "sha1",
            "ssl3-md5" => "md5",
            "rmd160" | "ripemd" => "ripemd160",
            "sha-224" => "sha224",
            "sha-256" => "sha256",
            "sha-384" => "sha384",
            "sha-512" => "sha512",
            other => other,
        };
        let name = CString::new(plain).ok()?;
        // SAFETY: the name is a C string; the result is a static table or null.
        unsafe { lc::EVP_get_digestbyname(name.as_ptr()).as_ref() }.map(Self)
    }

    pub(crate) fn table(self) -> &'static lc::EVP_MD {
        self.0
    }

    /// The length of a digest in bytes; the usual one of a function that gives any.
    #[must_use]
    pub fn size(self) -> usize {
        ffi::EVP_MD_size(self.0)
    }

    /// The length of a block in bytes, which is that of a generated HMAC key.
    #[must_use]
    pub fn block_size(self) -> usize {
        ffi::EVP_MD_block_size(self.0)
    }

    /// Whether the caller chooses the length of a digest.
    #[must_use]
    pub fn is_extendable(self) -> bool {
        ffi::EVP_MD_flags(self.0) & lc::EVP_MD_FLAG_XOF as u32 != 0
    }

    /// The digest of bytes in one piece.
    ///
    /// # Errors
    /// The function is extendable.
    pub fn of(self, bytes: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut digest = vec![0; MAX_BYTES];
        let mut length = 0;
        // SAFETY: the bytes are read during the call; the output has room for the longest digest.
        check(unsafe {
            lc::EVP_Digest(
                bytes.as_ptr().cast(),
                bytes.len(),
                digest.as_mut_ptr(),
                &mut length,
                self.0,
                null_mut(),
            )
        })?;
        digest.truncate(length as usize);
        Ok(digest)
    }
}

/// A hash being computed.
pub struct Hasher {
    context: Owned<lc::EVP_MD_CTX>,
    digest: Digest,
}

impl Hasher {
    /// Begins a digest.
    ///
    /// # Errors
    /// Libcrypto refuses, as in every other function of it.
    pub fn new(digest: Digest) -> Result<Self, Failed> {
        let mut context = ffi::EVP_MD_CTX_new()?;
        check(ffi::EVP_DigestInit(&mut context, digest.0))?;
        Ok(Self { context, digest })
    }

    /// Another in the same state.
    ///
    /// # Errors
    /// As for [`Hasher::new`].
    pub fn copy(&self) -> Result<Self, Failed> {
        let mut copy = Self::new(self.digest)?;
        check(ffi::EVP_MD_CTX_copy(&mut copy.context, &self.context))?;
        Ok(copy)
    }

    /// Takes what comes next.
    ///
    /// # Errors
    /// As for [`Hasher::new`].
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let start = bytes.as_ptr().cast();
        // SAFETY: the bytes are read during the call.
        check(unsafe { lc::EVP_DigestUpdate(self.context.get(), start, bytes.len()) })
    }

    /// The digest; of an extendable function as long as is asked for, which others ignore.
    ///
    /// # Errors
    /// As for [`Hasher::new`].
    pub fn finish(self, length: Option<usize>) -> Result<Vec<u8>, Failed> {
        let is_extendable = self.digest.is_extendable();
        let length = length.filter(|_| is_extendable);
        let mut digest = vec![0; length.unwrap_or(self.digest.size())];
        let (context, place) = (self.context.get(), digest.as_mut_ptr());
        // SAFETY: the output has the length that is said, or is the function's own.
        check(unsafe {
            if is_extendable {
                lc::EVP_DigestFinalXOF(context, place, digest.len())
            } else {
                lc::EVP_DigestFinal_ex(context, place, null_mut())
            }
        })?;
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_by_web_name() {
        let hex = |name: &str| {
            let digest = Digest::by_web_name(name).expect("a hash");
            let bytes = digest.of(b"abc").expect("a digest");
            assert_eq!(bytes.len(), digest.size());
            bytes
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
        assert!(Digest::by_web_name("SHA256").is_none());
    }

    #[test]
    fn hashes_have_several_names() {
        for name in ["sha256", "SHA256", "RSA-SHA256", "sha-256"] {
            assert_eq!(Digest::by_name(name).map(Digest::size), Some(32), "{name}");
        }
        assert!(Digest::by_name("xyz").is_none());
    }

    #[test]
    fn blocks_are_of_their_functions_length() {
        for (name, bytes) in [
            ("MD5", 64),
            ("SHA-1", 64),
            ("SHA-256", 64),
            ("SHA-384", 128),
        ] {
            let digest = Digest::by_web_name(name).expect("a hash");
            assert_eq!(digest.block_size(), bytes, "{name}");
        }
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let mut hasher = Hasher::new(Digest::by_name("md5").expect("md5")).expect("a hasher");
        hasher.update(b"a").expect("room");
        let mut copy = hasher.copy().expect("a copy");
        copy.update(b"bc").expect("room");
        assert_ne!(hasher.finish(None), copy.finish(None));
    }

    #[test]
    fn extendable_digests_have_the_length_that_is_asked_for() {
        let shake = Digest::by_name("shake128").expect("shake128");
        let digest = |length| {
            let hasher = Hasher::new(shake).expect("a hasher");
            hasher.finish(length).expect("a digest")
        };
        assert_eq!(digest(Some(5)).len(), 5);
        assert_eq!(digest(None).len(), shake.size());
    }
}
