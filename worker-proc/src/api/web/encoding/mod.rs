//! Text encodings and base64: TextEncoder, TextDecoder, atob and btoa over encoding_rs and V8's own transcoders.

mod decoder;

use v8::simdutf::{self, Base64Options, LastChunkHandling};

use crate::glue::args::to_string;
use crate::glue::{
    Api, Ops, bool_arg, intern, native_arg, native_object, str_arg, string, throw_type_error,
    uint8_array,
};
use crate::glue::{string_arg, with_bytes};
use crate::js;
use decoder::{Decoded, Decoder, Options};

pub const API: Api = Api {
    name: "encoding",
    modules: &[js!("encoding.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("nameOf", name_of);
    ops.add("decodeUtf8", decode_utf8);
    ops.add("newDecoder", new_decoder);
    ops.add("decode", decode);
    ops.add("encode", encode);
    ops.add("encodeInto", encode_into);
    ops.add("bufferKind", buffer_kind);
    ops.add("atob", atob);
    ops.add("btoa", btoa);
}

/// `nameOf(label)`: the encoding's name in lower case, or undefined for a label of none.
fn name_of(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let encoding = str_arg(scope, &args, 0, |_, label| {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
    });
    if let Some(encoding) = encoding {
        let name = intern(scope, &encoding.name().to_ascii_lowercase());
        rv.set(name.into());
    }
}

/// `decodeUtf8(bytes, fatal, ignoreBOM)`: a string; throws if the bytes are no UTF-8 and `fatal` is set.
fn decode_utf8(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let (fatal, keep_mark) = (bool_arg(&args, 1), bool_arg(&args, 2));
    let text = with_bytes(args.get(0), |bytes| {
        let bytes = if keep_mark {
            bytes
        } else {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        };
        if fatal && !simdutf::validate_utf8(bytes) {
            return None;
        }
        Some(v8::String::new_from_utf8(
            scope,
            bytes,
            v8::NewStringType::Normal,
        ))
    });
    match text {
        Some(Some(text)) => rv.set(text.into()),
        Some(None) => too_long(scope),
        None => throw_type_error(scope, DECODE_FAILED),
    }
}

const DECODE_FAILED: &str = "Failed to decode input.";

/// `newDecoder(name, fatal, ignoreBOM, keepSurrogates)`: a native decoder.
fn new_decoder(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 0);
    let options = Options {
        fatal: bool_arg(&args, 1),
        ignore_bom: bool_arg(&args, 2),
        keep_surrogates: bool_arg(&args, 3),
    };
    let decoder = std::cell::RefCell::new(Decoder::new(&name, options));
    rv.set(native_object(scope, decoder).into());
}

/// `decode(decoder, bytes, last)`: a string; throws where the decoder is fatal and the bytes are wrong.
fn decode(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(decoder) = native_arg::<std::cell::RefCell<Decoder>>(scope, &args, 0) else {
        return;
    };
    let last = bool_arg(&args, 2);
    let decoded = with_bytes(args.get(1), |bytes| {
        decoder.borrow_mut().decode(bytes, last)
    });
    let text = match &decoded {
        Ok(Decoded::Utf8(text)) => v8::String::new(scope, text),
        Ok(Decoded::Utf16(units)) => {
            v8::String::new_from_two_byte(scope, units, v8::NewStringType::Normal)
        }
        Err(_) => return throw_type_error(scope, DECODE_FAILED),
    };
    match text {
        Some(text) => rv.set(text.into()),
        None => too_long(scope),
    }
}

fn too_long(scope: &mut v8::PinScope) {
    crate::glue::throw(
        scope,
        &crate::glue::OpError::range_error("Invalid string length"),
    );
}

/// `encode(text)`: a Uint8Array of UTF-8.
fn encode(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let text = to_string(scope, args.get(0));
    rv.set(uint8_array(scope, text.into_bytes()).into());
}

/// `encodeInto(text, view)`: writes whole characters only; returns units read * 2^32 + bytes written.
fn encode_into(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Ok(text) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return;
    };
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(1)) else {
        return;
    };
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
    rv.set_double(read as f64 * 4_294_967_296.0 + written as f64);
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

/// `bufferKind(value)`: 1 for an ArrayBuffer, 2 for one that is detached, 3 for a SharedArrayBuffer, else 0.
fn buffer_kind(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_int32(match v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)) {
        Ok(buffer) if buffer.was_detached() => 2,
        Ok(_) => 1,
        Err(_) if args.get(0).is_shared_array_buffer() => 3,
        Err(_) => 0,
    });
}

/// `atob(text)`: the decoded bytes as a string of Latin-1, or null if the text is no base64.
fn atob(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let decoded = str_arg(scope, &args, 0, |_, text| decode_base64(text.as_bytes()));
    match decoded
        .and_then(|bytes| v8::String::new_from_one_byte(scope, &bytes, v8::NewStringType::Normal))
    {
        Some(text) => rv.set(text.into()),
        None => rv.set_null(),
    }
}

/// Forgiving base64 (Infra standard): ASCII white space is skipped, padding is optional.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    decode_as(text, Base64Options::Default)
}

/// base64url (RFC 4648, section 5), with or without padding.
pub fn decode_base64url(text: &[u8]) -> Option<Vec<u8>> {
    decode_as(text, Base64Options::Url)
}

fn decode_as(text: &[u8], options: Base64Options) -> Option<Vec<u8>> {
    let mut bytes = vec![0; simdutf::maximal_binary_length_from_base64(text)];
    // SAFETY: the output has the length that the library asks for.
    #[allow(unsafe_code)]
    let result =
        unsafe { simdutf::base64_to_binary(text, &mut bytes, options, LastChunkHandling::Loose) };
    bytes.truncate(result.count);
    result.is_ok().then_some(bytes)
}

/// `btoa(text)`: base64 of a string of Latin-1, or null if it holds other characters.
fn btoa(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Ok(text) = v8::Local::<v8::String>::try_from(args.get(0)) else {
        return rv.set_null();
    };
    if !text.contains_only_onebyte() {
        return rv.set_null();
    }
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    let encoded = string(scope, &encode_base64(&bytes));
    rv.set(encoded.into());
}

fn encode_base64(bytes: &[u8]) -> String {
    encode_as(bytes, Base64Options::Default)
}

/// base64url without padding.
pub fn encode_base64url(bytes: &[u8]) -> String {
    encode_as(bytes, Base64Options::Url)
}

fn encode_as(bytes: &[u8], options: Base64Options) -> String {
    let mut text = vec![0; simdutf::base64_length_from_binary(bytes.len(), options)];
    // SAFETY: the output has the length that the library asks for.
    #[allow(unsafe_code)]
    let length = unsafe { simdutf::binary_to_base64(bytes, &mut text, options) };
    text.truncate(length);
    String::from_utf8(text).unwrap_or_default()
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
