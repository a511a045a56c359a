//! Text into tokens.
//!
//! `syntax` calls this once a file. What cannot be a token is reported and becomes
//! `Token::Invalid`, which the parser passes over without a second complaint.

use super::diagnostics::{Diagnostics, SourceId, Span};

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Identifier(String),
    Integer(u64),
    Float(f64),
    /// A string literal's bytes; escapes can make them anything, so they need not be UTF-8.
    Text(Vec<u8>),
    Data(Vec<u8>),
    /// One of the characters of `PUNCTUATION`.
    Mark(u8),
    Invalid,
}

const PUNCTUATION: &[u8] = b"()[]{},;=:.@$-*>!";

/// The tokens of a source file with the place of each.
pub fn lex(source: SourceId, diagnostics: &mut Diagnostics) -> Vec<(Token, Span)> {
    let text = diagnostics.text(source);
    let mut lexer = Lexer {
        text: &text,
        at: 0,
        errors: Vec::new(),
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let Some(token) = lexer.token() else { break };
        tokens.push((token, Span::new(start, lexer.at)));
    }
    for (span, message) in lexer.errors {
        diagnostics.error(source, span, message);
    }
    tokens
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    errors: Vec<(Span, &'static str)>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// Takes bytes while they satisfy `accept`.
    fn take(&mut self, accept: impl Fn(u8) -> bool) -> &[u8] {
        let len = self
            .rest()
            .iter()
            .position(|byte| !accept(*byte))
            .unwrap_or(self.rest().len());
        self.at += len;
        &self.text[self.at - len..self.at]
    }

    fn fail(&mut self, start: usize, message: &'static str) -> Token {
        self.errors.push((Span::new(start, self.at), message));
        Token::Invalid
    }

    /// White space, comments and byte order marks.
    fn skip_blanks(&mut self) {
        loop {
            self.take(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
            if self.peek() == Some(b'#') {
                self.take(|byte| byte != b'\n');
            } else if self.rest().starts_with(b"\xef\xbb\xbf") {
                self.at += 3;
            } else {
                return;
            }
        }
    }

    fn token(&mut self) -> Option<Token> {
        let start = self.at;
        let byte = self.peek()?;
        Some(match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let name = self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Token::Identifier(String::from_utf8_lossy(name).into_owned())
            }
            b'"' => self.quoted(),
            b'`' => {
                self.at += 1;
                let mut line = self.take(|byte| byte != b'\n' && byte != b'\r').to_vec();
                line.push(b'\n');
                Token::Text(line)
            }
            b'0' if self.rest().starts_with(b"0x\"") => self.binary(),
            b'0'..=b'9' => self.number(),
            _ if PUNCTUATION.contains(&byte) => {
                self.at += 1;
                Token::Mark(byte)
            }
            0 | 0xfe | 0xff => {
                self.at = self.text.len();
                self.fail(
                    start,
                    "Non-UTF-8 input detected. Cap'n Proto schema files must be UTF-8 text.",
                )
            }
            _ => {
                self.at += 1;
                self.take(|byte| byte & 0xc0 == 0x80); // the rest of a character
                self.fail(start, "Parse error: this character has no meaning here.")
            }
        })
    }

    fn quoted(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            out.extend_from_slice(self.take(|byte| !matches!(byte, b'"' | b'\\' | b'\n')));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Token::Text(out);
                }
                Some(b'\\') => {
                    let escape = self.at;
                    self.at += 1;
                    match self.escape() {
                        Some(byte) => out.push(byte),
                        None => {
                            self.fail(escape, "Parse error: unknown escape in a string.");
                        }
                    }
                }
                _ => return self.fail(start, "Parse error: this string has no end on its line."),
            }
        }
    }

    /// What a backslash, already taken, stands for.
    fn escape(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        if byte.is_ascii_digit() {
            let digits = self
                .rest()
                .iter()
                .take(3)
                .take_while(|digit| matches!(digit, b'0'..=b'7'))
                .count();
            let value = self.rest()[..digits]
                .iter()
                .fold(0u8, |n, digit| n << 3 | (digit - b'0'));
            self.at += digits;
            return (digits > 0).then_some(value);
        }
        if byte == b'\n' {
            return None;
        }
        self.at += 1;
        Some(match byte {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'\'' | b'"' | b'\\' | b'?' => byte,
            b'x' => {
                let byte = hex_pair(self.rest())?;
                self.at += 2;
                byte
            }
            _ => return None,
        })
    }

    /// `0x"12 34 ab"`.
    fn binary(&mut self) -> Token {
        let start = self.at;
        self.at += 3;
        let mut out = Vec::new();
        loop {
            self.take(|byte| byte.is_ascii_whitespace());
            match (self.peek(), hex_pair(self.rest())) {
                (Some(b'"'), _) => {
                    self.at += 1;
                    return Token::Data(out);
                }
                (_, Some(byte)) => {
                    self.at += 2;
                    out.push(byte);
                }
                _ => {
                    self.take(|byte| !matches!(byte, b'"' | b'\n'));
                    self.take(|byte| byte == b'"');
                    return self.fail(
                        start,
                        "Parse error: binary data is pairs of hexadecimal digits.",
                    );
                }
            }
        }
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        self.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
        // A sign belongs to the number only after the `e` of a decimal one.
        let text = &self.text[start..self.at];
        if matches!(text.last(), Some(b'e' | b'E'))
            && !text.starts_with(b"0x")
            && matches!(self.peek(), Some(b'+' | b'-'))
        {
            self.at += 1;
            self.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        let (digits, base) = match text.as_bytes() {
            [b'0', b'x', ..] => (&text[2..], 16),
            [b'0', _, ..] => (&text[1..], 8),
            _ => (&text[..], 10),
        };
        if !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base)) {
            return match u64::from_str_radix(digits, base) {
                Ok(value) => Token::Integer(value),
                Err(_) => self.fail(start, "Integer is too big."),
            };
        }
        match float(&text) {
            Some(value) => Token::Float(value),
            None => self.fail(start, "Parse error: this is no number."),
        }
    }
}

