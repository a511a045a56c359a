//! The ops of SubtleCrypto. `subtle.js` has checked names, lengths and what each key may do.
//!
//! Every op of some length gives a Uint8Array, at once for short work or as a promise for work done elsewhere.

use std::rc::Rc;

use bytes::Bytes;
use libcrypto::Failed;
use libcrypto::aes::{self, Mode};
use libcrypto::key::{Curve, Key, Kind, Raw, Scheme};
use libcrypto::{hmac, kdf};

use super::{Error, hash};
use crate::glue::context::is_alone;
use crate::glue::{
    Arguments, FromJs, IntoJs, List, Made, Ops, Thrown, current, native_object, op, thread, throw,
    with_bytes,
};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        is_long,
        hmac,
        aes,
        key_wrap,
        hkdf,
        pbkdf2,
        hash_block_bits,
        sign,
        verify,
        oaep,
        generate_pair,
    ]);
    add_key_ops(ops);
}

/// What reads, tells and derives keys.
fn add_key_ops(ops: &mut Ops) {
    ops.add_all(&[import_key, key_kind, export_key, derive]);
}

/// What Node's crypto needs of it.
pub fn key_ops(ops: &mut Ops) {
    ops.add_all(&[generate_pair_now]);
    add_key_ops(ops);
}

/// Input up to this many bytes is worked on at once; a thread costs more than it.
const INLINE_BYTES: usize = 64 * 1024;

/// The same where nothing else is under way in the process: the copy that a thread needs would cost more than it spares.
const INLINE_ALONE_BYTES: usize = 1024 * 1024;

/// `isLong(bytes)`: whether work on input of that many bytes is for a thread of its own.
#[op]
fn is_long(bytes: f64) -> bool {
    is_long_input(bytes as usize)
}

fn is_long_input(bytes: usize) -> bool {
    bytes > INLINE_ALONE_BYTES || (bytes > INLINE_BYTES && !is_alone())
}

/// [`make`] for work on the bytes of `input`, which are copied only where a thread needs them.
fn make_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    input: v8::Local<'s, v8::Value>,
    work: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    if current(scope).is_some() && is_long_input(with_bytes(input, <[u8]>::len)) {
        let input = with_bytes(input, <[u8]>::to_vec);
        return thread(scope, move || work(&input)).map(Made::Later);
    }
    match with_bytes(input, work) {
        Ok(bytes) => Ok(Made::Now(bytes)),
        Err(error) => {
            throw(scope, &error.into());
            Err(Thrown)
        }
    }
}

/// What `work` makes: at once, or as a promise where it takes `long` and an event runs to wait for it.
fn make<'s, T: for<'a> IntoJs<'a> + Send + 'static>(
    scope: &mut v8::PinScope<'s, '_>,
    long: bool,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Made<'s, T>, Thrown> {
    let later = long && current(scope).is_some();
    Made::of(scope, later, work)
}

/// `hmac(hash, key, data)`.
#[op]
fn hmac<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    hash_name: &str,
    key: Bytes,
    data: v8::Local<'s, v8::Value>,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let digest = hash(hash_name);
    make_of(scope, data, move |data| {
        Ok(hmac::code(digest?, &key, data)?)
    })
}

/// What AES needs beside key and data.
#[derive(Arguments)]
struct Details {
    iv: Vec<u8>,
    additional: Vec<u8>,
    /// The tag's bytes or the counter's bits.
    number: u32,
}

/// `aes(mode, encrypt, key, data, iv, additional, number)`: see [`Details`].
#[op]
fn aes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    mode: &str,
    encrypt: bool,
    key: Bytes,
    data: v8::Local<'s, v8::Value>,
    details: Details,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let Details {
        iv,
        additional,
        number,
    } = details;
    let mode = match mode {
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
    make_of(scope, data, move |data| {
        Ok(aes::run(&mode, encrypt, &key, data)?)
    })
}

/// `keyWrap(wrap, key, data)`.
#[op]
fn key_wrap(wrap: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(aes::key_wrap(wrap, key, data)?)
}

/// `hkdf(hash, key, salt, info, bytes)`.
#[op]
fn hkdf<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    hash_name: &str,
    key: Bytes,
    salt: Bytes,
    info: Bytes,
    bytes: u32,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let digest = hash(hash_name);
    let long = key.len() + salt.len() + info.len() > INLINE_BYTES;
    make(scope, long, move || {
        Ok(kdf::hkdf(digest?, &key, &salt, &info, bytes as usize)?)
    })
}

