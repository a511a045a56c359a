//! Symmetric ciphers for `node:crypto`, by OpenSSL's names: AES in CBC, CTR, ECB, OFB and GCM, and the older ones.

use std::cell::RefCell;

use libcrypto::Failed;
use libcrypto::cipher::{Algorithm, Cipher, MAX_TAG_BYTES};

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

/// `cipherInfo(name)`: `[keyLength, ivLength, blockSize, mode, nid, isAuthenticated]`, or undefined for an unknown name.
fn info(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(algorithm) = Algorithm::by_name(&string_arg(scope, &args, 0)) else {
        return;
    };
    let facts = algorithm.facts();
    let numbers = [
        facts.key_bytes,
        facts.iv_bytes,
        facts.block_bytes,
        facts.mode,
        facts.nid as u32,
        facts.is_authenticated.into(),
    ]
    .map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `newCipher(name, key, iv, encrypt)`: a native cipher; lengths that do not fit throw.
fn new(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let name = string_arg(scope, &args, 0);
    let encrypt = bool_arg(&args, 3);
    let cipher = with_bytes(args.get(1), |key| {
        with_bytes(args.get(2), |iv| {
            let algorithm = Algorithm::by_name(&name).ok_or(Failed)?;
            Cipher::new(algorithm, key, iv, encrypt)
        })
    });
    match cipher {
        Ok(cipher) => rv.set(native_object(scope, RefCell::new(cipher)).into()),
        Err(Failed) => throw_error(scope, "Failed to initialize the cipher"),
    }
}

/// Returns what the cipher gave, or undefined where it refused.
fn give(scope: &mut v8::PinScope, rv: &mut v8::ReturnValue, output: Result<Vec<u8>, Failed>) {
    if let Ok(output) = output {
        rv.set(uint8_array(scope, output).into());
    }
}

/// `updateCipher(cipher, bytes)`.
fn update(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let mut output = Vec::new();
    let done = with_bytes(args.get(1), |bytes| {
        cipher.borrow_mut().update(bytes, &mut output)
    });
    give(scope, &mut rv, done.map(|()| output));
}

/// `finishCipher(cipher)`: undefined where the padding or the tag is wrong.
fn finish(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let mut output = Vec::new();
    let done = cipher.borrow_mut().finish(&mut output);
    give(scope, &mut rv, done.map(|()| output));
}

/// `cipherAad(cipher, bytes)`: data that is authenticated only.
fn aad(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let done = with_bytes(args.get(1), |bytes| cipher.borrow_mut().authenticate(bytes));
    rv.set_bool(done.is_ok());
}

/// `cipherPadding(cipher, on)`.
fn padding(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let done = cipher.borrow_mut().set_padding(bool_arg(&args, 1));
    rv.set_bool(done.is_ok());
}

/// `cipherTag(cipher, length)`: the tag, after the end of an encryption.
fn tag(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let length = (u32_arg(scope, &args, 1) as usize).clamp(1, MAX_TAG_BYTES);
    let tag = cipher.borrow_mut().tag(length);
    give(scope, &mut rv, tag);
}

/// `setCipherTag(cipher, bytes)`: the tag that a decryption must find.
fn set_tag(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(cipher) = native_arg::<RefCell<Cipher>>(scope, &args, 0) else {
        return;
    };
    let done = with_bytes(args.get(1), |bytes| cipher.borrow_mut().set_tag(bytes));
    rv.set_bool(done.is_ok());
}
