//! Hashes, HMAC and key derivation for `node:crypto`, by the names Node gives hash functions.

use std::cell::RefCell;

use libcrypto::digest::{Digest, Hasher};
use libcrypto::hmac::Hmac;
use libcrypto::{Failed, kdf};

use crate::glue::{
    OpError, Ops, bytes_arg, f64_arg, native_arg, native_object, string_arg, thread_op, throw,
    throw_error, u32_arg, uint8_array, with_bytes,
};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add("hashSize", hash_size);
    ops.add("newHash", new_hash);
    ops.add("newHmac", new_hmac);
    ops.add("updateHash", update_hash);
    ops.add("finishHash", finish_hash);
    ops.add("copyHash", copy_hash);
    ops.add("derive", derive);
    ops.add("deriveLater", derive_later);
}

const FAILED: &str = "The cryptographic operation failed.";

/// `hashSize(name)`: bytes of a digest, 0 for an unknown name, negative for one whose length may be chosen.
fn hash_size(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let digest = Digest::by_name(&string_arg(scope, &args, 0));
    rv.set_int32(digest.map_or(0, |digest| {
        if digest.is_extendable() {
            -(digest.size() as i32)
        } else {
            digest.size() as i32
        }
    }));
}

/// `newHash(name)`: a native hash; the name is known.
fn new_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 0);
    let hasher = Digest::by_name(&name).map(Hasher::new);
    give_state(scope, &mut rv, hasher.map(|made| made.map(State::Hash)));
}

/// `newHmac(name, key)`.
fn new_hmac(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 0);
    let hmac = with_bytes(args.get(1), |key| {
        Digest::by_name(&name).map(|digest| Hmac::new(digest, key))
    });
    give_state(scope, &mut rv, hmac.map(|made| made.map(State::Hmac)));
}

/// Returns a native hash or HMAC.
fn give_state(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    state: Option<Result<State, Failed>>,
) {
    match state {
        Some(Ok(state)) => rv.set(native_object(scope, RefCell::new(Some(state))).into()),
        _ => throw_error(scope, "Digest method not supported"),
    }
}

enum State {
    Hash(Hasher),
    Hmac(Hmac),
}

/// None once it is finished.
type SharedState = RefCell<Option<State>>;

/// `updateHash(handle, bytes)`: whether it went well.
fn update_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<SharedState>(scope, &args, 0) else {
        return rv.set_bool(false);
    };
    let done = with_bytes(args.get(1), |bytes| match &mut *state.borrow_mut() {
        Some(State::Hash(hasher)) => hasher.update(bytes),
        Some(State::Hmac(hmac)) => hmac.update(bytes),
        None => Err(Failed),
    });
    rv.set_bool(done.is_ok());
}

/// `finishHash(handle, length)`: the digest; a length other than 0 is for functions that have any.
fn finish_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<SharedState>(scope, &args, 0) else {
        return;
    };
    let length = Some(u32_arg(scope, &args, 1) as usize).filter(|length| *length > 0);
    let digest = match state.take() {
        Some(State::Hash(hasher)) => hasher.finish(length),
        Some(State::Hmac(hmac)) => hmac.finish(),
        None => Err(Failed),
    };
    match digest {
        Ok(digest) => rv.set(uint8_array(scope, digest).into()),
        Err(Failed) => throw_error(scope, FAILED),
    }
}

/// `copyHash(handle)`: another hash in the same state.
fn copy_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<SharedState>(scope, &args, 0) else {
        return;
    };
    let copy = match &*state.borrow() {
        Some(State::Hash(hasher)) => hasher.copy().map(State::Hash),
        _ => Err(Failed),
    };
    match copy {
        Ok(copy) => rv.set(native_object(scope, RefCell::new(Some(copy))).into()),
        Err(Failed) => throw_error(scope, FAILED),
    }
}

/// What `derive` is asked for.
enum Derivation {
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
    },
    Hkdf {
        digest: Digest,
    },
    Scrypt {
        n: u64,
        r: u64,
        p: u64,
        max_memory: usize,
    },
}

/// The arguments of `derive(kind, secret, salt, length, ...)`: "pbkdf2" with hash and rounds, "hkdf" with hash and info,
/// "scrypt" with N, r, p and the memory limit in bytes.
struct Request {
    derivation: Derivation,
    secret: bytes::Bytes,
    salt: bytes::Bytes,
    info: bytes::Bytes,
    length: usize,
}

impl Request {
    fn read(scope: &mut v8::PinScope, args: &v8::FunctionCallbackArguments) -> Option<Self> {
        let kind = string_arg(scope, args, 0);
        let derivation = match kind.as_str() {
            "pbkdf2" => Derivation::Pbkdf2 {
                digest: Digest::by_name(&string_arg(scope, args, 4))?,
                rounds: u32_arg(scope, args, 5),
            },
            "hkdf" => Derivation::Hkdf {
                digest: Digest::by_name(&string_arg(scope, args, 4))?,
            },
            _ => Derivation::Scrypt {
                n: f64_arg(scope, args, 4) as u64,
                r: f64_arg(scope, args, 5) as u64,
                p: f64_arg(scope, args, 6) as u64,
                max_memory: f64_arg(scope, args, 7) as usize,
            },
        };
        Some(Self {
            derivation,
            secret: bytes_arg(args, 1),
            salt: bytes_arg(args, 2),
            info: bytes_arg(args, 5),
            length: u32_arg(scope, args, 3) as usize,
        })
    }

    fn run(&self) -> Result<Vec<u8>, OpError> {
        let (secret, salt) = (&self.secret, &self.salt);
        let key = match self.derivation {
            Derivation::Pbkdf2 { digest, rounds } => kdf::pbkdf2(
                digest,
                secret,
                salt,
                rounds,
                self.length,
                processor::is_used_up,
            ),
            Derivation::Hkdf { digest } => kdf::hkdf(digest, secret, salt, &self.info, self.length),
            Derivation::Scrypt {
                n,
                r,
                p,
                max_memory,
            } => kdf::scrypt(secret, salt, (n, r, p), max_memory, self.length),
        };
        key.map_err(|_| OpError::error(FAILED))
    }
}

/// `derive(...)`: the key, at once.
fn derive(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let result = Request::read(scope, &args)
        .ok_or_else(|| OpError::error(FAILED))
        .and_then(|request| request.run());
    match result {
        Ok(key) => rv.set(uint8_array(scope, key).into()),
        Err(error) => throw(scope, &error),
    }
}

/// `deriveLater(...)`: a promise of the key, made on another thread.
fn derive_later(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let request = Request::read(scope, &args);
    thread_op(scope, &mut rv, move || {
        request.ok_or_else(|| OpError::error(FAILED))?.run()
    });
}
