//! Web Crypto: random values, digests and SubtleCrypto over libcrypto.
//!
//! Work on long input runs off the event-loop thread; `subtle.rs` knows how long that is.

mod crc;
mod subtle;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use libcrypto::Failed;
use libcrypto::digest::{Digest, Hasher};

use super::encoding::{copy_into, decode_base64url, encode_base64url};
use crate::glue::bytes::array_buffer;
use crate::glue::{
    Api, IntoJs, IoContext, Maybe, OpError, Ops, Promise, Thrown, in_event, native_object, op,
    thread,
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
        js!("subtle.js").defining(&["SubtleCrypto"]),
        js!("crypto.js").defining(&["Crypto", "crypto"]),
    ],
    uses: &[
        "dom_exception",
        "encoding",
        "memory_limit",
        "streams",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[in_event]);
    ops.add_all(&[
        get_random_values,
        random_bytes,
        random_uuid,
        is_hash,
        digest,
        digest_long,
        new_summer,
        update,
        finish,
        equal,
        bit_length,
        small_number,
        as_uint8_array,
        to_base64_url,
        from_base64_url,
    ]);
    subtle::ops(ops);
}

/// What `node:crypto` has of keys' ops too.
pub fn key_ops(ops: &mut Ops) {
    subtle::key_ops(ops);
}

/// Why an op of the folder fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Error {
    /// Libcrypto refused. Where more can be told, JavaScript does.
    Failed,
    /// JavaScript asks `isHash` first.
    NoSuchHash,
}

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Failed
    }
}

impl From<Error> for OpError {
    fn from(error: Error) -> Self {
        match error {
            Error::Failed => Self::dom("OperationError", "The cryptographic operation failed."),
            Error::NoSuchHash => Self::type_error("There is no such hash."),
        }
    }
}

/// Bytes that become an ArrayBuffer.
struct Buffer(Vec<u8>);

impl<'s> IntoJs<'s> for Buffer {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        array_buffer(scope, self.0).into()
    }
}

/// `getRandomValues(view)`: fills it. Throws at global scope.
#[op]
fn get_random_values<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _context: Rc<dyn IoContext>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> Result<(), Error> {
    let mut random = vec![0; view.byte_length()];
    libcrypto::random(&mut random)?;
    copy_into(scope, view, &random);
    Ok(())
}

/// `randomBytes(length)`: a Uint8Array. Throws at global scope.
#[op]
pub fn random_bytes(_context: Rc<dyn IoContext>, length: u32) -> Result<Vec<u8>, Error> {
    let mut random = vec![0; length as usize];
    libcrypto::random(&mut random)?;
    Ok(random)
}

/// `randomUUID()`: a version 4 UUID. Throws at global scope.
#[op(randomUUID)]
pub fn random_uuid(_context: Rc<dyn IoContext>) -> Result<String, Error> {
    let mut random = [0; 16];
    libcrypto::random(&mut random)?;
    Ok(uuid(random))
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

/// A hash by Web Crypto's name.
fn hash(name: &str) -> Result<Digest, Error> {
    Digest::by_web_name(name).ok_or(Error::NoSuchHash)
}

/// `isHash(name)`.
#[op]
fn is_hash(name: &str) -> bool {
    hash(name).is_ok()
}

/// `digest(name, bytes)`: an ArrayBuffer.
#[op]
fn digest(name: &str, bytes: &[u8]) -> Result<Buffer, Error> {
    Ok(Buffer(hash(name)?.of(bytes)?))
}

/// `digestLong(name, bytes)`: a promise of a Uint8Array.
#[op]
fn digest_long<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    bytes: Bytes,
) -> Result<Promise<'s, Vec<u8>>, Thrown> {
    let function = hash(name);
    thread(scope, move || Ok::<_, Error>(function?.of(&bytes)?))
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
#[op]
fn new_summer(name: &str) -> Result<Maybe<Summer>, Error> {
    Ok(Maybe(Summer::new(name).transpose()?))
}

impl<'s> IntoJs<'s> for Summer {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, SharedSummer::new(Some(self))).into()
    }
}

/// `update(summer, bytes)`.
#[op]
fn update(summer: Rc<SharedSummer>, bytes: &[u8]) -> Result<(), Error> {
    let mut summer = summer.borrow_mut();
    Ok(summer.as_mut().ok_or(Failed)?.update(bytes)?)
}

/// `finish(summer)`: the digest as an ArrayBuffer; the summer is used up.
#[op]
fn finish(summer: Rc<SharedSummer>) -> Result<Buffer, Error> {
    Ok(Buffer(summer.take().ok_or(Failed)?.finish()?))
}

/// `equal(a, b)`: compares views of one length in constant time.
#[op]
fn equal(a: &[u8], b: &[u8]) -> bool {
    libcrypto::equal(a, b)
}

/// `bitLength(bytes)`: of the number that they are, most significant byte first.
#[op]
fn bit_length(bytes: &[u8]) -> u32 {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bits = bytes
        .get(zeros)
        .map_or(0, |first| 8 - first.leading_zeros());
    bits + 8 * (bytes.len() - zeros).saturating_sub(1) as u32
}

/// `smallNumber(bytes)`: the number that they are, most significant byte first, as near as a double is.
#[op]
fn small_number(bytes: &[u8]) -> f64 {
    bytes
        .iter()
        .fold(0.0, |number, byte| number * 256.0 + f64::from(*byte))
}

/// `asUint8Array(view)`: a copy of a view's bytes.
#[op]
fn as_uint8_array(view: Vec<u8>) -> Vec<u8> {
    view
}

/// `toBase64Url(bytes)`, without padding.
#[op]
fn to_base64_url(bytes: &[u8]) -> String {
    encode_base64url(bytes)
}

/// `fromBase64Url(text)`: a Uint8Array, or null if the text is none.
#[op]
fn from_base64_url(text: &str) -> Option<Vec<u8>> {
    decode_base64url(text.as_bytes())
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
