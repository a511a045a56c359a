//! Hashes, HMAC and key derivation for `node:crypto`, by the names Node gives hash functions.
//!
//! The unsafe calls to libcrypto are in the small wrappers at the end.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr::NonNull;

use aws_lc_sys as lc;

use crate::api::web::crypto::pbkdf2::pbkdf2;
use crate::glue::{
    OpError, Ops, bytes_arg, f64_arg, native_arg, native_object, string_arg, thread_op, throw,
    throw_error, u32_arg, uint8_array, with_bytes,
};

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
    let algorithm = Algorithm::by_name(&string_arg(scope, &args, 0));
    rv.set_int32(algorithm.map_or(0, |algorithm| {
        if algorithm.is_extendable() {
            -(algorithm.size() as i32)
        } else {
            algorithm.size() as i32
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
    match Algorithm::by_name(&name).and_then(Hash::new) {
        Some(hash) => rv.set(native_object(scope, RefCell::new(State::Hash(hash))).into()),
        None => throw_error(scope, "Digest method not supported"),
    }
}

/// `newHmac(name, key)`.
fn new_hmac(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 0);
    let hmac = with_bytes(args.get(1), |key| {
        Algorithm::by_name(&name).and_then(|algorithm| Hmac::new(algorithm, key))
    });
    match hmac {
        Some(hmac) => rv.set(native_object(scope, RefCell::new(State::Hmac(hmac))).into()),
        None => throw_error(scope, "Digest method not supported"),
    }
}

enum State {
    Hash(Hash),
    Hmac(Hmac),
}

/// `updateHash(handle, bytes)`: whether it went well.
fn update_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<RefCell<State>>(scope, &args, 0) else {
        return rv.set_bool(false);
    };
    let fine = with_bytes(args.get(1), |bytes| match &mut *state.borrow_mut() {
        State::Hash(hash) => hash.update(bytes),
        State::Hmac(hmac) => hmac.update(bytes),
    });
    rv.set_bool(fine);
}

/// `finishHash(handle, length)`: the digest; a length other than 0 is for functions that have any.
fn finish_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<RefCell<State>>(scope, &args, 0) else {
        return;
    };
    let length = u32_arg(scope, &args, 1) as usize;
    let digest = match &mut *state.borrow_mut() {
        State::Hash(hash) => hash.finish(length),
        State::Hmac(hmac) => hmac.finish(),
    };
    match digest {
        Some(digest) => rv.set(uint8_array(scope, digest).into()),
        None => throw_error(scope, FAILED),
    }
}

/// `copyHash(handle)`: another hash in the same state.
fn copy_hash(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(state) = native_arg::<RefCell<State>>(scope, &args, 0) else {
        return;
    };
    let copy = match &*state.borrow() {
        State::Hash(hash) => hash.copy(),
        State::Hmac(_) => None,
    };
    match copy {
        Some(copy) => rv.set(native_object(scope, RefCell::new(State::Hash(copy))).into()),
        None => throw_error(scope, FAILED),
    }
}

/// What `derive` is asked for.
enum Derivation {
    Pbkdf2 {
        algorithm: Algorithm,
        rounds: u32,
    },
    Hkdf {
        algorithm: Algorithm,
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
                algorithm: Algorithm::by_name(&string_arg(scope, args, 4))?,
                rounds: u32_arg(scope, args, 5),
            },
            "hkdf" => Derivation::Hkdf {
                algorithm: Algorithm::by_name(&string_arg(scope, args, 4))?,
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
        if let Derivation::Pbkdf2 { algorithm, rounds } = self.derivation {
            // SAFETY: the algorithm is a static table.
            let key = unsafe { pbkdf2(algorithm.0, secret, salt, rounds, self.length) };
            return key.map_err(|_| OpError::error(FAILED));
        }
        let mut key = vec![0; self.length];
        // SAFETY: every pointer goes with its length, and the output is as long as is said.
        let result = unsafe {
            match self.derivation {
                Derivation::Pbkdf2 { .. } => 0,
                Derivation::Hkdf { algorithm } => lc::HKDF(
                    key.as_mut_ptr(),
                    key.len(),
                    algorithm.0,
                    secret.as_ptr(),
                    secret.len(),
                    salt.as_ptr(),
                    salt.len(),
                    self.info.as_ptr(),
                    self.info.len(),
                ),
                Derivation::Scrypt {
                    n,
                    r,
                    p,
                    max_memory,
                } => lc::EVP_PBE_scrypt(
                    secret.as_ptr().cast(),
                    secret.len(),
                    salt.as_ptr(),
                    salt.len(),
                    n,
                    r,
                    p,
                    max_memory,
                    key.as_mut_ptr(),
                    key.len(),
                ),
            }
        };
        if result == 1 {
            Ok(key)
        } else {
            Err(OpError::error(FAILED))
        }
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

/// A hash function: one of libcrypto's static tables.
#[derive(Clone, Copy)]
struct Algorithm(*const lc::EVP_MD);

// SAFETY: the tables are static and never change.
unsafe impl Send for Algorithm {}

impl Algorithm {
    fn by_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let plain = lower.strip_prefix("rsa-").unwrap_or(&lower);
        let plain = match plain {
            "sha-1" | "ssl3-sha1" | "dsa-sha" | "dsa-sha1" | "ecdsa-with-sha1" => "sha1",
            "ssl3-md5" => "md5",
            "rmd160" | "ripemd" => "ripemd160",
            "sha-224" => "sha224",
            "sha-256" => "sha256",
            "sha-384" => "sha384",
            "sha-512" => "sha512",
            other => other,
        };
        let name = CString::new(plain).ok()?;
        // SAFETY: the name is a C string; the result is a static table or null.
        let table = unsafe { lc::EVP_get_digestbyname(name.as_ptr()) };
        (!table.is_null()).then_some(Self(table))
    }

    fn size(self) -> usize {
        // SAFETY: the table is static.
        unsafe { lc::EVP_MD_size(self.0) }
    }

    fn is_extendable(self) -> bool {
        // SAFETY: the table is static.
        unsafe { lc::EVP_MD_flags(self.0) & lc::EVP_MD_FLAG_XOF as u32 != 0 }
    }
}

struct Hash {
    context: NonNull<lc::EVP_MD_CTX>,
    algorithm: Algorithm,
}

impl Hash {
    fn new(algorithm: Algorithm) -> Option<Self> {
        // SAFETY: a new context is ours until it is freed.
        unsafe {
            let hash = Self {
                context: NonNull::new(lc::EVP_MD_CTX_new())?,
                algorithm,
            };
            let fine =
                lc::EVP_DigestInit_ex(hash.context.as_ptr(), algorithm.0, std::ptr::null_mut())
                    == 1;
            fine.then_some(hash)
        }
    }

