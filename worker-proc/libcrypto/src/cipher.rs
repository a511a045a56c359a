//! Symmetric ciphers that take their data in pieces, by OpenSSL's names.

use std::ffi::{CString, c_int};
use std::ptr::{null, null_mut};

use aws_lc_sys as lc;

use crate::object::Owned;
use crate::{Failed, check, ffi};

/// The longest authentication tag, bytes.
pub const MAX_TAG_BYTES: usize = 16;

/// What a piece may put out beyond its own length, bytes.
pub(crate) const MAX_BLOCK_BYTES: usize = lc::EVP_MAX_BLOCK_LENGTH as usize;

/// Modes that AES has here, for every length of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AesMode {
    Cbc,
    Ctr,
    Gcm,
}

/// A cipher: one of libcrypto's static tables.
#[derive(Clone, Copy)]
pub struct Algorithm(&'static lc::EVP_CIPHER);

impl Algorithm {
    /// By OpenSSL's name, in any case: "id-aes256-GCM" and "aes256" are other names of what they say.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let plain = match lower.as_str() {
            "aes128" => "aes-128-cbc".to_owned(),
            "aes192" => "aes-192-cbc".to_owned(),
            "aes256" => "aes-256-cbc".to_owned(),
            other => match other.strip_prefix("id-aes") {
                Some(rest) => format!("aes-{rest}"),
                None => other.to_owned(),
            },
        };
        let name = CString::new(plain).ok()?;
        // SAFETY: the name is a C string; the result is a static table or null.
        unsafe { lc::EVP_get_cipherbyname(name.as_ptr()).as_ref() }.map(Self)
    }

    pub(crate) fn aes(mode: AesMode, key_bytes: usize) -> Option<Self> {
        use AesMode::{Cbc, Ctr, Gcm};
        let table = match (mode, key_bytes) {
            (Cbc, 16) => ffi::EVP_aes_128_cbc(),
            (Cbc, 24) => ffi::EVP_aes_192_cbc(),
            (Cbc, 32) => ffi::EVP_aes_256_cbc(),
            (Ctr, 16) => ffi::EVP_aes_128_ctr(),
            (Ctr, 24) => ffi::EVP_aes_192_ctr(),
            (Ctr, 32) => ffi::EVP_aes_256_ctr(),
            (Gcm, 16) => ffi::EVP_aes_128_gcm(),
            (Gcm, 24) => ffi::EVP_aes_192_gcm(),
            (Gcm, 32) => ffi::EVP_aes_256_gcm(),
            _ => None,
        };
        table.map(Self)
    }

    /// What can be told of it.
    #[must_use]
    pub fn facts(self) -> Facts {
        let flags = ffi::EVP_CIPHER_flags(self.0);
        Facts {
            key_bytes: ffi::EVP_CIPHER_key_length(self.0),
            iv_bytes: ffi::EVP_CIPHER_iv_length(self.0),
            block_bytes: ffi::EVP_CIPHER_block_size(self.0),
            mode: ffi::EVP_CIPHER_mode(self.0) & 0x3f,
            nid: ffi::EVP_CIPHER_nid(self.0),
            is_authenticated: flags & lc::EVP_CIPH_FLAG_AEAD_CIPHER as u32 != 0,
        }
    }
}

/// What can be told of a cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The length of the key.
    pub key_bytes: u32,
    /// Of an authenticated cipher the usual length; it takes others.
    pub iv_bytes: u32,
    /// 1 of a stream cipher.
    pub block_bytes: u32,
    /// One of OpenSSL's `EVP_CIPH_*_MODE`.
    pub mode: u32,
    /// OpenSSL's number of the cipher.
    pub nid: i32,
    /// Whether it authenticates as well: GCM, ChaCha20-Poly1305.
    pub is_authenticated: bool,
}

/// A run of a cipher over one message.
pub struct Cipher {
    context: Owned<lc::EVP_CIPHER_CTX>,
    is_authenticated: bool,
}

