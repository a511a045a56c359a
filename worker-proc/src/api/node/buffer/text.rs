//! Bytes and text for `node:buffer`: encoding, decoding, search and comparison.

use v8::simdutf;

use crate::glue::base64::{self, Base64Options};
use crate::glue::{FromJs, JsError, JsNumber, Ops, op, with_bytes};

/// Why bytes are no text.
#[derive(JsError)]
enum Refused {
    #[range_error("String is too long for a V8 string.")]
    TooLong,
}

pub fn ops(ops: &mut Ops) {
    ops.add_all(&[
        encode,
        decode,
        write_text,
        utf8_length,
        compare_bytes,
        search,
        is_ascii,
        is_utf8,
    ]);
    ops.share::<Encoding>();
}

/// The encodings, which `encodings.js` names.
#[derive(Clone, Copy, PartialEq, Eq, JsNumber)]
pub enum Encoding {
    Ascii,
    Latin1,
    Utf8,
    Base64,
    Utf16,
    Hex,
    Base64Url,
}

/// A place among bytes, or their count. The methods of Buffer take any object as theirs, which may call anything its length.
struct Index(usize);

impl<'s> FromJs<'s> for Index {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let number = value.integer_value(scope).unwrap_or(0);
        Some(Self(number.max(0) as usize))
    }

    fn fits(_: v8::Local<'s, v8::Value>) -> bool {
        true
    }
}

/// `encode(text, encoding)`: the bytes as a Uint8Array. Hex stops at the first pair that is none; base64 skips strangers.
#[op]
fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
    encoding: Encoding,
) -> Vec<u8> {
    to_bytes(scope, text, encoding)
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
    // Nearly all texts are as they should be.
    let standard = base64::decode(text, Base64Options::Default);
    if let Ok(bytes) = standard.or_else(|_| base64::decode(text, Base64Options::Url)) {
        return bytes;
    }
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
#[op]
fn decode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: v8::Local<'s, v8::Value>,
    encoding: Encoding,
    start: Index,
    end: Index,
) -> Result<v8::Local<'s, v8::String>, Refused> {
    let text = with_bytes(bytes, |bytes| {
        let end = end.0.min(bytes.len());
        to_text(scope, &bytes[start.0.min(end)..end], encoding)
    });
    text.ok_or(Refused::TooLong)
}

/// The text of bytes; none where it is longer than texts may be.
pub fn to_text<'s>(
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
            if base64::encoded_length(bytes.len(), options) > longest {
                return None;
            }
            latin1(scope, &base64::encode(bytes, options))
        }
    }
}

/// `writeText(bytes, text, offset, length, encoding)`: writes what fits, whole characters only; returns the byte count.
#[op]
fn write_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    view: v8::Local<'s, v8::Value>,
    text: v8::Local<'s, v8::String>,
    offset: Index,
    length: Index,
    encoding: Encoding,
) -> u32 {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(view) else {
        return 0;
    };
    let offset = offset.0.min(view.byte_length());
    let length = length.0.min(view.byte_length() - offset);
    if length == 0 {
        return 0;
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
    written as u32
}

/// `utf8Length(text)`.
#[op]
fn utf8_length<'s>(scope: &mut v8::PinScope<'s, '_>, text: v8::Local<'s, v8::String>) -> f64 {
    text.utf8_length(scope) as f64
}

/// `compareBytes(a, b)`: -1, 0 or 1.
#[op]
pub fn compare_bytes<'s>(a: v8::Local<'s, v8::Value>, b: v8::Local<'s, v8::Value>) -> i32 {
    with_bytes(a, |a| with_bytes(b, |b| a.cmp(b))) as i32
}

/// `search(bytes, needle, from, isForward, step)`: the place of the first occurrence at or after `from`, or of the last
/// one at or before it; -1 if there is none. With step 2 only even places count.
#[op]
fn search<'s>(
    bytes: v8::Local<'s, v8::Value>,
    needle: v8::Local<'s, v8::Value>,
    from: Index,
    is_forward: bool,
    step: u32,
) -> f64 {
    let step = if step == 2 { 2 } else { 1 };
    let found = with_bytes(bytes, |bytes| {
        with_bytes(needle, |needle| {
            find(bytes, needle, from.0, is_forward, step)
        })
    });
    found.map_or(-1.0, |place| place as f64)
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
#[op]
fn is_ascii(bytes: &[u8]) -> bool {
    bytes.is_ascii()
}

/// `isUtf8(bytes)`.
#[op]
fn is_utf8(bytes: &[u8]) -> bool {
    simdutf::validate_utf8(bytes)
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