    fn copy(&self) -> Option<Self> {
        // SAFETY: both contexts are alive.
        unsafe {
            let copy = Self {
                context: NonNull::new(lc::EVP_MD_CTX_new())?,
                algorithm: self.algorithm,
            };
            (lc::EVP_MD_CTX_copy_ex(copy.context.as_ptr(), self.context.as_ptr()) == 1)
                .then_some(copy)
        }
    }

    fn update(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: the bytes are read during the call.
        unsafe {
            lc::EVP_DigestUpdate(self.context.as_ptr(), bytes.as_ptr().cast(), bytes.len()) == 1
        }
    }

    fn finish(&mut self, length: usize) -> Option<Vec<u8>> {
        if self.algorithm.is_extendable() {
            let mut digest = vec![
                0;
                if length == 0 {
                    self.algorithm.size()
                } else {
                    length
                }
            ];
            // SAFETY: the output is as long as is said.
            let fine = unsafe {
                lc::EVP_DigestFinalXOF(self.context.as_ptr(), digest.as_mut_ptr(), digest.len())
                    == 1
            };
            return fine.then_some(digest);
        }
        let mut digest = vec![0; lc::EVP_MAX_MD_SIZE as usize];
        let mut written = 0;
        // SAFETY: the output has room for the longest digest.
        let fine = unsafe {
            lc::EVP_DigestFinal_ex(self.context.as_ptr(), digest.as_mut_ptr(), &mut written) == 1
        };
        digest.truncate(written as usize);
        fine.then_some(digest)
    }
}

impl Drop for Hash {
    fn drop(&mut self) {
        // SAFETY: made by `new` or `copy`, freed once.
        unsafe { lc::EVP_MD_CTX_free(self.context.as_ptr()) }
    }
}

struct Hmac(NonNull<lc::HMAC_CTX>);

impl Hmac {
    fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        // SAFETY: a new context is ours until it is freed; the key is read during the call.
        unsafe {
            let hmac = Self(NonNull::new(lc::HMAC_CTX_new())?);
            let fine = lc::HMAC_Init_ex(
                hmac.0.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                algorithm.0,
                std::ptr::null_mut(),
            ) == 1;
            fine.then_some(hmac)
        }
    }

    fn update(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: the bytes are read during the call.
        unsafe { lc::HMAC_Update(self.0.as_ptr(), bytes.as_ptr(), bytes.len()) == 1 }
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        let mut digest = vec![0; lc::EVP_MAX_MD_SIZE as usize];
        let mut written = 0;
        // SAFETY: the output has room for the longest digest.
        let fine =
            unsafe { lc::HMAC_Final(self.0.as_ptr(), digest.as_mut_ptr(), &mut written) == 1 };
        digest.truncate(written as usize);
        fine.then_some(digest)
    }
}

impl Drop for Hmac {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { lc::HMAC_CTX_free(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_have_several_names() {
        for name in ["sha256", "SHA256", "RSA-SHA256", "sha-256"] {
            assert_eq!(
                Algorithm::by_name(name).map(Algorithm::size),
                Some(32),
                "{name}"
            );
        }
        assert!(Algorithm::by_name("xyz").is_none());
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let mut hash = Hash::new(Algorithm::by_name("md5").expect("md5")).expect("a hash");
        hash.update(b"a");
        let mut copy = hash.copy().expect("a copy");
        copy.update(b"bc");
        assert_ne!(hash.finish(0), copy.finish(0));
    }
}
