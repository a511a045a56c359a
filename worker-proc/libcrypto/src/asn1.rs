//! DER (X.690): values written and taken apart, and what libcrypto reads of them.

use std::ffi::c_long;
use std::ptr::null_mut;

use crate::object::{Object, Owned};
use crate::{Failed, failed};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// A value in DER (X.690, section 8.1) of these parts.
pub(crate) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    if length < 0x80 {
        der.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        der.push(0x80 | (bytes.len() - zeros) as u8);
        der.extend_from_slice(&bytes[zeros..]);
    }
    der.extend(parts.iter().copied().flatten());
    der
}

/// The contents of a value with this tag at the start of `der`, which goes on to what follows it.
pub(crate) fn take<'a>(der: &mut &'a [u8], tag: u8) -> Result<&'a [u8], Failed> {
    let [first, short, rest @ ..] = *der else {
        return Err(Failed);
    };
    let count = usize::from(short & 0x7f);
    let (length, rest) = if short & 0x80 == 0 {
        (count, rest)
    } else {
        let bytes = rest.get(..count).filter(|_| (1..=4).contains(&count));
        let fold = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        let length = bytes.ok_or(Failed)?.iter().fold(0, fold);
        (length, &rest[count..])
    };
    if *first != tag || length > rest.len() {
        return Err(Failed);
    }
    let (contents, rest) = rest.split_at(length);
    *der = rest;
    Ok(contents)
}

/// The numbers of an object identifier with dots between, where each fits 64 bits.
pub(crate) fn dotted(identifier: &[u8]) -> Option<String> {
    if identifier.last()? & 0x80 != 0 {
        return None;
    }
    let (mut text, mut number) = (String::new(), 0u64);
    for byte in identifier {
        if number >> 57 != 0 {
            return None;
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            text = first.to_string();
            number -= first * 40;
        }
        text += &format!(".{number}");
        number = 0;
    }
    Some(text)
}

/// One of libcrypto's functions `d2i_*`.
pub(crate) type Read<T> = unsafe extern "C" fn(*mut *mut T, *mut *const u8, c_long) -> *mut T;

/// What libcrypto reads at the start of `der`, with how many bytes follow it.
pub(crate) fn read<T: Object>(der: &[u8], read: Read<T>) -> Result<(Owned<T>, usize), Failed> {
    let mut next = der.as_ptr();
    let length = c_long::try_from(der.len()).map_err(|_| Failed)?;
    // SAFETY: `read` reads at most `length` bytes, and moves `next` past what it has read into a new object.
    let object = unsafe { Owned::new(read(null_mut(), &mut next, length)) }?;
    let used = next.addr().saturating_sub(der.as_ptr().addr());
    // What was tried first and did not fit has left errors.
    failed();
    Ok((object, der.len().saturating_sub(used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        let dotted = |bytes: &[u8]| dotted(bytes);
        assert_eq!(dotted(b"\x2a\x86\x48").as_deref(), Some("1.2.840"));
        assert_eq!(dotted(b"\x53\x04").as_deref(), Some("2.3.4"));
        assert_eq!(dotted(b"\x88\x37").as_deref(), Some("2.999"));
        assert_eq!(dotted(b"\x2a\x86"), None);
        assert_eq!(dotted(b""), None);
        assert_eq!(dotted(&[&[0xff; 12][..], &[1]].concat()), None);
    }

    #[test]
    fn values_are_taken_apart() {
        let der = value(SEQUENCE, &[&value(INTEGER, &[&[1]]), &[0; 300]]);
        let mut rest = &der[..];
        let mut parts = take(&mut rest, SEQUENCE).expect("a sequence");
        assert_eq!(take(&mut parts, OCTET_STRING), Err(Failed));
        assert_eq!(take(&mut parts, INTEGER), Ok(&[1][..]));
        assert_eq!((parts.len(), rest.len()), (300, 0));
        assert_eq!(take(&mut &der[..9], SEQUENCE), Err(Failed));
    }
}
