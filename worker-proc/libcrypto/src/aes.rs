//! AES over whole messages, as Web Crypto uses it.

use std::ptr::null;

use aws_lc_sys as lc;

use crate::cipher::{AesMode, Algorithm, Cipher, MAX_BLOCK_BYTES, MAX_TAG_BYTES};
use crate::{Failed, failed};

/// How AES is used, with what that needs beside key and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Cipher block chaining, with padding (RFC 5652, section 6.3).
    Cbc {
        /// 16 bytes.
        iv: Vec<u8>,
    },
    /// A counter encrypted, block by block.
    Ctr {
        /// The first block, 16 bytes.
        counter: Vec<u8>,
        /// How many bits of the block count, and wrap within themselves.
        bits: u32,
    },
    /// Counting and authenticating. The tag follows the data.
    Gcm {
        /// At least one byte.
        iv: Vec<u8>,
        /// What is authenticated only.
        additional: Vec<u8>,
        /// At most 16.
        tag_bytes: usize,
    },
}

const BLOCK_BYTES: usize = 16;

/// Encrypts or decrypts a message.
///
/// # Errors
/// A length that the mode does not take; a wrong key, padding or tag.
pub fn run(mode: &Mode, encrypt: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
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

fn cipher(mode: AesMode, encrypt: bool, key: &[u8], iv: &[u8]) -> Result<Cipher, Failed> {
    let algorithm = Algorithm::aes(mode, key.len()).ok_or(Failed)?;
    Cipher::new(algorithm, key, iv, encrypt)
}

/// Room for what comes of so much data, with a last block or a tag.
fn room_for(data: &[u8]) -> Vec<u8> {
    Vec::with_capacity(data.len() + MAX_BLOCK_BYTES)
}

fn cbc(encrypt: bool, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut cipher = cipher(AesMode::Cbc, encrypt, key, iv)?;
    let mut output = room_for(data);
    cipher.update(data, &mut output)?;
    cipher.finish(&mut output)?;
    Ok(output)
}

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
    let mut output = room_for(data);
    let mut run = |block: u128, data| {
        cipher(AesMode::Ctr, true, key, &block.to_be_bytes())?.update(data, &mut output)
    };
    run(block, &data[..first])?;
    if first < data.len() {
        run(block & !mask, &data[first..])?;
    }
    Ok(output)
}

fn gcm(
    encrypt: bool,
    key: &[u8],
    iv: &[u8],
    additional: &[u8],
    tag_bytes: usize,
    data: &[u8],
) -> Result<Vec<u8>, Failed> {
    if tag_bytes > MAX_TAG_BYTES || (!encrypt && data.len() < tag_bytes) {
        return Err(Failed);
    }
    let mut cipher = cipher(AesMode::Gcm, encrypt, key, iv)?;
    let text_bytes = data.len() - if encrypt { 0 } else { tag_bytes };
    let (text, tag) = data.split_at(text_bytes);
    if !encrypt {
        cipher.set_tag(tag)?;
    }
    cipher.authenticate(additional)?;
    let mut output = room_for(text);
    cipher.update(text, &mut output)?;
    cipher.finish(&mut output)?;
    if encrypt {
        output.extend(cipher.tag(tag_bytes)?);
    }
    Ok(output)
}

/// AES key wrap (RFC 3394) of a key whose length is a multiple of 8 bytes, or its reverse.
///
/// # Errors
/// A length is not allowed, or what is unwrapped is not authentic.
pub fn key_wrap(wrap: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Failed> {
    let bits = u32::try_from(key.len() * 8).map_err(|_| Failed)?;
    let mut schedule = lc::AES_KEY::default();
    let mut output = vec![0; data.len() + 8];
    let (place, start, length) = (output.as_mut_ptr(), data.as_ptr(), data.len());
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
            lc::AES_wrap_key(&schedule, null(), place, start, length)
        } else {
            lc::AES_unwrap_key(&schedule, null(), place, start, length)
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
            let hidden = run(&mode, true, &key, &data).expect("encrypts");
            assert_ne!(hidden[..100.min(hidden.len())], data[..]);
            assert_eq!(run(&mode, false, &key, &hidden).expect("decrypts"), data);
        }
        let gcm = Mode::Gcm {
            iv: vec![2; 12],
            additional: vec![],
            tag_bytes: 16,
        };
        let mut hidden = run(&gcm, true, &key, &data).expect("encrypts");
        hidden[0] ^= 1;
        assert_eq!(run(&gcm, false, &key, &hidden), Err(Failed));
    }

    #[test]
    fn counters_wrap_in_their_bits() {
        let key = [1; 16];
        let at = |last: u8| {
            let mut counter = vec![9; 16];
            counter[15] = last;
            Mode::Ctr { counter, bits: 8 }
        };
        let wrapped = run(&at(255), true, &key, &[0; 32]).expect("encrypts");
        assert_eq!(
            wrapped[16..],
            run(&at(0), true, &key, &[0; 16]).expect("encrypts")[..]
        );
        assert_eq!(run(&at(0), true, &key, &[0; 257 * 16]), Err(Failed));
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
