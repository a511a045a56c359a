//! Symmetric ciphers for `node:crypto`, by OpenSSL's names: AES in CBC, CTR, ECB, OFB and GCM, and the older ones; by
//! BoringSSL's those that take a message in one piece.

use std::cell::RefCell;
use std::rc::Rc;

use libcrypto::Failed;
use libcrypto::aead::Aead;
use libcrypto::cipher::{Algorithm, Cipher, MAX_TAG_BYTES};

use super::error::Error;
use crate::glue::{IntoJs, JsArray, Maybe, Ops, native_object, op};

/// Above the longest tag of any cipher, so that nobody can ask for a long buffer.
const MAX_AEAD_TAG_BYTES: usize = 64;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        cipher_info,
        new_cipher,
        update_cipher,
        finish_cipher,
        cipher_aad,
        cipher_padding,
        cipher_tag,
        set_cipher_tag,
        seal_aead,
        open_aead,
    ]);
    ops.share::<CipherInfo>();
}

/// What can be told of a cipher; see `libcrypto`.
#[derive(JsArray)]
struct CipherInfo {
    key_bytes: u32,
    iv_bytes: u32,
    block_bytes: u32,
    mode: u32,
    nid: i32,
    is_authenticated: bool,
}

/// `cipherInfo(name)`: a [`CipherInfo`], or undefined for an unknown name.
#[op]
fn cipher_info(name: &str) -> Maybe<CipherInfo> {
    let facts = Algorithm::by_name(name).map(Algorithm::facts);
    Maybe(facts.map(|facts| CipherInfo {
        key_bytes: facts.key_bytes,
        iv_bytes: facts.iv_bytes,
        block_bytes: facts.block_bytes,
        mode: facts.mode,
        nid: facts.nid,
        is_authenticated: facts.is_authenticated,
    }))
}

impl<'s> IntoJs<'s> for Cipher {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, RefCell::new(self)).into()
    }
}

/// `newCipher(name, key, iv, encrypt)`: a native cipher; lengths that do not fit throw.
#[op]
fn new_cipher(name: &str, key: &[u8], iv: &[u8], encrypt: bool) -> Result<Cipher, Error> {
    let algorithm = Algorithm::by_name(name).ok_or(Error::NoSuchCipher)?;
    Cipher::new(algorithm, key, iv, encrypt).map_err(|_| Error::NoSuchCipher)
}

/// What came out, or undefined where the cipher refused.
type Output = Maybe<Vec<u8>>;

fn output(run: impl FnOnce(&mut Vec<u8>) -> Result<(), Failed>) -> Output {
    let mut output = Vec::new();
    Maybe(run(&mut output).ok().map(|()| output))
}

/// `updateCipher(cipher, bytes)`.
#[op]
fn update_cipher(cipher: Rc<RefCell<Cipher>>, bytes: &[u8]) -> Output {
    output(|output| cipher.borrow_mut().update(bytes, output))
}

/// `finishCipher(cipher)`: undefined where the padding or the tag is wrong.
#[op]
fn finish_cipher(cipher: Rc<RefCell<Cipher>>) -> Output {
    output(|output| cipher.borrow_mut().finish(output))
}

/// `cipherAad(cipher, bytes)`: data that is authenticated only; whether it went well.
#[op]
fn cipher_aad(cipher: Rc<RefCell<Cipher>>, bytes: &[u8]) -> bool {
    cipher.borrow_mut().authenticate(bytes).is_ok()
}

/// `cipherPadding(cipher, on)`: whether it went well.
#[op]
fn cipher_padding(cipher: Rc<RefCell<Cipher>>, on: bool) -> bool {
    cipher.borrow_mut().set_padding(on).is_ok()
}

/// `cipherTag(cipher, length)`: the tag, after the end of an encryption.
#[op]
fn cipher_tag(cipher: Rc<RefCell<Cipher>>, length: u32) -> Output {
    let length = (length as usize).clamp(1, MAX_TAG_BYTES);
    Maybe(cipher.borrow_mut().tag(length).ok())
}

/// `setCipherTag(cipher, bytes)`: the tag that a decryption must find; whether it went well.
#[op]
fn set_cipher_tag(cipher: Rc<RefCell<Cipher>>, bytes: &[u8]) -> bool {
    cipher.borrow_mut().set_tag(bytes).is_ok()
}

/// `sealAead(name, key, iv, seen, data, tagBytes)`: what is hidden and its tag, or undefined where the lengths do not fit.
#[op]
fn seal_aead(
    name: &str,
    key: &[u8],
    iv: &[u8],
    seen: &[u8],
    data: &[u8],
    tag_bytes: u32,
) -> Maybe<[Vec<u8>; 2]> {
    let tag_bytes = tag_bytes as usize;
    let seal = |aead: Aead| aead.seal(key, iv, seen, data, tag_bytes).ok();
    Maybe(
        (tag_bytes <= MAX_AEAD_TAG_BYTES)
            .then(|| Aead::by_name(name).and_then(seal))
            .flatten(),
    )
}

/// `openAead(name, key, iv, seen, data, tag)`: what was hidden, or undefined where the tag is wrong.
#[op]
fn open_aead(
    name: &str,
    key: &[u8],
    iv: &[u8],
    seen: &[u8],
    data: &[u8],
    tag: &[u8],
) -> Maybe<Vec<u8>> {
    Maybe(Aead::by_name(name).and_then(|aead| aead.open(key, iv, seen, data, tag).ok()))
}
