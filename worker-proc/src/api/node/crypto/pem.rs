//! PEM (RFC 7468), with the headers of RFC 1421 by which a key may be encrypted.

use crate::api::web::encoding::{decode_base64, encode_base64};

/// Characters of base64 in a line.
const LINE_CHARS: usize = 64;

/// A block of a text.
pub struct Block<'a> {
    pub label: &'a str,
    pub bytes: Vec<u8>,
    /// Cipher and IV in hexadecimal, of an encrypted block.
    pub cipher: Option<(&'a str, &'a str)>,
}

impl<'a> Block<'a> {
    /// The first block; none where the text has no whole one.
    pub fn first(text: &'a [u8]) -> Option<Self> {
        Self::find(text, |_| true)
    }

    /// The first block with such a label; none where it is not whole.
    pub fn find(text: &'a [u8], is_wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let mut text = std::str::from_utf8(text).ok()?;
        loop {
            let (_, rest) = text.split_once("-----BEGIN ")?;
            let (label, rest) = rest.split_once("-----")?;
            let (body, after) = rest.split_once(&format!("-----END {label}-----"))?;
            if is_wanted(label) {
                return Self::of_body(label, body);
            }
            text = after;
        }
    }

    fn of_body(label: &'a str, body: &'a str) -> Option<Self> {
        let (mut cipher, mut base64) = (None, String::new());
        for line in body.lines().map(str::trim) {
            match line.split_once(": ") {
                Some(("DEK-Info", info)) => cipher = info.split_once(','),
                Some(_) => {}
                None => base64.push_str(line),
            }
        }
        Some(Self {
            label,
            bytes: decode_base64(base64.as_bytes())?,
            cipher,
        })
    }
}

/// A block; `headers` are whole lines.
pub fn block(label: &str, headers: &str, bytes: &[u8]) -> String {
    let base64 = encode_base64(bytes);
    let mut text = format!("-----BEGIN {label}-----\n{headers}");
    for line in base64.as_bytes().chunks(LINE_CHARS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back() {
        let text = format!("before\n{}after", block("KEY", "", &[7; 100]));
        let read = Block::first(text.as_bytes()).expect("a block");
        assert_eq!((read.label, read.bytes), ("KEY", vec![7; 100]));
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n";
        let text = block("KEY", headers, b"x");
        let read = Block::first(text.as_bytes()).expect("a block");
        assert_eq!(read.cipher, Some(("AES-128-CBC", "00")));
        let text = block("KEY", "", b"x") + &block("OTHER", "", b"y");
        let read = Block::find(text.as_bytes(), |label| label == "OTHER");
        assert_eq!(read.expect("a block").bytes, b"y");
    }

    #[test]
    fn what_is_no_block_is_none() {
        for text in [
            &b"x"[..],
            b"-----BEGIN A-----\nAAAA\n-----END B-----",
            b"-----BEGIN A-----\n?\n-----END A-----",
            b"\xff",
        ] {
            assert!(Block::first(text).is_none());
        }
    }
}
