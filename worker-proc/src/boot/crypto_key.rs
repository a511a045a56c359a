//! `CryptoKey` bindings of the config as what `crypto/binding.js` imports when a worker starts. `config` calls it.

use rustls_pki_types::pem::{PemObject, SectionKind};
use schema::workerd_capnp::worker::binding::crypto_key::{self, Usage};

use crate::api::web::encoding::decode_base64;
use crate::dispatch::spec::{CryptoKeySpec, KeyMaterial};

/// The key, or the rest of a sentence that says what the binding contained.
pub fn read(
    key: crypto_key::Reader<'static>,
) -> Result<Result<CryptoKeySpec, String>, capnp::Error> {
    use crypto_key::Which;
    let invalid = |what: &str| format!("invalid {what}.");
    let (format, material) = match key.which()? {
        Which::Raw(raw) => ("raw", Ok(KeyMaterial::Bytes(raw?.to_vec()))),
        Which::Hex(hex) => (
            "raw",
            decode_hex(hex?.to_str()?)
                .map(KeyMaterial::Bytes)
                .ok_or_else(|| invalid("hex")),
        ),
        Which::Base64(text) => (
            "raw",
            decode_base64(text?.as_bytes())
                .map(KeyMaterial::Bytes)
                .ok_or_else(|| invalid("base64")),
        ),
        Which::Pkcs8(pem) => (
            "pkcs8",
            decode_pem(pem?.as_bytes(), SectionKind::PrivateKey),
        ),
        Which::Spki(pem) => ("spki", decode_pem(pem?.as_bytes(), SectionKind::PublicKey)),
        Which::Jwk(jwk) => ("jwk", Ok(KeyMaterial::Json(jwk?.to_str()?))),
    };
    let algorithm = match key.get_algorithm().which()? {
        crypto_key::algorithm::Which::Name(name) => (name?.to_str()?, false),
        crypto_key::algorithm::Which::Json(json) => (json?.to_str()?, true),
    };
    let mut usages = Vec::new();
    for usage in key.get_usages()? {
        usages.push(name_of(usage?));
    }
    Ok(material.map(|material| CryptoKeySpec {
        format,
        material,
        algorithm: algorithm.0,
        algorithm_is_json: algorithm.1,
        extractable: key.get_extractable(),
        usages,
    }))
}

fn name_of(usage: Usage) -> &'static str {
    match usage {
        Usage::Encrypt => "encrypt",
        Usage::Decrypt => "decrypt",
        Usage::Sign => "sign",
        Usage::Verify => "verify",
        Usage::DeriveKey => "deriveKey",
        Usage::DeriveBits => "deriveBits",
        Usage::WrapKey => "wrapKey",
        Usage::UnwrapKey => "unwrapKey",
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}

fn decode_pem(pem: &[u8], wanted: SectionKind) -> Result<KeyMaterial, String> {
    let (kind, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(pem)
        .map_err(|_| "invalid PEM format.".to_owned())?;
    if kind == wanted {
        return Ok(KeyMaterial::Bytes(der));
    }
    Err(format!(
        "wrong PEM type, expected {wanted:?} but got {kind:?}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_pairs_of_digits() {
        assert_eq!(decode_hex("00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(decode_hex(""), Some(vec![]));
        assert_eq!(decode_hex("0"), None);
        assert_eq!(decode_hex("0g"), None);
        assert_eq!(decode_hex("é"), None);
    }
}
