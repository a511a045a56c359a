//! Asymmetric keys for `node:crypto`: their forms, signatures, RSA's encryption and Diffie-Hellman. `keys.js` and its
//! neighbours have checked what users pass; undefined is libcrypto's refusal, for which they have the words.

use std::rc::Rc;

use bytes::Bytes;
use libcrypto::certificate::Certificate;
use libcrypto::digest::Digest;
use libcrypto::key::{Curve, Form, Key, Kind, Padding, Primitive, Protection, Raw, Scheme};
use libcrypto::{Failed, number, random};

use super::error::Error;
use super::pem::{self, Block};
use crate::glue::{Arguments, Made, Maybe, Ops, Thrown, op};
use crate::service::processor;

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        read_private_key,
        read_public_key,
        write_key,
        sign_data,
        verify_data,
        rsa_primitive,
        rsa_oaep,
        curve_key,
        dsa_bits,
        modular_power,
        generate_prime,
        is_prime,
    ]);
}

fn form(name: &str) -> Option<Form> {
    match name {
        "pkcs1" => Some(Form::Pkcs1),
        "pkcs8" => Some(Form::Pkcs8),
        "sec1" => Some(Form::Sec1),
        "spki" => Some(Form::Spki),
        _ => None,
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        Some((digit(high)? * 16 + digit(low)?) as u8)
    });
    pairs.collect()
}

/// A key of a kind that `keys.js` knows.
pub(super) fn known(key: Key) -> Option<Key> {
    (key.kind().is_some() || key.dsa_bits().is_some()).then_some(key)
}

fn private_of_pem(text: &[u8], passphrase: Option<&[u8]>) -> Option<Key> {
    let Block {
        label,
        mut bytes,
        cipher,
    } = Block::first(text)?;
    if let Some((cipher, iv)) = cipher {
        let passphrase = passphrase?;
        let protection = Protection { cipher, passphrase };
        bytes = protection
            .run_legacy(&decode_hex(iv)?, false, &bytes)
            .ok()?;
    }
    let (form, passphrase) = match label {
        "PRIVATE KEY" => (Form::Pkcs8, None),
        "ENCRYPTED PRIVATE KEY" => (Form::Pkcs8, Some(passphrase?)),
        "RSA PRIVATE KEY" => (Form::Pkcs1, None),
        "EC PRIVATE KEY" => (Form::Sec1, None),
        // OpenSSL's own form, which libcrypto tells from PKCS #8.
        "DSA PRIVATE KEY" => (Form::Pkcs8, None),
        _ => return None,
    };
    Key::read_private(&bytes, form, passphrase, processor::is_used_up).ok()
}

/// `readPrivateKey(bytes, form, passphrase)`: a native key of DER in a form, or of PEM where the form is none.
#[op]
fn read_private_key(bytes: &[u8], form_name: &str, passphrase: Option<Bytes>) -> Maybe<Key> {
    let passphrase = passphrase.as_deref();
    let key = match form(form_name) {
        Some(form) => Key::read_private(bytes, form, passphrase, processor::is_used_up).ok(),
        None => private_of_pem(bytes, passphrase),
    };
    Maybe(key.and_then(known))
}

/// `readPublicKey(bytes, form, passphrase)`: the same; PEM may have a private key, which has the public one.
#[op]
fn read_public_key(bytes: &[u8], form_name: &str, passphrase: Option<Bytes>) -> Maybe<Key> {
    if let Some(form) = form(form_name) {
        return Maybe(Key::read_public(bytes, form).ok().and_then(known));
    }
    let public = Block::first(bytes).and_then(|block| match block.label {
        "PUBLIC KEY" => Key::read_public(&block.bytes, Form::Spki).ok(),
        "RSA PUBLIC KEY" => Key::read_public(&block.bytes, Form::Pkcs1).ok(),
        "CERTIFICATE" => Certificate::parse(&block.bytes).ok()?.public_key().ok(),
        _ => {
            let private = private_of_pem(bytes, passphrase.as_deref())?;
            Key::read_public(&private.to_spki().ok()?, Form::Spki).ok()
        }
    });
    Maybe(public.and_then(known))
}

