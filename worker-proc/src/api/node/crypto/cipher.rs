//! Symmetric ciphers for `node:crypto`, by OpenSSL's names: AES in CBC, CTR, ECB, OFB and GCM, and the older ones.
//!
//! The unsafe calls to libcrypto are in `Cipher`.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr::NonNull;

use aws_lc_sys as lc;

use crate::glue::{
    Ops, bool_arg, native_arg, native_object, string_arg, throw_error, u32_arg, uint8_array,
    with_bytes,
};

pub fn ops(ops: &mut Ops) {
    ops.add("cipherInfo", info);
    ops.add("newCipher", new);
    ops.add("updateCipher", update);
    ops.add("finishCipher", finish);
    ops.add("cipherAad", aad);
    ops.add("cipherPadding", padding);
    ops.add("cipherTag", tag);
    ops.add("setCipherTag", set_tag);
}

/// The longest authentication tag, bytes.
const TAG_BYTES: usize = 16;

/// `cipherInfo(name)`: `[keyLength, ivLength, blockSize, mode, nid, isAuthenticated]`, or undefined for an unknown name.
fn info(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(algorithm) = Algorithm::by_name(&string_arg(scope, &args, 0)) else {
        return;
    };
    let numbers = algorithm
        .numbers()
        .map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `newCipher(name, key, iv, encrypt)`: a native cipher; lengths that do not fit throw.
fn new(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let name = string_arg(scope, &args, 0);
    let encrypt = bool_arg(&args, 3);
    let cipher = with_bytes(args.get(1), |key| {
        with_bytes(args.get(2), |iv| {
            Algorithm::by_name(&name).and_then(|algorithm| Cipher::new(algorithm, key, iv, encrypt))
        })
    });
    match cipher {
        Some(cipher) => rv.set(native_object(scope, RefCell::new(cipher)).into()),
        None => throw_error(scope, "Failed to initialize the cipher"),
    }
}

/// Returns what the cipher gave, or undefined where it refused.
fn give(scope: &mut v8::PinScope, rv: &mut v8::ReturnValue, output: Option<Vec<u8>>) {
    if let Some(output) = output {
        rv.set(uint8_array(scope, output).into());
    }
}

/// `updateCipher(cipher, bytes)`.
fn update(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let output = with_bytes(args.get(1), |bytes| cipher.borrow_mut().update(bytes));
    give(scope, &mut rv, output);
}

/// `finishCipher(cipher)`: undefined where the padding or the tag is wrong.
fn finish(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let output = cipher.borrow_mut().finish();
    give(scope, &mut rv, output);
}

/// `cipherAad(cipher, bytes)`: data that is authenticated only.
fn aad(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    rv.set_bool(with_bytes(args.get(1), |bytes| {
        cipher.borrow_mut().aad(bytes)
    }));
}

/// `cipherPadding(cipher, on)`.
fn padding(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    rv.set_bool(cipher.borrow_mut().pad(bool_arg(&args, 1)));
}

/// `cipherTag(cipher, length)`: the tag, after the end of an encryption.
fn tag(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let length = (u32_arg(scope, &args, 1) as usize).clamp(1, TAG_BYTES);
    let tag = cipher.borrow_mut().tag(length);
    give(scope, &mut rv, tag);
}

/// `setCipherTag(cipher, bytes)`: the tag that a decryption must find.
fn set_tag(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    rv.set_bool(with_bytes(args.get(1), |bytes| {
        cipher.borrow_mut().set_tag(bytes)
    }));
}

/// One of libcrypto's static tables.
#[derive(Clone, Copy)]
struct Algorithm(*const lc::EVP_CIPHER);

impl Algorithm {
    fn by_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        // "id-aes256-GCM" and "aes256" are other names.
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
        let table = unsafe { lc::EVP_get_cipherbyname(name.as_ptr()) };
        (!table.is_null()).then_some(Self(table))
    }

    fn numbers(self) -> [u32; 6] {
        // SAFETY: the table is static.
        unsafe {
            [
                lc::EVP_CIPHER_key_length(self.0),
                lc::EVP_CIPHER_iv_length(self.0),
                lc::EVP_CIPHER_block_size(self.0),
                lc::EVP_CIPHER_mode(self.0) & 0x3f,
                lc::EVP_CIPHER_nid(self.0) as u32,
                u32::from(lc::EVP_CIPHER_flags(self.0) & lc::EVP_CIPH_FLAG_AEAD_CIPHER as u32 != 0),
            ]
        }
    }

    /// Whether it authenticates as well: GCM, ChaCha20-Poly1305.
    fn is_authenticated(self) -> bool {
        self.numbers()[5] == 1
    }
}

struct Cipher {
    context: NonNull<lc::EVP_CIPHER_CTX>,
    algorithm: Algorithm,
}

impl Cipher {
    fn new(algorithm: Algorithm, key: &[u8], iv: &[u8], encrypt: bool) -> Option<Self> {
        let [key_length, iv_length, ..] = algorithm.numbers();
        if key.len() != key_length as usize
            || (!algorithm.is_authenticated() && iv.len() != iv_length as usize)
        {
            return None;
        }
        let direction = i32::from(encrypt);
        let none = std::ptr::null();
        // SAFETY: a new context is ours until it is freed; key and iv have the lengths that the cipher reads.
        unsafe {
            let cipher = Self {
                context: NonNull::new(lc::EVP_CIPHER_CTX_new())?,
                algorithm,
            };
            let context = cipher.context.as_ptr();
            let engine = std::ptr::null_mut();
            if lc::EVP_CipherInit_ex(context, algorithm.0, engine, none, none, direction) != 1 {
                return None;
            }
            if algorithm.is_authenticated() {
                let length = i32::try_from(iv.len()).ok().filter(|length| *length > 0)?;
                if lc::EVP_CIPHER_CTX_ctrl(
                    context,
                    lc::EVP_CTRL_AEAD_SET_IVLEN,
                    length,
                    std::ptr::null_mut(),
                ) != 1
                {
                    return None;
                }
            }
            let iv = if iv.is_empty() { none } else { iv.as_ptr() };
            let fine = lc::EVP_CipherInit_ex(
                context,
                std::ptr::null(),
                engine,
                key.as_ptr(),
                iv,
                direction,
            ) == 1;
            fine.then_some(cipher)
        }
    }