/// `pbkdf2(hash, key, salt, iterations, bytes)`.
#[op]
fn pbkdf2<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    hash_name: &str,
    key: Bytes,
    salt: Bytes,
    iterations: u32,
    bytes: u32,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    const INLINE_ITERATIONS: u32 = 100;
    let digest = hash(hash_name);
    let length = bytes as usize;
    let long = iterations > INLINE_ITERATIONS
        || key.len() + salt.len() > INLINE_BYTES
        || length > INLINE_BYTES / 64;
    make(scope, long, move || {
        let is_over = processor::is_used_up;
        Ok(kdf::pbkdf2(
            digest?, &key, &salt, iterations, length, is_over,
        )?)
    })
}

/// `hashBlockBits(hash)`: the length of an HMAC key that nobody gave.
#[op]
fn hash_block_bits(hash_name: &str) -> Result<u32, Error> {
    Ok(hash(hash_name)?.block_size() as u32 * 8)
}

/// A kind of key: a curve's name, or `RSA`.
fn kind_of(name: &str) -> Kind {
    match name {
        "Ed25519" => Kind::Raw(Raw::Ed25519),
        "X25519" => Kind::Raw(Raw::X25519),
        name => Curve::by_name(name).map_or(Kind::Rsa, Kind::Ec),
    }
}

impl<'s> IntoJs<'s> for Key {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        native_object(scope, self).into()
    }
}

/// `generatePair(kind, modulusBits, exponent)`: a native private key, which tells its public one too; of RSA a promise.
#[op]
fn generate_pair<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: &str,
    bits: f64,
    exponent: Bytes,
) -> Result<Made<'s, Key>, Thrown> {
    let kind = kind_of(kind);
    make(scope, kind == Kind::Rsa, move || {
        generate(kind, bits, &exponent)
    })
}

/// `generatePairNow(kind, modulusBits, exponent)`: the same, at once.
#[op]
fn generate_pair_now(kind: &str, bits: f64, exponent: &[u8]) -> Result<Key, Error> {
    generate(kind_of(kind), bits, exponent)
}

fn generate(kind: Kind, bits: f64, exponent: &[u8]) -> Result<Key, Error> {
    Ok(match kind {
        Kind::Raw(raw) => Key::generate_raw(raw)?,
        Kind::Ec(curve) => Key::generate_ec(curve)?,
        Kind::Rsa => Key::generate_rsa(bits as i32, exponent, processor::is_used_up)?,
    })
}

/// Copies of the bytes in an array.
struct Parts(Vec<Vec<u8>>);

impl<'s> FromJs<'s> for Parts {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let array = v8::Local::<v8::Array>::try_from(value).ok()?;
        let part = |index| Some(with_bytes(array.get_index(scope, index)?, <[u8]>::to_vec));
        (0..array.length())
            .map(part)
            .collect::<Option<_>>()
            .map(Self)
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

/// What `importKey` gives: null for data that is no such key, as the caller knows the words.
enum Imported {
    Key(Key),
    /// So many bytes follow the key.
    Left(u32),
    Nothing,
}

impl<'s> IntoJs<'s> for Imported {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self {
            Self::Key(key) => key.into_js(scope),
            Self::Left(bytes) => bytes.into_js(scope),
            Self::Nothing => v8::null(scope).into(),
        }
    }
}

/// `importKey(format, kind, parts)`: a native key, or null for bytes that are none of that kind.
///
/// Formats: pkcs8 and spki, of any kind, where a number says how many bytes follow the key; raw (a public key or point),
/// private (a private key with its public one), numbers, scalar (a private key of a curve alone). All but numbers are one part.
#[op]
fn import_key(format: &str, kind: &str, parts: Parts) -> Imported {
    let key = match (format, kind_of(kind), &parts.0[..]) {
        ("pkcs8", _, [der]) => return encoded(Key::from_pkcs8(der)),
        ("spki", _, [der]) => return encoded(Key::from_spki(der)),
        ("raw", Kind::Raw(raw), [key]) => Key::from_raw_public(raw, key),
        ("raw", Kind::Ec(curve), [point]) => Key::from_point(curve, point),
        ("private", Kind::Raw(raw), [key]) => Key::from_raw_private(raw, key),
        ("scalar", Kind::Ec(curve), [d]) => Key::from_scalar(curve, d),
        ("numbers", Kind::Ec(curve), [x, y, rest @ ..]) => {
            Key::from_coordinates(curve, x, y, rest.first().map(Vec::as_slice))
        }
        ("numbers", Kind::Rsa, numbers) => Key::from_rsa_numbers(numbers),
        _ => Err(Failed),
    };
    key.map_or(Imported::Nothing, Imported::Key)
}

fn encoded(read: Result<(Key, usize), Failed>) -> Imported {
    match read {
        Ok((key, 0)) => Imported::Key(key),
        Ok((_, left)) => Imported::Left(left as u32),
        Err(Failed) => Imported::Nothing,
    }
}

