//! The material of a key as the config has it, decoded.

use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::api::web::encoding::decode_base64;
use crate::glue::Value;

/// How `importKey()` calls the format, and the material: bytes, or JSON. An error is the rest of a sentence that says what
/// the binding contained.
pub fn of(key: &mut Value) -> Result<(&'static str, Value), String> {
    let mut given = |form| Some(key.take(form)).filter(Value::is_some);
    let decoded = |bytes: Option<Vec<u8>>, what: &str| {
        let bytes = bytes.ok_or_else(|| format!("invalid {what}."))?;
        Ok(("raw", Value::Data(bytes.into())))
    };
    if let Some(text) = given("hex") {
        return decoded(decode_hex(text.text()), "hex");
    }
    if let Some(text) = given("base64") {
        return decoded(decode_base64(text.text().as_bytes()), "base64");
    }
    if let Some(pem) = given("pkcs8") {
        return Ok(("pkcs8", decode_pem(pem.text(), SectionKind::PrivateKey)?));
    }
    if let Some(pem) = given("spki") {
        return Ok(("spki", decode_pem(pem.text(), SectionKind::PublicKey)?));
    }
    if let Some(json) = given("jwk") {
        return Ok(("jwk", json));
    }
    Ok(("raw", key.take("raw")))
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

fn decode_pem(pem: &str, wanted: SectionKind) -> Result<Value, String> {
    let (kind, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(pem.as_bytes())
        .map_err(|_| "invalid PEM format.".to_owned())?;
    if kind == wanted {
        return Ok(Value::Data(der.into()));
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
