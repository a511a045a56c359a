//! How deep code is, at a glance: `typescript` asks before it parses.
//!
//! What counts are brackets that are open, and in each what may be one expression or statement. It reads as JavaScript is
//! read but for what only a parser tells, whether a `/` after a bracket begins a regular expression: that it takes for a
//! division.

/// The levels at the deepest place, or a few more.
pub fn levels(code: &[u8]) -> usize {
    let mut scan = Scan {
        code,
        at: 0,
        open: vec![Open::default()],
        levels: 0,
        most: 0,
        divides: false,
    };
    while scan.at < code.len() {
        scan.step();
    }
    scan.most
}

/// An open bracket.
#[derive(Default)]
struct Open {
    /// Tokens since its last `,`, `;` or block.
    tokens: usize,
    /// It is a `${` in a template.
    in_template: bool,
}

struct Scan<'a> {
    code: &'a [u8],
    at: usize,
    /// Never empty.
    open: Vec<Open>,
    /// The open brackets, and the tokens in all of them.
    levels: usize,
    most: usize,
    /// Whether a `/` here is a division.
    divides: bool,
}

impl Scan<'_> {
    fn step(&mut self) {
        let byte = self.code[self.at];
        let next = self.code.get(self.at + 1).copied();
        self.at += 1;
        match (byte, next) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => return,
            (b'/', Some(b'/')) => return self.skip_to(b"\n"),
            (b'/', Some(b'*')) => {
                self.at += 1;
                return self.skip_to(b"*/");
            }
            (b',' | b';', _) => self.restart(),
            (b'(' | b'[' | b'{', _) => self.enter(false),
            (b')' | b']', _) => _ = self.leave(),
            (b'}', _) => {
                if self.leave() {
                    self.template();
                } else {
                    self.restart();
                }
            }
            (b'\'' | b'"', _) => {
                self.token();
                self.quoted(byte);
            }
            (b'`', _) => {
                self.token();
                self.template();
            }
            (b'/', _) if !self.divides => {
                self.token();
                self.expression();
            }
            _ if is_word(byte) => {
                self.token();
                let start = self.at - 1;
                while self.code.get(self.at).is_some_and(|byte| is_word(*byte)) {
                    self.at += 1;
                }
                let word = &self.code[start..self.at];
                self.divides = !BEFORE_EXPRESSIONS.contains(&word);
                return;
            }
            _ => self.token(),
        }
        self.divides = matches!(byte, b')' | b']' | b'}' | b'\'' | b'"' | b'`')
            || (byte == b'/' && !self.divides);
    }

    fn token(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.tokens += 1;
        }
        self.levels += 1;
        self.most = self.most.max(self.levels);
    }

    fn restart(&mut self) {
        if let Some(open) = self.open.last_mut() {
            self.levels -= std::mem::take(&mut open.tokens);
        }
    }

    fn enter(&mut self, in_template: bool) {
        self.token();
        self.open.push(Open {
            tokens: 0,
            in_template,
        });
    }

    /// Whether a template goes on after the bracket.
    fn leave(&mut self) -> bool {
        self.restart();
        // What closes more than was opened is no code.
        if self.open.len() == 1 {
            return false;
        }
        self.open.pop().is_some_and(|open| open.in_template)
    }

    fn skip_to(&mut self, end: &[u8]) {
        let found = memchr::memmem::find(&self.code[self.at..], end);
        self.at = found.map_or(self.code.len(), |at| self.at + at + end.len());
    }

    /// The rest of a string, which ends with its line at the latest.
    fn quoted(&mut self, quote: u8) {
        while let Some(&byte) = self.code.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => return,
                _ if byte == quote => return,
                _ => {}
            }
        }
    }

    /// The rest of a template, or of it up to a `${`.
    fn template(&mut self) {
        while let Some(&byte) = self.code.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => return,
                b'$' if self.code.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    return self.enter(true);
                }
                _ => {}
            }
        }
    }

    /// The rest of a regular expression, which ends with its line at the latest.
    fn expression(&mut self) {
        let mut in_class = false;
        while let Some(&byte) = self.code.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => return,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => return,
                _ => {}
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Words that a regular expression may follow.
const BEFORE_EXPRESSIONS: [&[u8]; 14] = [
    b"return",
    b"typeof",
    b"case",
    b"in",
    b"of",
    b"new",
    b"delete",
    b"void",
    b"throw",
    b"else",
    b"do",
    b"await",
    b"yield",
    b"instanceof",
];
