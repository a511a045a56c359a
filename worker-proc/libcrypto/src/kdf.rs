//! Keys from secrets: HKDF, PBKDF2, scrypt.

use aws_lc_sys as lc;

use crate::digest::{Digest, MAX_BYTES};
use crate::hmac::Hmac;
use crate::{Failed, check};

/// HKDF, extract and expand (RFC 5869).
///
/// # Errors
/// The key is to be longer than 255 digests.
pub fn hkdf(
    digest: Digest,
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Vec<u8>, Failed> {
    let mut key = vec![0; length];
    // SAFETY: every pointer is valid for the length beside it.
    check(unsafe {
        lc::HKDF(
            key.as_mut_ptr(),
            length,
            digest.table(),
            secret.as_ptr(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
        )
    })?;
    Ok(key)
}

/// scrypt (RFC 7914) of cost `n`, block size `r` and parallelism `p`, with at most so many bytes of memory.
///
/// # Errors
/// The numbers are not allowed, or want more memory.
pub fn scrypt(
    secret: &[u8],
    salt: &[u8],
    (n, r, p): (u64, u64, u64),
    max_memory_bytes: usize,
    length: usize,
) -> Result<Vec<u8>, Failed> {
    let mut key = vec![0; length];
    // SAFETY: every pointer is valid for the length beside it.
    check(unsafe {
        lc::EVP_PBE_scrypt(
            secret.as_ptr().cast(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
            n,
            r,
            p,
            max_memory_bytes,
            key.as_mut_ptr(),
            length,
        )
    })?;
    Ok(key)
}

/// Iterations between two looks at the time: about a millisecond.
const LOOK_AFTER_ITERATIONS: u32 = 1024;

/// PBKDF2 with HMAC (RFC 8018, section 5.2). Libcrypto's own cannot be ended.
///
/// # Errors
/// Libcrypto refuses the secret, or `is_over` said so: it is asked every millisecond or so.
pub fn pbkdf2(
    digest: Digest,
    secret: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    is_over: impl Fn() -> bool,
) -> Result<Vec<u8>, Failed> {
    let mut hmac = Hmac::new(digest, secret)?;
    let mut key = vec![0; length];
    let mut code = [0; MAX_BYTES];
    let code = &mut code[..hmac.size()];
    for (block, number) in key.chunks_mut(hmac.size()).zip(1u32..) {
        hmac.begin()?;
        hmac.update(salt)?;
        hmac.update(&number.to_be_bytes())?;
        hmac.write(code)?;
        block.copy_from_slice(&code[..block.len()]);
        for iteration in 1..iterations {
            if iteration.is_multiple_of(LOOK_AFTER_ITERATIONS) && is_over() {
                return Err(Failed);
            }
            hmac.begin()?;
            hmac.update(code)?;
            hmac.write(code)?;
            for (sum, byte) in block.iter_mut().zip(&*code) {
                *sum ^= byte;
            }
        }
        if is_over() {
            return Err(Failed);
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::{Duration, Instant};

    use aws_lc_rs::pbkdf2;

    use super::{Digest, Failed, scrypt};

    fn sha256() -> Digest {
        Digest::by_web_name("SHA-256").expect("a hash")
    }

    /// Against libcrypto's own, over the ends of blocks; the Wycheproof vectors are in `vectors`.
    #[test]
    fn pbkdf2_is_libcryptos() {
        for (secret, iterations, length) in [
            (&b""[..], 1, 31),
            (b"k", 2, 32),
            (b"key", 3000, 100),
            (&[7; 200], 5, 1),
        ] {
            let mut wanted = vec![0; length];
            let rounds = NonZeroU32::new(iterations).expect("not none");
            pbkdf2::derive(
                pbkdf2::PBKDF2_HMAC_SHA256,
                rounds,
                b"salt",
                secret,
                &mut wanted,
            );
            let made = super::pbkdf2(sha256(), secret, b"salt", iterations, length, || false);
            assert_eq!(made, Ok(wanted));
        }
    }

    #[test]
    fn pbkdf2_ends_when_it_is_told_to() {
        for (iterations, length) in [(u32::MAX, 32), (1000, 1 << 26)] {
            let begun = Instant::now();
            let is_over = || begun.elapsed() > Duration::from_millis(20);
            let made = super::pbkdf2(sha256(), b"password", b"salt", iterations, length, is_over);
            assert_eq!(made, Err(Failed));
        }
    }

    #[test]
    fn scrypt_keeps_to_its_memory() {
        let numbers = (16, 8, 1);
        let key = |memory| scrypt(b"password", b"salt", numbers, memory, 32);
        assert_eq!(key(1 << 20).map(|key| key.len()), Ok(32));
        assert_eq!(key(1 << 10), Err(Failed));
    }
}
