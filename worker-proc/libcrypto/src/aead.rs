//! Authenticated encryption of messages in one piece (RFC 5116), for ciphers that have no other form.

use std::ffi::c_int;
use std::ptr::null;

use aws_lc_sys as lc;

use crate::object::Owned;
use crate::{Failed, check, eax, ffi};

/// An algorithm.
#[derive(Clone, Copy)]
pub enum Aead {
    /// One of libcrypto's static tables.
    Table(&'static lc::EVP_AEAD),
    /// EAX, with so long a key.
    Eax(usize),
}

/// Of the IV and the tag that BoringSSL's EAX takes, though the mode takes others.
const EAX_BYTES: usize = 16;

impl Aead {
    /// By BoringSSL's name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let table = match name {
            "aes-128-ccm-bluetooth" => ffi::EVP_aead_aes_128_ccm_bluetooth(),
            "aes-128-ccm-bluetooth-8" => ffi::EVP_aead_aes_128_ccm_bluetooth_8(),
            "aes-128-ccm-matter" => ffi::EVP_aead_aes_128_ccm_matter(),
            "aes-128-ctr-hmac-sha256" => ffi::EVP_aead_aes_128_ctr_hmac_sha256(),
            "aes-256-ctr-hmac-sha256" => ffi::EVP_aead_aes_256_ctr_hmac_sha256(),
            "aes-128-gcm-randnonce" => ffi::EVP_aead_aes_128_gcm_randnonce(),
            "aes-256-gcm-randnonce" => ffi::EVP_aead_aes_256_gcm_randnonce(),
            "aes-128-gcm-siv" => ffi::EVP_aead_aes_128_gcm_siv(),
            "aes-256-gcm-siv" => ffi::EVP_aead_aes_256_gcm_siv(),
            "chacha20-poly1305" => ffi::EVP_aead_chacha20_poly1305(),
            "xchacha20-poly1305" => ffi::EVP_aead_xchacha20_poly1305(),
            "aes-128-eax" => return Some(Self::Eax(16)),
            "aes-256-eax" => return Some(Self::Eax(32)),
            _ => None,
        };
        table.map(Self::Table)
    }

    /// What was encrypted, and the tag that is over `seen` too.
    ///
    /// # Errors
    /// Key, IV or tag have a length that the cipher does not take, or the data is too long for it.
    pub fn seal(
        self,
        key: &[u8],
        iv: &[u8],
        seen: &[u8],
        data: &[u8],
        tag_bytes: usize,
    ) -> Result<[Vec<u8>; 2], Failed> {
        if self.is_eax(key, iv, tag_bytes)? {
            return eax::seal(key, iv, seen, data);
        }
        let mut tag = vec![0; tag_bytes];
        Ok([self.run(key, iv, seen, data, Tag::Made(&mut tag))?, tag])
    }

    /// What is hidden in `data`.
    ///
    /// # Errors
    /// As for [`Self::seal`]; or the tag is wrong.
    pub fn open(
        self,
        key: &[u8],
        iv: &[u8],
        seen: &[u8],
        data: &[u8],
        tag: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        if self.is_eax(key, iv, tag.len())? {
            return eax::open(key, iv, seen, data, tag);
        }
        self.run(key, iv, seen, data, Tag::Given(tag))
    }

    /// Whether it is EAX, for which these have the right lengths.
    fn is_eax(self, key: &[u8], iv: &[u8], tag_bytes: usize) -> Result<bool, Failed> {
        let Self::Eax(key_bytes) = self else {
            return Ok(false);
        };
        let fits = [key.len(), iv.len(), tag_bytes] == [key_bytes, EAX_BYTES, EAX_BYTES];
        if fits { Ok(true) } else { Err(Failed) }
    }

    fn run(
        self,
        key: &[u8],
        iv: &[u8],
        seen: &[u8],
        data: &[u8],
        tag: Tag,
    ) -> Result<Vec<u8>, Failed> {
        let Self::Table(table) = self else {
            return Err(Failed);
        };
        let (table, mut output) = (std::ptr::from_ref(table), vec![0; data.len()]);
        let ((key, key_bytes), (iv, iv_bytes)) = (span(key), span(iv));
        let ((start, size), (seen, seen_bytes)) = (span(data), span(seen));
        let to = output.as_mut_ptr();
        // SAFETY: all that is read has the length given with it; the output is as long as the data, and the tag as is said.
        let done = unsafe {
            let begin =
                |tag_bytes| Owned::new(lc::EVP_AEAD_CTX_new(table, key, key_bytes, tag_bytes));
            match tag {
                Tag::Made(tag) => {
                    let (context, mut made) = (begin(tag.len())?, 0);
                    let (place, room) = (tag.as_mut_ptr(), tag.len());
                    let sealed = lc::EVP_AEAD_CTX_seal_scatter(
                        context.get(),
                        to,
                        place,
                        &mut made,
                        room,
                        iv,
                        iv_bytes,
                        start,
                        size,
                        null(),
                        0,
                        seen,
                        seen_bytes,
                    );
                    c_int::from(sealed == 1 && made == room)
                }
                Tag::Given(tag) => {
                    let context = begin(tag.len())?;
                    let (tag, length) = span(tag);
                    lc::EVP_AEAD_CTX_open_gather(
                        context.get(),
                        to,
                        iv,
                        iv_bytes,
                        start,
                        size,
                        tag,
                        length,
                        seen,
                        seen_bytes,
                    )
                }
            }
        };
        check(done)?;
        Ok(output)
    }
}

enum Tag<'a> {
    Made(&'a mut [u8]),
    Given(&'a [u8]),
}

fn span(bytes: &[u8]) -> (*const u8, usize) {
    (bytes.as_ptr(), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back() {
        for (name, key_bytes, iv_bytes, tag_bytes) in [
            ("aes-128-gcm-siv", 16, 12, 16),
            ("aes-256-gcm-siv", 32, 12, 16),
            ("chacha20-poly1305", 32, 12, 16),
            ("chacha20-poly1305", 32, 12, 9),
            ("xchacha20-poly1305", 32, 24, 16),
            ("aes-128-gcm-randnonce", 16, 0, 28),
            ("aes-256-gcm-randnonce", 32, 0, 16),
            ("aes-128-ccm-bluetooth", 16, 13, 4),
            ("aes-128-ccm-bluetooth-8", 16, 13, 8),
            ("aes-128-ccm-matter", 16, 13, 16),
            ("aes-128-ctr-hmac-sha256", 48, 12, 32),
            ("aes-128-eax", 16, 16, 16),
            ("aes-256-eax", 32, 16, 16),
            ("aes-256-ctr-hmac-sha256", 64, 12, 32),
        ] {
            let (aead, key, iv) = (
                Aead::by_name(name).expect("a cipher"),
                vec![7; key_bytes],
                vec![9; iv_bytes],
            );
            let [data, tag] = aead
                .seal(&key, &iv, b"aad", b"hello", tag_bytes)
                .expect(name);
            let open = |seen, tag| aead.open(&key, &iv, seen, &data, tag);
            assert_eq!(open(b"aad", &tag).as_deref(), Ok(&b"hello"[..]));
            assert!(
                open(b"other", &tag).is_err() && open(b"aad", &tag[1..]).is_err(),
                "{name}"
            );
            assert!(
                aead.seal(&key, &[&iv[..], b"x"].concat(), b"", b"", tag_bytes)
                    .is_err()
            );
            assert!(aead.seal(&key[1..], &iv, b"", b"", tag_bytes).is_err());
            assert!(aead.seal(&key, &iv, b"", b"", 65).is_err());
        }
    }
}
