//! Text encodings and base64: TextEncoder, TextDecoder, atob and btoa over encoding_rs and V8's own transcoders.

mod decoder;

use std::cell::RefCell;
use std::rc::Rc;

use v8::simdutf;

use crate::glue::base64::{self, Base64Options};
use crate::glue::{
    Api, IntoJs, JsError, JsNumber, Maybe, Ops, intern, native_object, op, with_bytes,
};
use crate::js;
use decoder::{Decoded, Decoder, Options};

pub const API: Api = Api {
    name: "encoding",
    modules: &[js!("encoding.js")],
    lazy: &[],
    uses: &["dom_exception", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        name_of,
        decode_utf8,
        new_decoder,
        decode,
        encode,
        encode_into,
        buffer_kind,
        atob,
        btoa,
    ]);
    ops.share::<BufferKind>();
}

/// `nameOf(label)`: the encoding's name in lower case, or undefined for a label of none.
#[op]
fn name_of<'s>(scope: &mut v8::PinScope<'s, '_>, label: &str) -> Maybe<v8::Local<'s, v8::String>> {
    let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
    Maybe(encoding.map(|encoding| intern(scope, &encoding.name().to_ascii_lowercase())))
}

/// `decodeUtf8(bytes, fatal, ignoreBOM)`: a string; throws if the bytes are no UTF-8 and `fatal` is set.
#[op]
fn decode_utf8<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: v8::Local<'s, v8::Value>,
    fatal: bool,
    keep_mark: bool,
) -> Result<v8::Local<'s, v8::String>, Refused> {
    with_bytes(bytes, |bytes| {
        let bytes = if keep_mark {
            bytes
        } else {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        };
        if fatal && !simdutf::validate_utf8(bytes) {
            return Err(Refused::Undecodable);
        }
        let text = v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal);
        text.ok_or(Refused::TooLong)
    })
}

/// `newDecoder(name, fatal, ignoreBOM, keepSurrogates)`: a native decoder.
#[op]
fn new_decoder<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    fatal: bool,
    ignore_bom: bool,
    keep_surrogates: bool,
) -> v8::Local<'s, v8::Object> {
    let options = Options {
        fatal,
        ignore_bom,
        keep_surrogates,
    };
    native_object(scope, RefCell::new(Decoder::new(name, options)))
}

/// `decode(decoder, bytes, last)`: a string; throws where the decoder is fatal and the bytes are wrong.
#[op]
fn decode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    decoder: Rc<RefCell<Decoder>>,
    bytes: v8::Local<'s, v8::Value>,
    last: bool,
) -> Result<v8::Local<'s, v8::String>, Refused> {
    let decoded = with_bytes(bytes, |bytes| decoder.borrow_mut().decode(bytes, last));
    let text = match &decoded {
        Ok(Decoded::Utf8(text)) => v8::String::new(scope, text),
        Ok(Decoded::Utf16(units)) => {
            v8::String::new_from_two_byte(scope, units, v8::NewStringType::Normal)
        }
        Err(_) => return Err(Refused::Undecodable),
    };
    text.ok_or(Refused::TooLong)
}

/// Why bytes are no text.
#[derive(JsError)]
enum Refused {
    #[type_error("Failed to decode input.")]
    Undecodable,
    #[range_error("Invalid string length")]
    TooLong,
}

/// `encode(text)`: a Uint8Array of UTF-8.
#[op]
fn encode(text: String) -> Vec<u8> {
    text.into_bytes()
}

/// `encodeInto(text, view)`: writes whole characters only; returns units read * 2^32 + bytes written.
#[op]
fn encode_into<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> f64 {
    // What does not fit is not worth transcoding: a unit makes three bytes at most.
    let mut utf8 = vec![0; view.byte_length().min(text.length() * 3)];
    let mut read = 0;
    let written = text.write_utf8_v2(
        scope,
        &mut utf8,
        v8::WriteFlags::kReplaceInvalidUtf8,
        Some(&mut read),
    );
    copy_into(scope, view, &utf8[..written]);
    read as f64 * 4_294_967_296.0 + written as f64
}

/// Copies bytes to the start of a view; those beyond its end are dropped.
pub fn copy_into(scope: &mut v8::PinScope, view: v8::Local<v8::ArrayBufferView>, bytes: &[u8]) {
    let (offset, length) = (view.byte_offset(), view.byte_length());
    let Some(buffer) = view.buffer(scope) else {
        return;
    };
    let store = buffer.get_backing_store();
    let cells = store.get(offset..offset + length).unwrap_or(&[]);
    for (cell, byte) in cells.iter().zip(bytes) {
        cell.set(*byte);
    }
}

/// What `bufferKind` tells apart.
#[derive(Clone, Copy, JsNumber)]
enum BufferKind {
    Other,
    Buffer,
    Detached,
    Shared,
}

/// `bufferKind(value)`: whether it is an ArrayBuffer, and which.
#[op]
fn buffer_kind(value: v8::Local<v8::Value>) -> BufferKind {
    match v8::Local::<v8::ArrayBuffer>::try_from(value) {
        Ok(buffer) if buffer.was_detached() => BufferKind::Detached,
        Ok(_) => BufferKind::Buffer,
        Err(_) if value.is_shared_array_buffer() => BufferKind::Shared,
        Err(_) => BufferKind::Other,
    }
}

/// Bytes as a string of Latin-1; null if it would be too long.
struct Latin1(Vec<u8>);

impl<'s> IntoJs<'s> for Latin1 {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let text = v8::String::new_from_one_byte(scope, &self.0, v8::NewStringType::Normal);
        text.into_js(scope)
    }
}

/// `atob(text)`: the decoded bytes as a string of Latin-1, or null if the text is no base64.
#[op]
fn atob(text: &str) -> Option<Latin1> {
    decode_base64(text.as_bytes()).map(Latin1)
}

/// Forgiving base64 (Infra standard): ASCII white space is skipped, padding is optional.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    base64::decode(text, Base64Options::Default).ok()
}

/// base64url (RFC 4648, section 5), with or without padding.
pub fn decode_base64url(text: &[u8]) -> Option<Vec<u8>> {
    base64::decode(text, Base64Options::Url).ok()
}

/// `btoa(text)`: base64 of a string of Latin-1, or null if it holds other characters.
#[op]
fn btoa<'s>(scope: &mut v8::PinScope<'s, '_>, text: v8::Local<'s, v8::String>) -> Option<String> {
    if !text.contains_only_onebyte() {
        return None;
    }
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    Some(encode_base64(&bytes))
}

/// base64 with padding.
pub fn encode_base64(bytes: &[u8]) -> String {
    encode_as(bytes, Base64Options::Default)
}

/// base64url without padding.
pub fn encode_base64url(bytes: &[u8]) -> String {
    encode_as(bytes, Base64Options::Url)
}

fn encode_as(bytes: &[u8], options: Base64Options) -> String {
    String::from_utf8(base64::encode(bytes, options)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_forgiving_as_the_standard_says() {
        assert_eq!(decode_base64(b" aGVs bG8 ").as_deref(), Some(&b"hello"[..]));
        assert_eq!(decode_base64(b"YR==").as_deref(), Some(&b"a"[..]));
        for wrong in ["a", "ab=", "abc==", "====", "_-", "ab\0="] {
            assert_eq!(decode_base64(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(encode_base64(b"\xff\0"), "/wA=");
    }
}
