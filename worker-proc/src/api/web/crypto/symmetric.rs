//! HMAC, AES and key derivation over libcrypto, with safe signatures.
#![allow(unsafe_code)]

use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys as lc;

use super::evp::{Failed, Hash, check, failed, owned};
use super::pbkdf2;

/// The authentication code of `data`.
pub fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut code = vec![0; lc::EVP_MAX_MD_SIZE as usize];
    let mut length = 0;
    // SAFETY: every pointer is valid for the length beside it; the output has room for any digest.
    let done = unsafe {
        lc::HMAC(
            hash.algorithm(),
            key.as_ptr().cast(),
            key.len(),
            data.as_ptr(),
            data.len(),
            code.as_mut_ptr(),
            &mut length,
        )
    };
    owned(done)?;
    code.truncate(length as usize);
    Ok(code)
}

/// HKDF, extract and expand (RFC 5869).
pub fn hkdf(
    hash: Hash,
    key: &[u8],
    salt: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Vec<u8>, Failed> {
    let mut output = vec![0; length];
    // SAFETY: every pointer is valid for the length beside it.
    check(unsafe {
        lc::HKDF(
            output.as_mut_ptr(),
            length,
            hash.algorithm(),
            key.as_ptr(),
            key.len(),
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
        )
    })?;
    Ok(output)
}

/// PBKDF2 with HMAC (RFC 8018).
pub fn pbkdf2(
    hash: Hash,
    key: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<Vec<u8>, Failed> {
    // SAFETY: the hash's own table.
    unsafe { pbkdf2::pbkdf2(hash.algorithm(), key, salt, iterations, length) }
}

/// How AES is used, with what that needs beside key and data.
pub enum Mode {
    Cbc {
        iv: Vec<u8>,
    },
    /// `bits` of the 16-byte block count.
    Ctr {
        counter: Vec<u8>,
        bits: u32,
    },
    Gcm {
        iv: Vec<u8>,
        additional: Vec<u8>,
        tag_bytes: usize,
    },
}

const BLOCK_BYTES: usize = 16;

struct Cipher(NonNull<lc::EVP_CIPHER_CTX>);

impl Cipher {
    fn new() -> Result<Self, Failed> {
        // SAFETY: a new context is ours until it is freed.
        owned(unsafe { lc::EVP_CIPHER_CTX_new() }).map(Self)
    }

    fn init(
        &self,
        cipher: *const lc::EVP_CIPHER,
        key: *const u8,
        iv: *const u8,
        encrypt: bool,
    ) -> Result<(), Failed> {
        // SAFETY: the caller's key and IV are as long as the cipher wants, or null.
        check(unsafe {
            lc::EVP_CipherInit_ex(self.0.as_ptr(), cipher, null_mut(), key, iv, encrypt.into())
        })
    }

    fn control(&self, command: i32, argument: usize, data: *mut u8) -> Result<(), Failed> {
        let argument = i32::try_from(argument).map_err(|_| Failed)?;
        // SAFETY: `data` is valid for `argument` bytes where the command takes any.
        check(unsafe { lc::EVP_CIPHER_CTX_ctrl(self.0.as_ptr(), command, argument, data.cast()) })
    }

    /// Feeds data; what comes out is appended to `output`, or is authenticated only where there is none.
    fn update(&self, data: &[u8], output: Option<&mut Vec<u8>>) -> Result<(), Failed> {
        // The library counts in c_int.
        const STEP_BYTES: usize = 1 << 30;
        let mut output = output;
        for step in data.chunks(STEP_BYTES) {
            let mut written = 0;
            let length = step.len() as i32;
            match output.as_deref_mut() {
                Some(output) => {
                    let start = output.len();
                    output.reserve(step.len() + BLOCK_BYTES);
                    // SAFETY: the output has room for the step and a block more.
                    check(unsafe {
                        let place = output.as_mut_ptr().add(start);
                        lc::EVP_CipherUpdate(
                            self.0.as_ptr(),
                            place,
                            &mut written,
                            step.as_ptr(),
                            length,
                        )
                    })?;
                    // SAFETY: so many bytes were written there.
                    unsafe { output.set_len(start + written as usize) };
                }
                // SAFETY: without an output the data is authenticated only.
                None => check(unsafe {
                    lc::EVP_CipherUpdate(
                        self.0.as_ptr(),
                        null_mut(),
                        &mut written,
                        step.as_ptr(),
                        length,
                    )
                })?,
            }
        }
        Ok(())
    }

    fn finish(&self, output: &mut Vec<u8>) -> Result<(), Failed> {
        let start = output.len();
        output.resize(start + BLOCK_BYTES, 0);
        let mut written = 0;
        // SAFETY: the output has room for a last block.
        check(unsafe {
            lc::EVP_CipherFinal_ex(
                self.0.as_ptr(),
                output.as_mut_ptr().add(start),
                &mut written,
            )
        })?;
        output.truncate(start + written as usize);
        Ok(())
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { lc::EVP_CIPHER_CTX_free(self.0.as_ptr()) }
    }
}

/// Encrypts or decrypts; a wrong key, padding or tag is [`Failed`].
pub fn aes(mode: &Mode, encrypt: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    match mode {
        Mode::Cbc { iv } => cbc(encrypt, key, iv, data),
        Mode::Ctr { counter, bits } => ctr(key, counter, *bits, data),
        Mode::Gcm {
            iv,
            additional,
            tag_bytes,
        } => gcm(encrypt, key, iv, additional, *tag_bytes, data),
    }
}

fn cbc(encrypt: bool, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    // SAFETY: these return static tables.
    let algorithm = unsafe {
        match key.len() {
            16 => lc::EVP_aes_128_cbc(),
            24 => lc::EVP_aes_192_cbc(),
            32 => lc::EVP_aes_256_cbc(),
            _ => return Err(Failed),
        }
    };
    if iv.len() != BLOCK_BYTES {
        return Err(Failed);
    }
    let cipher = Cipher::new()?;
    cipher.init(algorithm, key.as_ptr(), iv.as_ptr(), encrypt)?;
    let mut output = Vec::with_capacity(data.len() + 2 * BLOCK_BYTES);
    cipher.update(data, Some(&mut output))?;
    cipher.finish(&mut output)?;
    Ok(output)
}

/// The counter is the last `bits` of the block and wraps within them.
fn ctr(key: &[u8], counter: &[u8], bits: u32, data: &[u8]) -> Result<Vec<u8>, Failed> {
    let block = u128::from_be_bytes(counter.try_into().map_err(|_| Failed)?);
    if bits == 0 || bits > 128 {
        return Err(Failed);
    }
    let mask = if bits == 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    };
    let blocks = data.len().div_ceil(BLOCK_BYTES) as u128;
    if bits < 128 && blocks > mask + 1 {
        return Err(Failed);
    }
    let before_wrap = (mask - (block & mask)).saturating_add(1);
    let first = usize::try_from(before_wrap)
        .unwrap_or(usize::MAX)
        .saturating_mul(BLOCK_BYTES)
        .min(data.len());
    let mut output = Vec::with_capacity(data.len() + BLOCK_BYTES);
    ctr_run(key, block, &data[..first], &mut output)?;
    ctr_run(key, block & !mask, &data[first..], &mut output)?;
    Ok(output)
}

fn ctr_run(key: &[u8], block: u128, data: &[u8], output: &mut Vec<u8>) -> Result<(), Failed> {
    // SAFETY: these return static tables.
    let algorithm = unsafe {
        match key.len() {
            16 => lc::EVP_aes_128_ctr(),
            24 => lc::EVP_aes_192_ctr(),
            32 => lc::EVP_aes_256_ctr(),
            _ => return Err(Failed),
        }
    };
    let cipher = Cipher::new()?;
    cipher.init(algorithm, key.as_ptr(), block.to_be_bytes().as_ptr(), true)?;
    cipher.update(data, Some(output))
}

fn gcm(
    encrypt: bool,
    key: &[u8],
    iv: &[u8],
    additional: &[u8],
    tag_bytes: usize,
    data: &[u8],
) -> Result<Vec<u8>, Failed> {
    // SAFETY: these return static tables.
    let algorithm = unsafe {
        match key.len() {
            16 => lc::EVP_aes_128_gcm(),
            24 => lc::EVP_aes_192_gcm(),
            32 => lc::EVP_aes_256_gcm(),
            _ => return Err(Failed),
        }
    };
    if iv.is_empty() || tag_bytes > BLOCK_BYTES || (!encrypt && data.len() < tag_bytes) {
        return Err(Failed);
    }
    let (text, given_tag) = data.split_at(if encrypt {
        data.len()
    } else {
        data.len() - tag_bytes
    });
    let cipher = Cipher::new()?;
    cipher.init(algorithm, null(), null(), encrypt)?;
    cipher.control(lc::EVP_CTRL_AEAD_SET_IVLEN, iv.len(), null_mut())?;
    cipher.init(null(), key.as_ptr(), iv.as_ptr(), encrypt)?;
    if !encrypt {
        let mut tag = given_tag.to_vec();
        cipher.control(lc::EVP_CTRL_AEAD_SET_TAG, tag.len(), tag.as_mut_ptr())?;
    }
    cipher.update(additional, None)?;
    let mut output = Vec::with_capacity(text.len() + 2 * BLOCK_BYTES);
    cipher.update(text, Some(&mut output))?;
    cipher.finish(&mut output)?;
    if encrypt {
        let mut tag = vec![0; tag_bytes];
        cipher.control(lc::EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.as_mut_ptr())?;
        output.extend_from_slice(&tag);
    }
    Ok(output)
}

/// AES key wrap (RFC 3394) of a key whose length is a multiple of 8 bytes, or its reverse.
pub fn key_wrap(wrap: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    let bits = u32::try_from(key.len() * 8).map_err(|_| Failed)?;
    let mut schedule = lc::AES_KEY::default();
    let mut output = vec![0; data.len() + 8];
    // SAFETY: the key is as long as is said; the output has room for 8 bytes more than the input. Both schedule
    // functions return 0 and both wrap functions a length where they succeed.
    let length = unsafe {
        let scheduled = if wrap {
            lc::AES_set_encrypt_key(key.as_ptr(), bits, &mut schedule)
        } else {
            lc::AES_set_decrypt_key(key.as_ptr(), bits, &mut schedule)
        };
        if scheduled != 0 {
            return Err(failed());
        }
        if wrap {
            lc::AES_wrap_key(
                &schedule,
                null(),
                output.as_mut_ptr(),
                data.as_ptr(),
                data.len(),
            )
        } else {
            lc::AES_unwrap_key(
                &schedule,
                null(),
                output.as_mut_ptr(),
                data.as_ptr(),
                data.len(),
            )
        }
    };
    output.truncate(usize::try_from(length).map_err(|_| failed())?);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_come_back() {
        let key = [7; 32];
        let data: Vec<u8> = (0..100).collect();
        for mode in [
            Mode::Cbc { iv: vec![1; 16] },
            Mode::Ctr {
                counter: vec![0xff; 16],
                bits: 64,
            },
            Mode::Gcm {
                iv: vec![2; 7],
                additional: b"more".to_vec(),
                tag_bytes: 12,
            },
        ] {
            let hidden = aes(&mode, true, &key, &data).expect("encrypts");
            assert_ne!(hidden[..100.min(hidden.len())], data[..]);
            assert_eq!(aes(&mode, false, &key, &hidden).expect("decrypts"), data);
        }
        let gcm = Mode::Gcm {
            iv: vec![2; 12],
            additional: vec![],
            tag_bytes: 16,
        };
        let mut hidden = aes(&gcm, true, &key, &data).expect("encrypts");
        hidden[0] ^= 1;
        assert_eq!(aes(&gcm, false, &key, &hidden), Err(Failed));
    }

    #[test]
    fn counters_wrap_in_their_bits() {
        let key = [1; 16];
        let at = |last: u8| {
            let mut counter = vec![9; 16];
            counter[15] = last;
            Mode::Ctr { counter, bits: 8 }
        };
        let wrapped = aes(&at(255), true, &key, &[0; 32]).expect("encrypts");
        assert_eq!(
            wrapped[16..],
            aes(&at(0), true, &key, &[0; 16]).expect("encrypts")[..]
        );
        assert_eq!(aes(&at(0), true, &key, &[0; 257 * 16]), Err(Failed));
    }

    #[test]
    fn wrapped_keys_come_back() {
        let wrapped = key_wrap(true, &[3; 16], &[5; 24]).expect("wraps");
        assert_eq!(wrapped.len(), 32);
        assert_eq!(
            key_wrap(false, &[3; 16], &wrapped).expect("unwraps"),
            [5; 24]
        );
        assert_eq!(key_wrap(false, &[4; 16], &wrapped), Err(Failed));
    }
}
