//! JSON with comments and trailing commas, as plain JSON.

/// The text with blanks for comments and for commas before a closing bracket, so that all else stays where it is.
pub fn strip(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    // A comma after which nothing but blanks and comments came.
    let mut comma = None;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            (b'"', _) => {
                comma = None;
                end_of_string(&bytes, at)
            }
            (b'/', Some(b'/')) => blank(&mut bytes, at, |rest| find(rest, b"\n", 0)),
            (b'/', Some(b'*')) => blank(&mut bytes, at, |rest| find(rest, b"*/", 2)),
            (b',', _) => {
                comma = Some(at);
                at + 1
            }
            (b'}' | b']', _) => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
                at + 1
            }
            (byte, _) => {
                if !byte.is_ascii_whitespace() {
                    comma = None;
                }
                at + 1
            }
        };
        at = end;
    }
    // Only whole characters were replaced.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// After the string that begins there.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where a text that ends a comment ends, with so many bytes of it.
fn find(rest: &[u8], end: &[u8], bytes: usize) -> usize {
    let start = 2.min(rest.len());
    let found = rest[start..]
        .windows(end.len())
        .position(|window| window == end);
    found.map_or(rest.len(), |at| start + at + bytes)
}

/// Blanks a comment but for its line breaks; where it ends.
fn blank(bytes: &mut [u8], start: usize, length: impl Fn(&[u8]) -> usize) -> usize {
    let end = start + length(&bytes[start..]);
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn comments_and_trailing_commas_become_blanks() {
        for (text, plain) in [
            ("{}", "{}"),
            ("{\"a\":1,}", "{\"a\":1 }"),
            ("[1, // x,\n ]", "[1       \n ]"),
            ("[1,/* ü */]", "[1         ]"),
            ("[1,,]", "[1, ]"),
            ("{,}", "{ }"),
            ("\"// \\\" /* ,]\" // x", "\"// \\\" /* ,]\"     "),
            ("1 /* open", "1        "),
            ("/*/ 1", "     "),
            ("/", "/"),
            ("\"open", "\"open"),
            ("\"\\", "\"\\"),
            ("/*\n*/1", "  \n  1"),
        ] {
            assert_eq!(strip(text), plain, "{text}");
        }
    }
}
