//! Bytes and text for `node:buffer`: encoding, decoding, search and comparison.

use v8::simdutf::{self, Base64Options};

use crate::glue::error::{OpError, throw};
use crate::glue::{Ops, bool_arg, i32_arg, uint8_array, with_bytes};

pub fn ops(ops: &mut Ops) {
    ops.add("encode", encode);
    ops.add("decode", decode);
    ops.add("writeText", write_text);
    ops.add("utf8Length", utf8_length);
    ops.add("compareBytes", compare_bytes);
    ops.add("search", search);
    ops.add("isAscii", is_ascii);
    ops.add("isUtf8", is_utf8);
}

/// The encodings, numbered as in `encodings.js`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Ascii,
    Latin1,
    Utf8,
    Base64,
    Utf16,
    Hex,
    Base64Url,
}

fn encoding_arg(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Encoding {
    match i32_arg(scope, args, index) {
        0 => Encoding::Ascii,
        1 => Encoding::Latin1,
        3 => Encoding::Base64,
        4 => Encoding::Utf16,
        5 => Encoding::Hex,
        6 => Encoding::Base64Url,
        _ => Encoding::Utf8,
    }
}

fn text_arg<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    index: i32,
) -> v8::Local<'s, v8::String> {
    v8::Local::<v8::String>::try_from(args.get(index)).unwrap_or_else(|_| v8::String::empty(scope))
}

/// `encode(text, encoding)`: the bytes as a Uint8Array. Hex stops at the first pair that is none; base64 skips strangers.
fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let text = text_arg(scope, &args, 0);
    let encoding = encoding_arg(scope, &args, 1);
    let bytes = to_bytes(scope, text, encoding);
    rv.set(uint8_array(scope, bytes).into());
}

fn to_bytes(scope: &mut v8::PinScope, text: v8::Local<v8::String>, encoding: Encoding) -> Vec<u8> {
    let length = text.length();
    match encoding {
        Encoding::Utf8 => {
            let mut bytes = vec![0; text.utf8_length(scope)];
            let written =
                text.write_utf8_v2(scope, &mut bytes, v8::WriteFlags::kReplaceInvalidUtf8, None);
            bytes.truncate(written);
            bytes
        }
        Encoding::Ascii | Encoding::Latin1 => one_byte(scope, text),
        Encoding::Utf16 => {
            let mut units = vec![0u16; length];
            text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
            units.into_iter().flat_map(u16::to_le_bytes).collect()
        }
        Encoding::Hex => from_hex(&one_byte_or_stranger(scope, text)),
        Encoding::Base64 | Encoding::Base64Url => from_base64(&one_byte_or_stranger(scope, text)),
    }
}

/// The low byte of every UTF-16 unit.
fn one_byte(scope: &mut v8::PinScope, text: v8::Local<v8::String>) -> Vec<u8> {
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    bytes
}

/// As [`one_byte`], but units above a byte become one that no encoding uses, instead of some other character.
fn one_byte_or_stranger(scope: &mut v8::PinScope, text: v8::Local<v8::String>) -> Vec<u8> {
    if text.is_onebyte() {
        return one_byte(scope, text);
    }
    let mut units = vec![0u16; text.length()];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    units
        .into_iter()
        .map(|unit| u8::try_from(unit).unwrap_or(0xff))
        .collect()
}

fn from_hex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let pairs = text
        .chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8));
    pairs.map_while(|byte| byte).collect()
}

/// Both alphabets, padding optional; other characters are skipped, and nothing follows "=".
fn from_base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut bits = 0u32;
    let mut count = 0u32;
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// `decode(bytes, encoding, start, end)`: the text.
fn decode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let encoding = encoding_arg(scope, &args, 1);
    let start = args
        .get(2)
        .integer_value(scope)
        .map_or(0, |value| value.max(0) as usize);
    let end = args
        .get(3)
        .integer_value(scope)
        .map_or(0, |value| value.max(0) as usize);
    let text = with_bytes(args.get(0), |bytes| {
        let end = end.min(bytes.len());
        to_text(scope, &bytes[start.min(end)..end], encoding)
    });
    match text {
        Some(text) => rv.set(text.into()),
        None => throw(
            scope,
            &OpError::range_error("String is too long for a V8 string."),
        ),
    }
}

fn to_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    encoding: Encoding,
) -> Option<v8::Local<'s, v8::String>> {
    let longest = v8::String::MAX_LENGTH;
    let latin1 = |scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]| {
        if bytes.len() > longest {
            return None;
        }
        v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal)
    };
    match encoding {
        Encoding::Utf8 if bytes.is_ascii() => latin1(scope, bytes),
        Encoding::Utf8 => v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal),
        Encoding::Latin1 => latin1(scope, bytes),
        Encoding::Ascii => {
            let bytes: Vec<u8> = bytes.iter().map(|byte| byte & 0x7f).collect();
            latin1(scope, &bytes)
        }
        Encoding::Utf16 => {
            if bytes.len() / 2 > longest {
                return None;
            }
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal)
        }
        Encoding::Hex => {
            if bytes.len() * 2 > longest {
                return None;
            }
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let text: Vec<u8> = bytes
                .iter()
                .flat_map(|byte| {
                    [
                        DIGITS[usize::from(byte >> 4)],
                        DIGITS[usize::from(byte & 15)],
                    ]
                })
                .collect();
            latin1(scope, &text)
        }
        Encoding::Base64 | Encoding::Base64Url => {
            let options = if encoding == Encoding::Base64 {
                Base64Options::Default
            } else {
                Base64Options::Url
            };
            let length = simdutf::base64_length_from_binary(bytes.len(), options);
            if length > longest {
                return None;
            }
            let mut text = vec![0; length];
            // SAFETY: the output has the length that the encoder asks for.
            #[allow(unsafe_code)]
            let written = unsafe { simdutf::binary_to_base64(bytes, &mut text, options) };
            latin1(scope, &text[..written])
        }
    }
}