/// How a key is written.
#[derive(Arguments)]
struct Writing {
    form: String,
    pem: bool,
    /// Empty for none.
    cipher: String,
    passphrase: Bytes,
}

/// `writeKey(key, isPrivate, form, pem, cipher, passphrase)`: DER, or the bytes of PEM.
#[op]
fn write_key(key: Rc<Key>, private: bool, writing: Writing) -> Maybe<Vec<u8>> {
    let write = |form| {
        if private {
            write_private(&key, form, &writing)
        } else {
            let der = key.write_public(form)?;
            let label = match form {
                Form::Pkcs1 => "RSA PUBLIC KEY",
                _ => "PUBLIC KEY",
            };
            Ok(armored(&writing, label, "", der))
        }
    };
    Maybe(form(&writing.form).and_then(|form| write(form).ok()))
}

fn armored(writing: &Writing, label: &str, headers: &str, der: Vec<u8>) -> Vec<u8> {
    if writing.pem {
        return pem::block(label, headers, &der).into_bytes();
    }
    der
}

fn write_private(key: &Key, form: Form, writing: &Writing) -> Result<Vec<u8>, Failed> {
    let protection = Protection {
        cipher: &writing.cipher,
        passphrase: &writing.passphrase,
    };
    let hides = !writing.cipher.is_empty();
    if form == Form::Pkcs8 && hides {
        let der = key.write_encrypted(&protection)?;
        return Ok(armored(writing, "ENCRYPTED PRIVATE KEY", "", der));
    }
    let mut der = key.write_private(form)?;
    let label = match form {
        Form::Pkcs1 => "RSA PRIVATE KEY",
        Form::Sec1 => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let mut headers = String::new();
    if hides && writing.pem {
        let mut iv = vec![0; protection.iv_bytes().ok_or(Failed)?];
        random(&mut iv)?;
        der = protection.run_legacy(&iv, true, &der)?;
        let hex: String = iv.iter().map(|byte| format!("{byte:02X}")).collect();
        let name = writing.cipher.to_ascii_uppercase();
        headers = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: {name},{hex}\n\n");
    }
    Ok(armored(writing, label, &headers, der))
}

/// How data is signed.
#[derive(Arguments)]
struct Signing {
    /// Empty for Ed25519, which has its own.
    hash: String,
    /// Whether RSA signs by PSS.
    pss: bool,
    /// Of PSS: the length of the salt, -1 for the hash's, -2 for the longest or whatever it is.
    salt_bytes: i32,
    /// Whether a signature of ECDSA is r and s side by side.
    plain: bool,
}

fn scheme(key: &Key, signing: &Signing) -> Option<Scheme> {
    let digest = Digest::by_name(&signing.hash);
    let salt_bytes = signing.salt_bytes;
    match key.kind()? {
        Kind::Raw(Raw::Ed25519) if signing.hash.is_empty() => Some(Scheme::Ed25519),
        Kind::Raw(_) => None,
        Kind::Rsa if signing.pss => Some(Scheme::Pss {
            digest: digest?,
            salt_bytes,
        }),
        Kind::Rsa => Some(Scheme::Pkcs1(digest?)),
        Kind::Ec(curve) if signing.plain => Some(Scheme::Ecdsa {
            digest: digest?,
            curve,
        }),
        Kind::Ec(_) => Some(Scheme::EcdsaDer(digest?)),
    }
}

/// `signData(key, data, hash, pss, saltBytes, plain)`: the signature.
#[op]
fn sign_data(key: Rc<Key>, data: &[u8], signing: Signing) -> Maybe<Vec<u8>> {
    let signature = scheme(&key, &signing).and_then(|scheme| key.sign(scheme, data).ok());
    Maybe(signature)
}

/// `verifyData(key, data, signature, hash, pss, saltBytes, plain)`: whether it is right.
#[op]
fn verify_data(key: Rc<Key>, data: &[u8], signature: &[u8], signing: Signing) -> Maybe<bool> {
    let right = scheme(&key, &signing).and_then(|scheme| key.verify(scheme, signature, data).ok());
    Maybe(right)
}

/// `rsaPrimitive(key, name, padded, data)`: by PKCS #1 v1.5, or without padding.
#[op]
fn rsa_primitive(key: Rc<Key>, name: &str, padded: bool, data: &[u8]) -> Maybe<Vec<u8>> {
    let primitive = match name {
        "encrypt" => Primitive::Encrypt,
        "decrypt" => Primitive::Decrypt,
        "sign" => Primitive::Sign,
        _ => Primitive::Recover,
    };
    let padding = if padded {
        Padding::Pkcs1
    } else {
        Padding::None
    };
    Maybe(key.rsa_primitive(primitive, padding, data).ok())
}

/// `rsaOaep(key, encrypt, hash, label, data)`.
#[op]
fn rsa_oaep(key: Rc<Key>, encrypt: bool, hash: &str, label: &[u8], data: &[u8]) -> Maybe<Vec<u8>> {
    let digest = Digest::by_name(hash);
    Maybe(digest.and_then(|digest| key.oaep(encrypt, digest, label, data).ok()))
}

/// `dsaBits(key)`: of a key of DSA, the bits of the modulus and of its divisor.
#[op]
fn dsa_bits(key: Rc<Key>) -> Maybe<[u32; 2]> {
    Maybe(key.dsa_bits())
}

/// `curveKey(curve, bytes, isPrivate)`: a native key of a private number, or of a point in any form.
#[op]
fn curve_key(curve: &str, bytes: Vec<u8>, private: bool) -> Maybe<Key> {
    let make = |curve| {
        if private {
            return Key::from_private_number(curve, &bytes);
        }
        let mut point = bytes;
        // A hybrid point is an uncompressed one that says twice whether y is odd.
        if let [first @ (6 | 7), .., last] = &mut point[..] {
            if *first & 1 != *last & 1 {
                return Err(Failed);
            }
            *first = 4;
        }
        Key::from_point(curve, &point)
    };
    Maybe(Curve::by_name(curve).and_then(|curve| make(curve).ok()))
}

/// `modularPower(base, exponent, modulus)`: as long as the modulus, which must be odd.
#[op]
fn modular_power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Maybe<Vec<u8>> {
    Maybe(number::modular_power(base, exponent, modulus).ok())
}

/// The prime that is wanted: its bits, whether it is safe, and what it leaves when it is divided, unless that is empty.
#[derive(Arguments)]
struct Wanted {
    bits: i32,
    safe: bool,
    step: Bytes,
    rest: Bytes,
}

/// `generatePrime(later, bits, safe, step, rest)`: a prime, or a promise of it, found on another thread.
#[op]
fn generate_prime<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    later: bool,
    wanted: Wanted,
) -> Result<Made<'s, Vec<u8>>, Thrown> {
    Made::of(scope, later, move || {
        let Wanted {
            bits,
            safe,
            step,
            rest,
        } = wanted;
        let is_over = processor::is_used_up;
        let found = if step.is_empty() {
            number::generate_prime(bits, safe, is_over)
        } else {
            number::generate_prime_that_leaves(&rest, &step, bits, safe, is_over)
        };
        found.map_err(|_| Error::NoPrime)
    })
}

/// `isPrime(later, number, rounds)`: whether it is one, or a promise of that.
#[op]
fn is_prime<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    later: bool,
    number: Bytes,
    rounds: i32,
) -> Result<Made<'s, bool>, Thrown> {
    Made::of(scope, later, move || {
        number::is_prime(&number, rounds, processor::is_used_up).map_err(Error::from)
    })
}