    fn update(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let length = i32::try_from(bytes.len()).ok()?;
        let mut output = vec![0; bytes.len() + lc::EVP_MAX_BLOCK_LENGTH as usize];
        let mut written = 0;
        // SAFETY: the output has room for the input and one more block.
        let fine = unsafe {
            lc::EVP_CipherUpdate(
                self.context.as_ptr(),
                output.as_mut_ptr(),
                &mut written,
                bytes.as_ptr(),
                length,
            ) == 1
        };
        output.truncate(written.max(0) as usize);
        fine.then_some(output)
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        let mut output = vec![0; lc::EVP_MAX_BLOCK_LENGTH as usize];
        let mut written = 0;
        // SAFETY: the output has room for a block.
        let fine = unsafe {
            lc::EVP_CipherFinal_ex(self.context.as_ptr(), output.as_mut_ptr(), &mut written) == 1
        };
        // SAFETY: touches this thread's error queue only.
        unsafe { lc::ERR_clear_error() };
        output.truncate(written.max(0) as usize);
        fine.then_some(output)
    }

    fn aad(&mut self, bytes: &[u8]) -> bool {
        let Ok(length) = i32::try_from(bytes.len()) else {
            return false;
        };
        let mut written = 0;
        // SAFETY: without an output, the input is authenticated only.
        self.algorithm.is_authenticated()
            && unsafe {
                lc::EVP_CipherUpdate(
                    self.context.as_ptr(),
                    std::ptr::null_mut(),
                    &mut written,
                    bytes.as_ptr(),
                    length,
                ) == 1
            }
    }

    fn pad(&mut self, on: bool) -> bool {
        // SAFETY: the context is alive.
        unsafe { lc::EVP_CIPHER_CTX_set_padding(self.context.as_ptr(), i32::from(on)) == 1 }
    }

    fn tag(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut tag = vec![0u8; length];
        // SAFETY: the tag is as long as is said.
        let fine = self.algorithm.is_authenticated()
            && unsafe {
                lc::EVP_CIPHER_CTX_ctrl(
                    self.context.as_ptr(),
                    lc::EVP_CTRL_AEAD_GET_TAG,
                    length as i32,
                    tag.as_mut_ptr().cast(),
                ) == 1
            };
        fine.then_some(tag)
    }

    fn set_tag(&mut self, bytes: &[u8]) -> bool {
        let mut tag = bytes.to_vec();
        // SAFETY: the tag is as long as is said, and read during the call.
        self.algorithm.is_authenticated()
            && bytes.len() <= TAG_BYTES
            && unsafe {
                lc::EVP_CIPHER_CTX_ctrl(
                    self.context.as_ptr(),
                    lc::EVP_CTRL_AEAD_SET_TAG,
                    tag.len() as i32,
                    tag.as_mut_ptr().cast(),
                ) == 1
            }
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { lc::EVP_CIPHER_CTX_free(self.context.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(name: &str, iv: &[u8], encrypt: bool) -> Cipher {
        Cipher::new(
            Algorithm::by_name(name).expect("a cipher"),
            &[7; 32],
            iv,
            encrypt,
        )
        .expect("the lengths fit")
    }

    #[test]
    fn what_is_encrypted_is_decrypted() {
        for (name, iv) in [
            ("aes-256-cbc", &[1u8; 16][..]),
            ("AES-256-CTR", &[1; 16]),
            ("aes256", &[1; 16]),
        ] {
            let mut encryption = cipher(name, iv, true);
            let mut hidden = encryption.update(b"some secret text").expect("output");
            hidden.extend(encryption.finish().expect("the end"));
            let mut decryption = cipher(name, iv, false);
            let mut shown = decryption.update(&hidden).expect("output");
            shown.extend(decryption.finish().expect("the end"));
            assert_eq!(shown, b"some secret text");
        }
    }

    #[test]
    fn a_wrong_tag_is_refused() {
        let mut encryption = cipher("aes-256-gcm", &[1; 12], true);
        assert!(encryption.aad(b"seen"));
        let hidden = encryption.update(b"text").expect("output");
        encryption.finish().expect("the end");
        let mut tag = encryption.tag(16).expect("a tag");
        for wrong in [false, true] {
            tag[0] ^= u8::from(wrong);
            let mut decryption = cipher("id-aes256-GCM", &[1; 12], false);
            assert!(decryption.aad(b"seen") && decryption.set_tag(&tag));
            assert_eq!(decryption.update(&hidden).as_deref(), Some(&b"text"[..]));
            assert_eq!(decryption.finish().is_none(), wrong);
        }
    }

    #[test]
    fn lengths_must_fit() {
        let algorithm = Algorithm::by_name("aes-128-cbc").expect("a cipher");
        assert!(Cipher::new(algorithm, &[0; 15], &[0; 16], true).is_none());
        assert!(Cipher::new(algorithm, &[0; 16], &[0; 12], true).is_none());
    }
}