impl Cipher {
    /// Begins a message.
    ///
    /// # Errors
    /// The key or the IV has a length that the cipher does not take.
    pub fn new(algorithm: Algorithm, key: &[u8], iv: &[u8], encrypt: bool) -> Result<Self, Failed> {
        let facts = algorithm.facts();
        let fits = if facts.is_authenticated {
            !iv.is_empty()
        } else {
            iv.len() == facts.iv_bytes as usize
        };
        if !fits || key.len() != facts.key_bytes as usize {
            return Err(Failed);
        }
        let iv_bytes = c_int::try_from(iv.len()).map_err(|_| Failed)?;
        let (key, iv) = (key.as_ptr(), iv.as_ptr());
        let (table, direction) = (std::ptr::from_ref(algorithm.0), encrypt.into());
        let context = ffi::EVP_CIPHER_CTX_new()?;
        // SAFETY: key and IV have the lengths that the cipher reads: an authenticated one is told that of the IV before.
        unsafe {
            let init = |table, key, iv| {
                check(lc::EVP_CipherInit_ex(
                    context.get(),
                    table,
                    null_mut(),
                    key,
                    iv,
                    direction,
                ))
            };
            if facts.is_authenticated {
                init(table, null(), null())?;
                check(lc::EVP_CIPHER_CTX_ctrl(
                    context.get(),
                    lc::EVP_CTRL_AEAD_SET_IVLEN,
                    iv_bytes,
                    null_mut(),
                ))?;
                init(null(), key, iv)?;
            } else {
                init(table, key, iv)?;
            }
            Ok(Self {
                context,
                is_authenticated: facts.is_authenticated,
            })
        }
    }

    /// Feeds data; what comes out is appended to `output`.
    ///
    /// # Errors
    /// Libcrypto refuses, as a cipher does that has no padding and gets no whole block.
    pub fn update(&mut self, data: &[u8], output: &mut Vec<u8>) -> Result<(), Failed> {
        self.feed(data, Some(output))
    }

    /// Feeds data that is authenticated only.
    ///
    /// # Errors
    /// The cipher does not authenticate.
    pub fn authenticate(&mut self, data: &[u8]) -> Result<(), Failed> {
        if !self.is_authenticated {
            return Err(Failed);
        }
        self.feed(data, None)
    }

    fn feed(&mut self, data: &[u8], mut output: Option<&mut Vec<u8>>) -> Result<(), Failed> {
        // The library counts in c_int.
        const STEP_BYTES: usize = 1 << 30;
        for step in data.chunks(STEP_BYTES) {
            let place = output.as_deref_mut().map_or(null_mut(), |output| {
                output.reserve(step.len() + MAX_BLOCK_BYTES);
                output.spare_capacity_mut().as_mut_ptr().cast()
            });
            let (start, length) = (step.as_ptr(), step.len() as c_int);
            let mut written = 0;
            // SAFETY: the output has room for the step and a block more, of which so much is written as is said then; without
            // an output the data is authenticated only.
            unsafe {
                let context = self.context.get();
                check(lc::EVP_CipherUpdate(
                    context,
                    place,
                    &mut written,
                    start,
                    length,
                ))?;
                if let Some(output) = output.as_deref_mut() {
                    output.set_len(output.len() + written as usize);
                }
            }
        }
        Ok(())
    }

    /// Ends the message; what is left comes out.
    ///
    /// # Errors
    /// The padding or the tag is wrong, or a block is not whole.
    pub fn finish(&mut self, output: &mut Vec<u8>) -> Result<(), Failed> {
        let start = output.len();
        output.resize(start + MAX_BLOCK_BYTES, 0);
        let mut written = 0;
        let place = output[start..].as_mut_ptr();
        // SAFETY: the output has room for a last block.
        let done =
            check(unsafe { lc::EVP_CipherFinal_ex(self.context.get(), place, &mut written) });
        output.truncate(start + written.max(0) as usize);
        done
    }

    /// Whether the last block is padded, which it is unless this says no.
    ///
    /// # Errors
    /// Libcrypto refuses.
    pub fn set_padding(&mut self, on: bool) -> Result<(), Failed> {
        check(ffi::EVP_CIPHER_CTX_set_padding(
            &mut self.context,
            on.into(),
        ))
    }

