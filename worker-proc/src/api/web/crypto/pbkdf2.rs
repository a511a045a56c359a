//! PBKDF2 with HMAC (RFC 8018, section 5.2), which sees when its event has used all of its processor time.
//!
//! Used by Web Crypto and `node:crypto`.
#![allow(unsafe_code)]

use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys as lc;

use super::evp::{Failed, check, owned};
use crate::service::processor;

/// Iterations between two looks at the time: about a millisecond.
const LOOK_AFTER_ITERATIONS: u32 = 1024;

/// # Errors
/// Libcrypto refuses the key, or the processor time is used up.
///
/// # Safety
/// The hash is one of libcrypto's static tables.
pub unsafe fn pbkdf2(
    hash: *const lc::EVP_MD,
    key: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<Vec<u8>, Failed> {
    // SAFETY: as for this function.
    let mut hmac = unsafe { Hmac::new(hash, key) }?;
    let mut output = vec![0; length];
    for (block, number) in output.chunks_mut(hmac.digest_bytes).zip(1u32..) {
        let mut last = [0; lc::EVP_MAX_MD_SIZE as usize];
        let last = &mut last[..hmac.digest_bytes];
        hmac.code(&[salt, &number.to_be_bytes()], last)?;
        block.copy_from_slice(&last[..block.len()]);
        for iteration in 1..iterations {
            if iteration.is_multiple_of(LOOK_AFTER_ITERATIONS) && processor::is_used_up() {
                return Err(Failed);
            }
            hmac.next(last)?;
            for (sum, byte) in block.iter_mut().zip(&*last) {
                *sum ^= byte;
            }
        }
        if processor::is_used_up() {
            return Err(Failed);
        }
    }
    Ok(output)
}

/// HMAC with one key, any number of times.
struct Hmac {
    context: NonNull<lc::HMAC_CTX>,
    digest_bytes: usize,
}

impl Hmac {
    /// # Safety
    /// The hash is one of libcrypto's static tables.
    unsafe fn new(hash: *const lc::EVP_MD, key: &[u8]) -> Result<Self, Failed> {
        // SAFETY: a new context is ours until it is freed; the key is read during the call. No key at all would mean the last
        // one, of which there is none.
        unsafe {
            let hmac = Self {
                context: owned(lc::HMAC_CTX_new())?,
                digest_bytes: lc::EVP_MD_size(hash),
            };
            check(lc::HMAC_Init_ex(
                hmac.context.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                hash,
                null_mut(),
            ))?;
            Ok(hmac)
        }
    }

    /// The code of these parts, into a place as long as a digest.
    fn code(&mut self, parts: &[&[u8]], code: &mut [u8]) -> Result<(), Failed> {
        assert_eq!(code.len(), self.digest_bytes);
        self.begin()?;
        for part in parts {
            // SAFETY: the context has a key; the bytes are read during the call.
            check(unsafe { lc::HMAC_Update(self.context.as_ptr(), part.as_ptr(), part.len()) })?;
        }
        self.finish(code)
    }

    /// The code of a code, in its place.
    fn next(&mut self, code: &mut [u8]) -> Result<(), Failed> {
        assert_eq!(code.len(), self.digest_bytes);
        self.begin()?;
        // SAFETY: as above.
        check(unsafe { lc::HMAC_Update(self.context.as_ptr(), code.as_ptr(), code.len()) })?;
        self.finish(code)
    }

    /// Begins another message with the same key.
    fn begin(&mut self) -> Result<(), Failed> {
        // SAFETY: the context has a key, which null stands for.
        check(unsafe { lc::HMAC_Init_ex(self.context.as_ptr(), null(), 0, null(), null_mut()) })
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<(), Failed> {
        // SAFETY: the callers have seen that the place is as long as a digest, and no length is asked for.
        check(unsafe { lc::HMAC_Final(self.context.as_ptr(), code.as_mut_ptr(), null_mut()) })
    }
}

impl Drop for Hmac {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { lc::HMAC_CTX_free(self.context.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::evp::Hash;
    use super::*;

    fn derive(iterations: u32, length: usize) -> Result<Vec<u8>, Failed> {
        // SAFETY: the hash's own table.
        unsafe {
            pbkdf2(
                Hash::Sha256.algorithm(),
                b"password",
                b"salt",
                iterations,
                length,
            )
        }
    }

    /// Against libcrypto's own, over the ends of blocks; the Wycheproof vectors are in `vectors`.
    #[test]
    fn it_is_libcryptos() {
        for (key, iterations, length) in [
            (&b""[..], 1, 31),
            (b"k", 2, 32),
            (b"key", 3000, 100),
            (&[7; 200], 5, 0),
        ] {
            let mut wanted = vec![0; length];
            // SAFETY: every pointer is valid for the length beside it.
            let (made, done) = unsafe {
                let md = Hash::Sha256.algorithm();
                let made = pbkdf2(md, key, b"salt", iterations, length);
                let (key_at, at) = (key.as_ptr().cast(), wanted.as_mut_ptr());
                (
                    made,
                    lc::PKCS5_PBKDF2_HMAC(
                        key_at,
                        key.len(),
                        b"salt".as_ptr(),
                        4,
                        iterations,
                        md,
                        length,
                        at,
                    ),
                )
            };
            assert_eq!(done, 1);
            assert_eq!(made.as_deref(), Ok(&wanted[..]));
        }
    }

    #[test]
    fn it_ends_with_the_processor_time() {
        let allowance = Duration::from_millis(20);
        for (iterations, length) in [(u32::MAX, 32), (1000, 1 << 26)] {
            let (made, used) = processor::metered(Some(allowance), || derive(iterations, length));
            assert_eq!(made, Err(Failed));
            assert!(used < Duration::from_secs(2), "{used:?}");
        }
    }
}
