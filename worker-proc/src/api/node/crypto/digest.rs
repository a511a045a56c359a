//! Hashes, HMAC and key derivation for `node:crypto`, by the names Node gives hash functions.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use libcrypto::digest::{Digest, Hasher};
use libcrypto::hmac::Hmac;
use libcrypto::{Failed, kdf};

use super::error::Error;
use crate::api::node::buffer::text::{Encoding, to_text};
use crate::glue::{Arguments, IntoJs, Made, Ops, Thrown, native_object, op};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        hash_size,
        new_hash,
        new_hmac,
        update_hash,
        update_hash_by_text,
        finish_hash,
        finish_hash_as_text,
        copy_hash,
        pbkdf2,
        hkdf,
        scrypt,
    ]);
}

/// `hashSize(name)`: bytes of a digest, 0 for an unknown name, negative for one whose length may be chosen.
#[op]
fn hash_size(name: &str) -> i32 {
    Digest::by_name(name).map_or(0, |digest| {
        let size = digest.size() as i32;
        if digest.is_extendable() { -size } else { size }
    })
}

/// What hashes, natively.
enum State {
    Hash(Hasher),
    Hmac(Hmac),
}

/// None once it is finished.
type SharedState = RefCell<Option<State>>;

impl<'s> IntoJs<'s> for State {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, SharedState::new(Some(self))).into()
    }
}

/// `newHash(name)`: a native hash.
#[op]
fn new_hash(name: &str) -> Result<State, Error> {
    let digest = Digest::by_name(name).ok_or(Error::NoSuchDigest)?;
    let hasher = Hasher::new(digest).map_err(|_| Error::NoSuchDigest)?;
    Ok(State::Hash(hasher))
}

/// `newHmac(name, key)`.
#[op]
fn new_hmac(name: &str, key: &[u8]) -> Result<State, Error> {
    let digest = Digest::by_name(name).ok_or(Error::NoSuchDigest)?;
    let hmac = Hmac::new(digest, key).map_err(|_| Error::NoSuchDigest)?;
    Ok(State::Hmac(hmac))
}

/// `updateHash(handle, bytes)`: whether it went well.
#[op]
fn update_hash(state: Rc<SharedState>, bytes: &[u8]) -> bool {
    update(&state, bytes)
}

/// `updateHashByText(handle, text)`: the same with a text's UTF-8.
#[op]
fn update_hash_by_text(state: Rc<SharedState>, text: &str) -> bool {
    update(&state, text.as_bytes())
}

fn update(state: &SharedState, bytes: &[u8]) -> bool {
    let updated = match &mut *state.borrow_mut() {
        Some(State::Hash(hasher)) => hasher.update(bytes),
        Some(State::Hmac(hmac)) => hmac.update(bytes),
        None => Err(Failed),
    };
    updated.is_ok()
}

/// `finishHash(handle, length)`: the digest; a length other than 0 is for functions that have any.
#[op]
fn finish_hash(state: Rc<SharedState>, length: u32) -> Result<Vec<u8>, Error> {
    finish(&state, length)
}

/// `finishHashAsText(handle, length, hex)`: the same in hexadecimal, or else in base64.
#[op]
fn finish_hash_as_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: Rc<SharedState>,
    length: u32,
    hex: bool,
) -> Result<v8::Local<'s, v8::String>, Error> {
    let digest = finish(&state, length)?;
    let encoding = if hex { Encoding::Hex } else { Encoding::Base64 };
    to_text(scope, &digest, encoding).ok_or(Error::Failed)
}

fn finish(state: &SharedState, length: u32) -> Result<Vec<u8>, Error> {
    let length = Some(length as usize).filter(|length| *length > 0);
    Ok(match state.take() {
        Some(State::Hash(hasher)) => hasher.finish(length)?,
        Some(State::Hmac(hmac)) => hmac.finish()?,
        None => return Err(Error::Failed),
    })
}

/// `copyHash(handle)`: another hash in the same state.
#[op]
fn copy_hash(state: Rc<SharedState>) -> Result<State, Error> {
    match &*state.borrow() {
        Some(State::Hash(hasher)) => Ok(State::Hash(hasher.copy()?)),
        _ => Err(Error::Failed),
    }
}

/// What a key is made of, and its length in bytes.
#[derive(Arguments)]
struct Source {
    secret: Bytes,
    salt: Bytes,
    length: u32,
}

/// `pbkdf2(later, secret, salt, length, digest, rounds)`: the key, or a promise of it, made on another thread.
#[op]
fn pbkdf2<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    later: bool,
    source: Source,
    digest: &str,
    rounds: u32,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let digest = Digest::by_name(digest);
    Made::of(scope, later, move || {
        let digest = digest.ok_or(Error::Failed)?;
        let Source {
            secret,
            salt,
            length,
        } = source;
        let is_over = processor::is_used_up;
        let length = length as usize;
        kdf::pbkdf2(digest, &secret, &salt, rounds, length, is_over).map_err(Error::from)
    })
}

/// `hkdf(later, secret, salt, length, digest, info)`: as for `pbkdf2`.
#[op]
fn hkdf<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    later: bool,
    source: Source,
    digest: &str,
    info: Bytes,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let digest = Digest::by_name(digest);
    Made::of(scope, later, move || {
        let digest = digest.ok_or(Error::Failed)?;
        let Source {
            secret,
            salt,
            length,
        } = source;
        kdf::hkdf(digest, &secret, &salt, &info, length as usize).map_err(Error::from)
    })
}

/// What `scrypt` may cost.
#[derive(Arguments)]
struct Cost {
    n: f64,
    r: f64,
    p: f64,
    max_memory_bytes: f64,
}

/// `scrypt(later, secret, salt, length, N, r, p, maxMemoryBytes)`: as for `pbkdf2`.
#[op]
fn scrypt<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    later: bool,
    source: Source,
    cost: Cost,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    Made::of(scope, later, move || {
        let Source {
            secret,
            salt,
            length,
        } = source;
        let numbers = (cost.n as u64, cost.r as u64, cost.p as u64);
        let memory = cost.max_memory_bytes as usize;
        kdf::scrypt(&secret, &salt, numbers, memory, length as usize).map_err(Error::from)
    })
}