/// `keyKind(key)`: `RSA` or a curve's name, or nothing for a kind that Web Crypto lacks.
#[op]
fn key_kind(key: Rc<Key>) -> &'static str {
    match key.kind() {
        Some(Kind::Rsa) => "RSA",
        Some(Kind::Ec(curve)) => curve.name(),
        Some(Kind::Raw(Raw::Ed25519)) => "Ed25519",
        Some(Kind::Raw(Raw::X25519)) => "X25519",
        None => "",
    }
}

/// `exportKey(format, key)`: an array of Uint8Arrays. Formats as in `importKey`, and `public numbers`.
#[op]
fn export_key(format: &str, key: Rc<Key>) -> Result<List<Vec<u8>>, Error> {
    let parts = match (format, key.kind()) {
        ("pkcs8", _) => vec![key.to_pkcs8()?],
        ("spki", _) => vec![key.to_spki()?],
        ("raw", Some(Kind::Raw(_))) => vec![key.raw_public()?],
        ("raw", Some(Kind::Ec(curve))) => vec![key.point(curve)?],
        ("private", Some(Kind::Raw(_))) => vec![key.raw_private()?],
        ("numbers", Some(Kind::Ec(curve))) => key.coordinates(curve, true)?,
        ("public numbers", Some(Kind::Ec(curve))) => key.coordinates(curve, false)?,
        ("numbers", Some(Kind::Rsa)) => key.rsa_numbers(true)?,
        ("public numbers", Some(Kind::Rsa)) => key.rsa_numbers(false)?,
        _ => return Err(Error::Failed),
    };
    Ok(List(parts))
}

/// What a scheme needs beside its name and hash: the salt's bytes of RSA-PSS, the curve of ECDSA.
enum Detail {
    Bytes(i32),
    Curve(Curve),
}

impl<'s> FromJs<'s> for Detail {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        if value.is_string() {
            let name = String::from_js(scope, value)?;
            return Curve::by_name(&name).map(Self::Curve);
        }
        i32::from_js(scope, value).map(Self::Bytes)
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string() || value.is_number()
    }
}

fn scheme(name: &str, hash_name: &str, detail: Detail) -> Result<Scheme, Error> {
    match name {
        "Ed25519" => return Ok(Scheme::Ed25519),
        "RSA-RAW" => return Ok(Scheme::RsaRaw),
        _ => {}
    }
    let digest = hash(hash_name)?;
    Ok(match (name, detail) {
        ("RSA-PSS", Detail::Bytes(salt_bytes)) => Scheme::Pss { digest, salt_bytes },
        ("ECDSA", Detail::Curve(curve)) => Scheme::Ecdsa { digest, curve },
        _ => Scheme::Pkcs1(digest),
    })
}

/// Whether a private operation takes so long that others should not wait for it.
fn is_slow(key: &Key) -> bool {
    const QUICK_BITS: u32 = 2048;
    key.rsa_bits().is_some_and(|bits| bits > QUICK_BITS)
}

/// `sign(key, data, algorithm, hash, detail)`: see [`Detail`].
#[op]
fn sign<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: Rc<Key>,
    data: Bytes,
    algorithm: &str,
    hash_name: &str,
    detail: Detail,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let key = Key::clone(&key);
    let scheme = scheme(algorithm, hash_name, detail);
    let long = data.len() > INLINE_BYTES || is_slow(&key);
    make(scope, long, move || Ok(key.sign(scheme?, &data)?))
}

/// `verify(key, data, algorithm, hash, detail, signature)`: whether it is right.
#[op]
fn verify<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: Rc<Key>,
    data: Bytes,
    algorithm: &str,
    hash_name: &str,
    detail: Detail,
    signature: Bytes,
) -> Result<Made<'s, bool>, Thrown> {
    let key = Key::clone(&key);
    let scheme = scheme(algorithm, hash_name, detail);
    make(scope, data.len() > INLINE_BYTES, move || {
        Ok(key.verify(scheme?, &signature, &data)?)
    })
}

/// `oaep(key, data, encrypt, hash, label)`.
#[op]
fn oaep<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: Rc<Key>,
    data: Bytes,
    encrypt: bool,
    hash_name: &str,
    label: Bytes,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    let key = Key::clone(&key);
    let digest = hash(hash_name);
    let long = !encrypt && is_slow(&key);
    make(scope, long, move || {
        Ok(key.oaep(encrypt, digest?, &label, &data)?)
    })
}

/// `derive(privateKey, publicKey)`.
#[op]
fn derive(key: Rc<Key>, peer: Rc<Key>) -> Result<Vec<u8>, Error> {
    Ok(key.derive(&peer)?)
}
