//! The ops of SubtleCrypto. `subtle.js` has checked names, lengths and what each key may do.
//!
//! Every op of some length gives a Uint8Array, at once for short work or as a promise for work done elsewhere.

use libcrypto::Failed;
use libcrypto::aes::{self, Mode};
use libcrypto::key::{Curve, Key, Kind, Raw, Scheme};
use libcrypto::{hmac, kdf};

use super::hash_arg;
use crate::glue::context::is_alone;
use crate::glue::{
    IntoJs, Ops, bool_arg, bytes_arg, current, f64_arg, i32_arg, native_arg, native_object,
    str_arg, string, string_arg, thread_op, throw, throw_type_error, u32_arg, uint8_array,
    with_bytes,
};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add("isLong", is_long_op);
    ops.add("hmac", hmac);
    ops.add("aes", aes);
    ops.add("keyWrap", key_wrap);
    ops.add("hkdf", hkdf);
    ops.add("pbkdf2", pbkdf2);
    ops.add("hashBlockBits", hash_block_bits);
    ops.add("generatePair", generate_pair);
    ops.add("importKey", import_key);
    ops.add("keyKind", key_kind);
    ops.add("exportKey", export_key);
    ops.add("sign", sign);
    ops.add("verify", verify);
    ops.add("oaep", oaep);
    ops.add("derive", derive);
}

/// Input up to this many bytes is worked on at once; a thread costs more than it.
const INLINE_BYTES: usize = 64 * 1024;

/// The same where nothing else is under way in the process: the copy that a thread needs would cost more than it spares.
const INLINE_ALONE_BYTES: usize = 1024 * 1024;

/// Whether work on input of that many bytes is for a thread of its own.
pub fn is_long(bytes: usize) -> bool {
    bytes > INLINE_ALONE_BYTES || (bytes > INLINE_BYTES && !is_alone())
}