/// `1.5`, `1.`, `1e9`, `1.5e-9`, and even `1e`, as upstream reads it.
fn float(text: &str) -> Option<f64> {
    let shaped = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !shaped || text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.trim_end_matches(['e', 'E', '+', '-']).parse().ok()
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (high, low) = (digit(text.first()?)?, digit(text.get(1)?)?);
    Some((high << 4 | low) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn tokens(text: &[u8]) -> (Vec<Token>, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let source = diagnostics.add_source("t".into(), Rc::new(text.to_vec()));
        let tokens = lex(source, &mut diagnostics)
            .into_iter()
            .map(|(token, _)| token)
            .collect();
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        (
            tokens,
            diagnostics.render().into_iter().map(first_line).collect(),
        )
    }

    fn one(text: &str) -> Token {
        let (mut tokens, errors) = tokens(text.as_bytes());
        assert_eq!(errors, [""; 0], "{text}");
        assert_eq!(tokens.len(), 1, "{text}");
        tokens.remove(0)
    }

    #[test]
    fn numbers() {
        assert_eq!(one("0"), Token::Integer(0));
        assert_eq!(one("017"), Token::Integer(15));
        assert_eq!(one("0xfF"), Token::Integer(255));
        assert_eq!(one("18446744073709551615"), Token::Integer(u64::MAX));
        for (text, value) in [
            ("1.5", 1.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("2.5e-1", 0.25),
            ("1e", 1.0),
            ("1e+2", 100.0),
        ] {
            assert_eq!(one(text), Token::Float(value), "{text}");
        }
        for bad in [
            "18446744073709551616",
            "0x",
            "1x",
            "0x1g",
            "1.2.3",
            "1_000",
            "08",
        ] {
            assert_eq!(tokens(bad.as_bytes()).1.len(), 1, "{bad}");
        }
        assert_eq!(
            tokens(b"1-2").0,
            [Token::Integer(1), Token::Mark(b'-'), Token::Integer(2)]
        );
    }

    #[test]
    fn strings() {
        assert_eq!(one(r#""""#), Token::Text(vec![]));
        assert_eq!(
            one(r#""a\n\t\"\\\x41\101\0\xff""#),
            Token::Text(b"a\n\t\"\\AA\0\xff".to_vec())
        );
        assert_eq!(
            tokens(b"`a \"b\\\r\n`c").0,
            [
                Token::Text(b"a \"b\\\n".to_vec()),
                Token::Text(b"c\n".to_vec())
            ]
        );
        assert_eq!(one(r#"0x"ab cD01""#), Token::Data(vec![0xab, 0xcd, 1]));
        assert_eq!(one(r#"0x"""#), Token::Data(vec![]));
        for bad in [
            "\"a",
            "\"a\nb",
            "\"a\\",
            "\"\\q\"",
            "\"\\x4\"",
            "\"\\9\"",
            "0x\"abc\"",
            "0x\"",
            "0x\"g",
        ] {
            assert!(!tokens(bad.as_bytes()).1.is_empty(), "{bad}");
        }
    }

    #[test]
    fn blanks_and_marks() {
        let (found, errors) = tokens("\u{feff}# comment\n a:.b # end".as_bytes());
        let name = |name: &str| Token::Identifier(name.into());
        assert_eq!(
            found,
            [name("a"), Token::Mark(b':'), Token::Mark(b'.'), name("b")]
        );
        assert_eq!(errors, [""; 0]);
    }

    #[test]
    fn what_is_no_token_is_reported_once() {
        assert_eq!(
            tokens("a \u{20ac} b".as_bytes()).1,
            ["t:1:3-6: Parse error: this character has no meaning here."]
        );
        let utf16: Vec<u8> = "ab".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(tokens(&utf16).1.len(), 1);
    }
}