/// `writeText(bytes, text, offset, length, encoding)`: writes what fits, whole characters only; returns the byte count.
fn write_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else {
        return rv.set_uint32(0);
    };
    let text = text_arg(scope, &args, 1);
    let offset = args
        .get(2)
        .integer_value(scope)
        .map_or(0, |value| value.max(0) as usize);
    let length = args
        .get(3)
        .integer_value(scope)
        .map_or(0, |value| value.max(0) as usize);
    let encoding = encoding_arg(scope, &args, 4);
    let offset = offset.min(view.byte_length());
    let length = length.min(view.byte_length() - offset);
    if length == 0 {
        return rv.set_uint32(0);
    }
    // SAFETY: data() points at byte_length() bytes that live while the handle does; no JavaScript runs before the
    // slice is gone.
    #[allow(unsafe_code)]
    let target =
        unsafe { std::slice::from_raw_parts_mut(view.data().cast::<u8>().add(offset), length) };
    let written = match encoding {
        Encoding::Utf8 => {
            text.write_utf8_v2(scope, target, v8::WriteFlags::kReplaceInvalidUtf8, None)
        }
        Encoding::Ascii | Encoding::Latin1 => {
            let count = length.min(text.length());
            text.write_one_byte_v2(scope, 0, &mut target[..count], v8::WriteFlags::empty());
            count
        }
        encoding => {
            let bytes = to_bytes(scope, text, encoding);
            let mut count = length.min(bytes.len());
            if encoding == Encoding::Utf16 {
                count &= !1;
            }
            target[..count].copy_from_slice(&bytes[..count]);
            count
        }
    };
    rv.set_uint32(written as u32);
}

/// `utf8Length(text)`.
fn utf8_length<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue,
) {
    let length = text_arg(scope, &args, 0).utf8_length(scope);
    rv.set_double(length as f64);
}

/// `compareBytes(a, b)`: -1, 0 or 1.
pub fn compare_bytes(
    _: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let order = with_bytes(args.get(0), |a| with_bytes(args.get(1), |b| a.cmp(b)));
    rv.set_int32(order as i32);
}

/// `search(bytes, needle, from, isForward, step)`: the place of the first occurrence at or after `from`, or of the last
/// one at or before it; -1 if there is none. With step 2 only even places count.
fn search(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let from = args
        .get(2)
        .integer_value(scope)
        .map_or(0, |value| value.max(0) as usize);
    let is_forward = bool_arg(&args, 3);
    let step = if i32_arg(scope, &args, 4) == 2 { 2 } else { 1 };
    let found = with_bytes(args.get(0), |bytes| {
        with_bytes(args.get(1), |needle| {
            find(bytes, needle, from, is_forward, step)
        })
    });
    rv.set_double(found.map_or(-1.0, |place| place as f64));
}

fn find(bytes: &[u8], needle: &[u8], from: usize, is_forward: bool, step: usize) -> Option<usize> {
    if needle.is_empty() || needle.len() > bytes.len() {
        return None;
    }
    if is_forward {
        let finder = memchr::memmem::Finder::new(needle);
        let mut start = from.next_multiple_of(step);
        loop {
            let place = start + finder.find(bytes.get(start..)?)?;
            if place.is_multiple_of(step) {
                return Some(place);
            }
            start = place + 1;
        }
    }
    let finder = memchr::memmem::FinderRev::new(needle);
    let mut end = from.saturating_add(needle.len()).min(bytes.len());
    loop {
        let place = finder.rfind(&bytes[..end])?;
        if place.is_multiple_of(step) {
            return Some(place);
        }
        end = place + needle.len() - 1;
    }
}

/// `isAscii(bytes)`.
fn is_ascii(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(with_bytes(args.get(0), |bytes| bytes.is_ascii()));
}

/// `isUtf8(bytes)`.
fn is_utf8(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(with_bytes(args.get(0), simdutf::validate_utf8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_takes_both_alphabets_and_skips_strangers() {
        assert_eq!(
            from_base64(b"+/ -_\n8="),
            [0xfb, 0xff, 0xbf, 0xf0][..3].to_vec()
        );
        assert_eq!(from_base64(b"aGk=ignored"), b"hi");
        assert_eq!(from_base64(b"a"), b"");
    }

    #[test]
    fn hex_stops_at_the_first_bad_pair() {
        assert_eq!(from_hex(b"0aFFzz01"), [0x0a, 0xff]);
        assert_eq!(from_hex(b"0"), [0_u8; 0]);
    }

    #[test]
    fn searching_both_ways_respects_alignment() {
        assert_eq!(find(b"abcabc", b"bc", 2, true, 1), Some(4));
        assert_eq!(find(b"abcabc", b"bc", 3, false, 1), Some(1));
        assert_eq!(find(b"xa\0a\0a\0", b"a\0", 0, true, 2), None);
        assert_eq!(find(b"a\0b\0a\0", b"a\0", 1, true, 2), Some(4));
        assert_eq!(find(b"a\0b\0a\0", b"a\0", 3, false, 2), Some(0));
    }
}
