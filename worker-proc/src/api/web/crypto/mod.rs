//! Web Crypto: random values, digests and SubtleCrypto over libcrypto.
//!
//! Work on long input runs off the event-loop thread; `subtle.rs` knows how long that is.

mod crc;
mod subtle;

use std::cell::RefCell;

use libcrypto::Failed;
use libcrypto::digest::{Digest, Hasher};

use crate::glue::bytes::array_buffer;
use crate::glue::{
    Api, OpError, Ops, bytes_arg, in_event, native_arg, native_object, require_context, str_arg,
    string, thread_op, throw, throw_type_error, u32_arg, uint8_array, with_bytes,
};
use crate::js;
use crc::Crc;

pub const API: Api = Api {
    name: "crypto",
    modules: &[],
    lazy: &[
        js!("algorithms.js"),
        js!("keys.js").defining(&["CryptoKey"]),
        js!("jwk.js"),
        js!("import_export.js"),
        js!("binding.js"),
        js!("subtle.js").defining(&["SubtleCrypto"]),
        js!("crypto.js").defining(&["Crypto", "crypto"]),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("getRandomValues", get_random_values);
    ops.add("randomBytes", random_bytes);
    ops.add("randomUUID", random_uuid);
    ops.add("isHash", is_hash);
    ops.add("digest", digest);
    ops.add("digestLong", digest_long);
    ops.add("newSummer", new_summer);
    ops.add("update", update);
    ops.add("finish", finish);
    ops.add("equal", equal);
    ops.add("inEvent", in_event);
    ops.add("bitLength", bit_length);
    ops.add("smallNumber", small_number);
    ops.add("asUint8Array", as_uint8_array);
    ops.add("toBase64Url", to_base64_url);
    ops.add("fromBase64Url", from_base64_url);
    subtle::ops(ops);
}

impl From<Failed> for OpError {
    fn from(_: Failed) -> Self {
        Self::dom("OperationError", "The cryptographic operation failed.")
    }
}

/// `getRandomValues(view)`: fills it. Throws at global scope.
fn get_random_values(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    if require_context(scope).is_none() {
        return;
    }
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else {
        return;
    };
    let mut random = vec![0; view.byte_length()];
    match libcrypto::random(&mut random) {
        Ok(()) => super::encoding::copy_into(scope, view, &random),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// `randomBytes(length)`: a Uint8Array. Throws at global scope.
fn random_bytes(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if require_context(scope).is_none() {
        return;
    }
    let mut random = vec![0; u32_arg(scope, &args, 0) as usize];
    match libcrypto::random(&mut random) {
        Ok(()) => rv.set(uint8_array(scope, random).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// `randomUUID()`: a version 4 UUID. Throws at global scope.
fn random_uuid(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if require_context(scope).is_none() {
        return;
    }
    let mut random = [0; 16];
    if let Err(failed) = libcrypto::random(&mut random) {
        return throw(scope, &failed.into());
    }
    let uuid = string(scope, &uuid(random));
    rv.set(uuid.into());
}

/// The text of a version 4 UUID of these random bits (RFC 9562).
fn uuid(random: [u8; 16]) -> String {
    let bits =
        u128::from_be_bytes(random) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// `isHash(name)`.
fn is_hash(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(str_arg(scope, &args, 0, |_, name| {
        Digest::by_web_name(name).is_some()
    }));
}

fn hash_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Option<Digest> {
    let hash = str_arg(scope, args, index, |_, name| Digest::by_web_name(name));
    if hash.is_none() {
        throw_type_error(scope, "There is no such hash.");
    }
    hash
}

/// `digest(name, bytes)`: an ArrayBuffer.
fn digest(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(hash) = hash_arg(scope, &args, 0) else {
        return;
    };
    match with_bytes(args.get(1), |bytes| hash.of(bytes)) {
        Ok(digest) => rv.set(array_buffer(scope, digest).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// `digestLong(name, bytes)`: a promise of a Uint8Array.
fn digest_long(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(hash) = hash_arg(scope, &args, 0) else {
        return;
    };
    let bytes = bytes_arg(&args, 1);
    thread_op(scope, &mut rv, move || hash.of(&bytes));
}

/// What a DigestStream computes.
enum Summer {
    Hash(Hasher),
    Crc(Crc),
}

impl Summer {
    /// For a hash or a check of that name.
    fn new(name: &str) -> Option<Result<Self, Failed>> {
        if let Some(kind) = crc::Kind::by_name(name) {
            return Some(Ok(Self::Crc(Crc::new(kind))));
        }
        Some(Hasher::new(Digest::by_web_name(name)?).map(Self::Hash))
    }

    fn update(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        match self {
            Self::Hash(hasher) => hasher.update(bytes),
            Self::Crc(crc) => {
                crc.update(bytes);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, Failed> {
        match self {
            Self::Hash(hasher) => hasher.finish(None),
            Self::Crc(crc) => Ok(crc.finish()),
        }
    }
}

type SharedSummer = RefCell<Option<Summer>>;

/// `newSummer(name)`: a native hasher, or undefined where there is none of that name.
fn new_summer(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    match str_arg(scope, &args, 0, |_, name| Summer::new(name)) {
        Some(Ok(summer)) => rv.set(native_object(scope, SharedSummer::new(Some(summer))).into()),
        Some(Err(failed)) => throw(scope, &failed.into()),
        None => {}
    }
}

/// `update(summer, bytes)`.
fn update(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(summer) = native_arg::<SharedSummer>(scope, &args, 0) else {
        return;
    };
    let result = with_bytes(args.get(1), |bytes| {
        summer.borrow_mut().as_mut().ok_or(Failed)?.update(bytes)
    });
    if let Err(failed) = result {
        throw(scope, &failed.into());
    }
}

/// `finish(summer)`: the digest as an ArrayBuffer; the summer is used up.
fn finish(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(summer) = native_arg::<SharedSummer>(scope, &args, 0) else {
        return;
    };
    let summer = summer.borrow_mut().take();
    match summer.ok_or(Failed).and_then(Summer::finish) {
        Ok(digest) => rv.set(array_buffer(scope, digest).into()),
        Err(failed) => throw(scope, &failed.into()),
    }
}

/// `equal(a, b)`: compares views of one length in constant time.
fn equal(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(with_bytes(args.get(0), |a| {
        with_bytes(args.get(1), |b| libcrypto::equal(a, b))
    }));
}

/// `bitLength(bytes)`: of the number that they are, most significant byte first.
fn bit_length(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let bits = with_bytes(args.get(0), |bytes| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bits = bytes
            .get(zeros)
            .map_or(0, |first| 8 - first.leading_zeros());
        bits + 8 * (bytes.len() - zeros).saturating_sub(1) as u32
    });
    rv.set_uint32(bits);
}

/// `smallNumber(bytes)`: the number that they are, most significant byte first, as near as a double is.
fn small_number(
    _: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_double(with_bytes(args.get(0), |bytes| {
        bytes
            .iter()
            .fold(0.0, |number, byte| number * 256.0 + f64::from(*byte))
    }));
}

/// `asUint8Array(view)`: a copy of a view's bytes.
fn as_uint8_array(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    rv.set(uint8_array(scope, bytes).into());
}

/// `toBase64Url(bytes)`, without padding.
fn to_base64_url(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let encoded = with_bytes(args.get(0), super::encoding::encode_base64url);
    let encoded = string(scope, &encoded);
    rv.set(encoded.into());
}

/// `fromBase64Url(text)`: a Uint8Array, or null if the text is none.
fn from_base64_url(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    match str_arg(scope, &args, 0, |_, text| {
        super::encoding::decode_base64url(text.as_bytes())
    }) {
        Some(bytes) => rv.set(uint8_array(scope, bytes).into()),
        None => rv.set_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
