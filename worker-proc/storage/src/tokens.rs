//! Just enough of SQL's lexical grammar to find where statements end and what a statement renames.
//!
//! Used by `sql` (statements that arrive in pieces) and `authorizer`. Follows <https://www.sqlite.org/lang.html>: words,
//! quoted names and strings, comments, and the one statement with semicolons inside it, CREATE TRIGGER ... END;.

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    kind: Kind,
    text: &'a [u8],
    /// Where the token ends in the input.
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Semicolon,
    Other,
    /// A quotation or comment that the input ends within.
    Open,
}

impl Token<'_> {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// The name that a word or a quoted name stands for.
    pub(super) fn name(&self) -> Cow<'_, [u8]> {
        let (Kind::Quoted, [quote, inside @ .., _]) = (self.kind, self.text) else {
            return Cow::Borrowed(self.text);
        };
        let mut name = Vec::with_capacity(inside.len());
        let mut bytes = inside.iter().peekable();
        while let Some(byte) = bytes.next() {
            name.push(*byte);
            if byte == quote && bytes.peek() == Some(&quote) {
                bytes.next();
            }
        }
        Cow::Owned(name)
    }
}

/// The tokens of a text; blanks and comments are passed over.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let first = *rest.first()?;
            let (kind, length) = match first {
                b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'\x0b' => {
                    at += 1;
                    continue;
                }
                b'-' if rest.get(1) == Some(&b'-') => {
                    at += memchr::memchr(b'\n', rest)? + 1;
                    continue;
                }
                b'/' if rest.get(1) == Some(&b'*') => match memchr::memmem::find(&rest[2..], b"*/")
                {
                    Some(end) => {
                        at += end + 4;
                        continue;
                    }
                    None => (Kind::Open, rest.len()),
                },
                b'\'' | b'"' | b'`' => quoted(rest, first, true),
                b'[' => quoted(rest, b']', false),
                b';' => (Kind::Semicolon, 1),
                byte if is_word_byte(byte) => (
                    Kind::Word,
                    rest.iter().take_while(|byte| is_word_byte(**byte)).count(),
                ),
                _ => (Kind::Other, 1),
            };
            at += length;
            return Some(Token {
                kind,
                text: &rest[..length],
                end: at,
            });
        }
    })
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// The length of a quotation that starts here and ends with `close`, which may be doubled inside it.
fn quoted(rest: &[u8], close: u8, doubles: bool) -> (Kind, usize) {
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|rest| memchr::memchr(close, rest)) {
        at += found + 1;
        if !(doubles && rest.get(at) == Some(&close)) {
            return (Kind::Quoted, at);
        }
        at += 1;
    }
    (Kind::Open, rest.len())
}

/// How long the first complete statement of a text is, with its semicolon; none if the text ends before it does.
pub(super) fn complete_statement(text: &[u8]) -> Option<usize> {
    let mut beginning = Vec::with_capacity(4);
    // In a trigger the end is the word END between two semicolons.
    let mut tail = Tail::Body;
    for token in tokens(text) {
        let trigger = is_create_trigger(&beginning);
        match token.kind {
            Kind::Open => return None,
            Kind::Semicolon if !trigger || tail == Tail::End => return Some(token.end),
            Kind::Semicolon => tail = Tail::Semicolon,
            _ if tail == Tail::Semicolon && token.is_word("END") => tail = Tail::End,
            _ => tail = Tail::Body,
        }
        if beginning.len() < 4 && token.kind == Kind::Word {
            beginning.push(token);
        } else if beginning.len() < 4 {
            beginning.extend([token; 4]);
        }
    }
    None
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Body,
    Semicolon,
    End,
}

/// `[EXPLAIN] CREATE [TEMP | TEMPORARY] TRIGGER`
fn is_create_trigger(words: &[Token<'_>]) -> bool {
    let words = match words {
        [first, rest @ ..] if first.is_word("EXPLAIN") => rest,
        words => words,
    };
    let [create, rest @ ..] = words else {
        return false;
    };
    let rest = match rest {
        [temp, rest @ ..] if temp.is_word("TEMP") || temp.is_word("TEMPORARY") => rest,
        rest => rest,
    };
    create.is_word("CREATE") && rest.first().is_some_and(|word| word.is_word("TRIGGER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_their_semicolon() {
        let complete = |text: &str| complete_statement(text.as_bytes());
        assert_eq!(complete("select 1; select 2;"), Some(9));
        assert_eq!(complete("select ';' ; x"), Some(12));
        assert_eq!(complete("select 'it''s ;"), None);
        assert_eq!(complete("-- ;\nselect 1"), None);
        assert_eq!(complete("/* ; */ select [;];"), Some(19));
        assert_eq!(complete("select 1"), None);
        let trigger = "create trigger t after insert on a begin delete from b; delete from c; end;";
        assert_eq!(
            complete(&format!("{trigger} select 1;")),
            Some(trigger.len())
        );
        assert_eq!(complete(&trigger[..trigger.len() - 1]), None);
    }

    #[test]
    fn quoted_names_lose_their_quotes() {
        let name = |text: &str| {
            let token = tokens(text.as_bytes())
                .next()
                .map(|token| token.name().into_owned());
            token.and_then(|name| String::from_utf8(name).ok())
        };
        assert_eq!(name("\"a\"\"b\"").as_deref(), Some("a\"b"));
        assert_eq!(name("[a b]").as_deref(), Some("a b"));
        assert_eq!(name(" /**/ a$b ").as_deref(), Some("a$b"));
    }
}