    /// The tag of so many bytes, after the end of an encryption.
    ///
    /// # Errors
    /// The message is not at its end, or the cipher has no such tag.
    pub fn tag(&mut self, length: usize) -> Result<Vec<u8>, Failed> {
        let mut tag = vec![0; length];
        self.exchange_tag(lc::EVP_CTRL_AEAD_GET_TAG, &mut tag)?;
        Ok(tag)
    }

    /// The tag that a decryption must find.
    ///
    /// # Errors
    /// The cipher has no such tag.
    pub fn set_tag(&mut self, tag: &[u8]) -> Result<(), Failed> {
        self.exchange_tag(lc::EVP_CTRL_AEAD_SET_TAG, &mut tag.to_vec())
    }

    fn exchange_tag(&mut self, command: c_int, tag: &mut [u8]) -> Result<(), Failed> {
        if !self.is_authenticated || tag.len() > MAX_TAG_BYTES {
            return Err(Failed);
        }
        let (place, length) = (tag.as_mut_ptr().cast(), tag.len() as c_int);
        // SAFETY: the tag is as long as is said.
        check(unsafe { lc::EVP_CIPHER_CTX_ctrl(self.context.get(), command, length, place) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(name: &str, iv: &[u8], encrypt: bool) -> Cipher {
        let algorithm = Algorithm::by_name(name).expect("a cipher");
        Cipher::new(algorithm, &[7; 32], iv, encrypt).expect("the lengths fit")
    }

    fn run(cipher: &mut Cipher, data: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut output = Vec::new();
        for piece in data.chunks(7) {
            cipher.update(piece, &mut output)?;
        }
        cipher.finish(&mut output)?;
        Ok(output)
    }

    #[test]
    fn what_is_encrypted_is_decrypted() {
        for (name, iv) in [
            ("aes-256-cbc", &[1u8; 16][..]),
            ("AES-256-CTR", &[1; 16]),
            ("aes256", &[1; 16]),
            ("aes-256-ecb", &[]),
        ] {
            let hidden = run(&mut cipher(name, iv, true), b"some secret text").expect("output");
            let shown = run(&mut cipher(name, iv, false), &hidden).expect("output");
            assert_eq!(shown, b"some secret text", "{name}");
        }
    }

    #[test]
    fn a_wrong_tag_is_refused() {
        let mut encryption = cipher("aes-256-gcm", &[1; 12], true);
        encryption.authenticate(b"seen").expect("it authenticates");
        let hidden = run(&mut encryption, b"text").expect("output");
        let mut tag = encryption.tag(16).expect("a tag");
        for wrong in [false, true] {
            tag[0] ^= u8::from(wrong);
            let mut decryption = cipher("id-aes256-GCM", &[1; 12], false);
            decryption.authenticate(b"seen").expect("it authenticates");
            decryption.set_tag(&tag).expect("a tag");
            let shown = run(&mut decryption, &hidden);
            assert_eq!(shown.is_err(), wrong);
            assert!(wrong || shown.as_deref() == Ok(b"text"));
        }
    }

    #[test]
    fn lengths_must_fit() {
        let algorithm = Algorithm::by_name("aes-128-cbc").expect("a cipher");
        assert!(Cipher::new(algorithm, &[0; 15], &[0; 16], true).is_err());
        assert!(Cipher::new(algorithm, &[0; 16], &[0; 12], true).is_err());
        let gcm = Algorithm::by_name("aes-128-gcm").expect("a cipher");
        assert!(Cipher::new(gcm, &[0; 16], &[], true).is_err());
        let mut cbc = cipher("aes-256-cbc", &[0; 16], true);
        assert!(cbc.authenticate(b"no").is_err() && cbc.tag(16).is_err());
        assert!(
            cipher("aes-256-gcm", &[0; 12], false)
                .set_tag(&[0; 17])
                .is_err()
        );
    }

    #[test]
    fn a_block_without_padding_must_be_whole() {
        let mut cbc = cipher("aes-256-cbc", &[0; 16], true);
        cbc.set_padding(false).expect("it has padding");
        assert_eq!(
            run(&mut cbc, b"less than a block"[..9].as_ref()),
            Err(Failed)
        );
    }
}