/// [`give`] for work on the bytes of `input`, which are copied only where a thread needs them.
fn give_of(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    input: v8::Local<v8::Value>,
    work: impl FnOnce(&[u8]) -> Result<Vec<u8>, Failed> + Send + 'static,
) {
    if current(scope).is_some() && is_long(with_bytes(input, <[u8]>::len)) {
        let input = with_bytes(input, <[u8]>::to_vec);
        return thread_op(scope, rv, move || work(&input));
    }
    match with_bytes(input, work) {
        Ok(bytes) => rv.set(uint8_array(scope, bytes).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// Returns what `work` makes: at once, or as a promise where it takes `long` and an event runs to wait for it.
fn give(
    scope: &mut v8::PinScope,
    rv: &mut v8::ReturnValue,
    long: bool,
    work: impl FnOnce() -> Result<Vec<u8>, Failed> + Send + 'static,
) {
    if long && current(scope).is_some() {
        return thread_op(scope, rv, work);
    }
    match work() {
        Ok(bytes) => rv.set(uint8_array(scope, bytes).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// `isLong(bytes)`: see [`is_long`].
fn is_long_op(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(is_long(f64_arg(scope, &args, 0) as usize));
}

/// `hmac(hash, key, data)`.
fn hmac(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(hash) = hash_arg(scope, &args, 0) else {
        return;
    };
    let key = bytes_arg(&args, 1);
    give_of(scope, &mut rv, args.get(2), move |data| {
        hmac::code(hash, &key, data)
    });
}

/// `aes(mode, encrypt, key, data, iv, additional, number)`: the number is the tag's bytes or the counter's bits.
fn aes(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let (iv, additional, number) = (
        bytes_arg(&args, 4).to_vec(),
        bytes_arg(&args, 5).to_vec(),
        u32_arg(scope, &args, 6),
    );
    let mode = match string_arg(scope, &args, 0).as_str() {
        "AES-CBC" => Mode::Cbc { iv },
        "AES-CTR" => Mode::Ctr {
            counter: iv,
            bits: number,
        },
        _ => Mode::Gcm {
            iv,
            additional,
            tag_bytes: number as usize,
        },
    };
    let (encrypt, key) = (bool_arg(&args, 1), bytes_arg(&args, 2));
    give_of(scope, &mut rv, args.get(3), move |data| {
        aes::run(&mode, encrypt, &key, data)
    });
}

/// `keyWrap(wrap, key, data)`.
fn key_wrap(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let (wrap, key, data) = (bool_arg(&args, 0), bytes_arg(&args, 1), bytes_arg(&args, 2));
    give(scope, &mut rv, false, move || {
        aes::key_wrap(wrap, &key, &data)
    });
}

/// `hkdf(hash, key, salt, info, bytes)`.
fn hkdf(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(hash) = hash_arg(scope, &args, 0) else {
        return;
    };
    let (key, salt, info) = (
        bytes_arg(&args, 1),
        bytes_arg(&args, 2),
        bytes_arg(&args, 3),
    );
    let length = u32_arg(scope, &args, 4) as usize;
    let long = key.len() + salt.len() + info.len() > INLINE_BYTES;
    give(scope, &mut rv, long, move || {
        kdf::hkdf(hash, &key, &salt, &info, length)
    });
}

/// `pbkdf2(hash, key, salt, iterations, bytes)`.
fn pbkdf2(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    const INLINE_ITERATIONS: u32 = 100;
    let Some(hash) = hash_arg(scope, &args, 0) else {
        return;
    };
    let (key, salt) = (bytes_arg(&args, 1), bytes_arg(&args, 2));
    let (iterations, length) = (u32_arg(scope, &args, 3), u32_arg(scope, &args, 4) as usize);
    let long = iterations > INLINE_ITERATIONS
        || key.len() + salt.len() > INLINE_BYTES
        || length > INLINE_BYTES / 64;
    give(scope, &mut rv, long, move || {
        kdf::pbkdf2(hash, &key, &salt, iterations, length, processor::is_used_up)
    });
}

/// `hashBlockBits(hash)`: the length of an HMAC key that nobody gave.
fn hash_block_bits(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(hash) = hash_arg(scope, &args, 0) {
        rv.set_uint32(hash.block_size() as u32 * 8);
    }
}

/// The kind of key in an argument: a curve's name, or `RSA`.
fn kind_arg(scope: &mut v8::PinScope, args: &v8::FunctionCallbackArguments, index: i32) -> Kind {
    str_arg(scope, args, index, |_, name| match name {
        "Ed25519" => Kind::Raw(Raw::Ed25519),
        "X25519" => Kind::Raw(Raw::X25519),
        name => Curve::by_name(name).map_or(Kind::Rsa, Kind::Ec),
    })
}

impl<'s> IntoJs<'s> for Key {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, self).into()
    }
}

/// `generatePair(kind, modulusBits, exponent)`: a native private key, which tells its public one too; of RSA a promise.
fn generate_pair(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let pair = match kind_arg(scope, &args, 0) {
        Kind::Raw(raw) => Key::generate_raw(raw),
        Kind::Ec(curve) => Key::generate_ec(curve),
        Kind::Rsa => {
            let (bits, exponent) = (i32_arg(scope, &args, 1), bytes_arg(&args, 2));
            let generate = move || Key::generate_rsa(bits, &exponent, processor::is_used_up);
            if current(scope).is_some() {
                return thread_op(scope, &mut rv, generate);
            }
            generate()
        }
    };
    match pair {
        Ok(pair) => rv.set(native_object(scope, pair).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// Null stands for data that is no such key: the caller knows the words.
fn return_key(scope: &mut v8::PinScope, key: Result<Key, Failed>, rv: &mut v8::ReturnValue) {
    match key {
        Ok(key) => rv.set(native_object(scope, key).into()),
        Err(Failed) => rv.set_null(),
    }
}

/// `importKey(format, kind, ...parts)`: a native key, or null for bytes that are none of that kind.
///
/// Formats: pkcs8 and spki, of any kind, where a number says how many bytes follow the key; raw (a public key or point),
/// private (a private key with its public one), numbers, scalar (a private key of a curve alone).
fn import_key(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let kind = kind_arg(scope, &args, 1);
    let part = |index: i32| bytes_arg(&args, index + 2);
    let count = args.length() - 2;
    let key = match (string_arg(scope, &args, 0).as_str(), kind) {
        (format @ ("pkcs8" | "spki"), _) => {
            let read = if format == "spki" {
                Key::from_spki
            } else {
                Key::from_pkcs8
            };
            match read(&part(0)) {
                Ok((_, left)) if left > 0 => return rv.set_uint32(left as u32),
                key => key.map(|(key, _)| key),
            }
        }
        ("raw", Kind::Raw(raw)) => Key::from_raw_public(raw, &part(0)),
        ("raw", Kind::Ec(curve)) => Key::from_point(curve, &part(0)),
        ("private", Kind::Raw(raw)) => Key::from_raw_private(raw, &part(0)),
        ("scalar", Kind::Ec(curve)) => Key::from_scalar(curve, &part(0)),
        ("numbers", Kind::Ec(curve)) => {
            let d = (count > 2).then(|| part(2));
            Key::from_coordinates(curve, &part(0), &part(1), d.as_deref())
        }
        ("numbers", Kind::Rsa) => Key::from_rsa_numbers(
            &(0..count)
                .map(|index| part(index).to_vec())
                .collect::<Vec<_>>(),
        ),
        _ => Err(Failed),
    };
    return_key(scope, key, &mut rv);
}

/// `keyKind(key)`: `RSA` or a curve's name, or nothing for a kind that Web Crypto lacks.
fn key_kind(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(key) = key_arg(scope, &args, 0) else {
        return;
    };
    let name = match key.kind() {
        Some(Kind::Rsa) => "RSA",
        Some(Kind::Ec(curve)) => curve.name(),
        Some(Kind::Raw(Raw::Ed25519)) => "Ed25519",
        Some(Kind::Raw(Raw::X25519)) => "X25519",
        None => "",
    };
    let name = string(scope, name);
    rv.set(name.into());
}

fn key_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Option<Key> {
    let key = native_arg::<Key>(scope, args, index);
    if key.is_none() {
        throw_type_error(scope, "There is no such key.");
    }
    key.map(|key| (*key).clone())
}

/// `exportKey(format, key)`: an array of Uint8Arrays. Formats as in `importKey`, and `public numbers`.
fn export_key(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(key) = key_arg(scope, &args, 1) else {
        return;
    };
    let parts = match (string_arg(scope, &args, 0).as_str(), key.kind()) {
        ("pkcs8", _) => key.to_pkcs8().map(|der| vec![der]),
        ("spki", _) => key.to_spki().map(|der| vec![der]),
        ("raw", Some(Kind::Raw(_))) => key.raw_public().map(|raw| vec![raw]),
        ("raw", Some(Kind::Ec(curve))) => key.point(curve).map(|point| vec![point]),
        ("private", Some(Kind::Raw(_))) => key.raw_private().map(|raw| vec![raw]),
        ("numbers", Some(Kind::Ec(curve))) => key.coordinates(curve, true),
        ("public numbers", Some(Kind::Ec(curve))) => key.coordinates(curve, false),
        ("numbers", Some(Kind::Rsa)) => key.rsa_numbers(true),
        ("public numbers", Some(Kind::Rsa)) => key.rsa_numbers(false),
        _ => Err(Failed),
    };
    match parts {
        Ok(parts) => {
            let parts: Vec<_> = parts
                .into_iter()
                .map(|part| uint8_array(scope, part).into())
                .collect();
            rv.set(v8::Array::new_with_elements(scope, &parts).into());
        }
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// The scheme in three arguments: algorithm, hash, and a curve's name or the length of a salt.
fn scheme_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    first: i32,
) -> Option<Scheme> {
    let algorithm = string_arg(scope, args, first);
    match algorithm.as_str() {
        "Ed25519" => return Some(Scheme::Ed25519),
        "RSA-RAW" => return Some(Scheme::RsaRaw),
        _ => {}
    }
    let digest = hash_arg(scope, args, first + 1)?;
    Some(match algorithm.as_str() {
        "RSA-PSS" => Scheme::Pss {
            digest,
            salt_bytes: i32_arg(scope, args, first + 2),
        },
        "ECDSA" => {
            let curve = str_arg(scope, args, first + 2, |_, name| Curve::by_name(name))?;
            Scheme::Ecdsa { digest, curve }
        }
        _ => Scheme::Pkcs1(digest),
    })
}

/// Whether a private operation takes so long that others should not wait for it.
fn is_slow(key: &Key) -> bool {
    const QUICK_BITS: u32 = 2048;
    key.rsa_bits().is_some_and(|bits| bits > QUICK_BITS)
}

/// `sign(key, data, algorithm, hash, detail)`.
fn sign(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(key) = key_arg(scope, &args, 0) else {
        return;
    };
    let Some(scheme) = scheme_arg(scope, &args, 2) else {
        return;
    };
    let data = bytes_arg(&args, 1);
    let long = data.len() > INLINE_BYTES || is_slow(&key);
    give(scope, &mut rv, long, move || key.sign(scheme, &data));
}

/// `verify(key, data, algorithm, hash, detail, signature)`: a Uint8Array of one byte, 1 where it is right.
fn verify(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(key) = key_arg(scope, &args, 0) else {
        return;
    };
    let Some(scheme) = scheme_arg(scope, &args, 2) else {
        return;
    };
    let (data, signature) = (bytes_arg(&args, 1), bytes_arg(&args, 5));
    let long = data.len() > INLINE_BYTES;
    give(scope, &mut rv, long, move || {
        key.verify(scheme, &signature, &data)
            .map(|right| vec![right.into()])
    });
}

/// `oaep(key, data, encrypt, hash, label)`.
fn oaep(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(key) = key_arg(scope, &args, 0) else {
        return;
    };
    let Some(hash) = hash_arg(scope, &args, 3) else {
        return;
    };
    let (data, encrypt, label) = (bytes_arg(&args, 1), bool_arg(&args, 2), bytes_arg(&args, 4));
    let long = !encrypt && is_slow(&key);
    give(scope, &mut rv, long, move || {
        key.oaep(encrypt, hash, &label, &data)
    });
}

/// `derive(privateKey, publicKey)`.
fn derive(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(key) = key_arg(scope, &args, 0) else {
        return;
    };
    let Some(peer) = key_arg(scope, &args, 1) else {
        return;
    };
    give(scope, &mut rv, false, move || key.derive(&peer));
}
