//! The parser of multipart/form-data bodies (RFC 7578), as lenient as browsers' forms need: a line may end without CR.

use super::error::Error;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub filename: Option<String>,
    /// The part's Content-Type, empty if it has none.
    pub content_type: String,
    pub contents: Vec<u8>,
}

/// The parts of a body, in order.
pub fn parse(body: &[u8], boundary: &[u8]) -> Result<Vec<Part>, Error> {
    let delimiter = [b"\n--", boundary].concat();
    // The first delimiter may open the body.
    let (_, mut rest) = split_at(body, &delimiter[1..])
        .filter(|(_, rest)| !rest.is_empty())
        .ok_or(Error::NoStart)?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        rest = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.strip_prefix(b"\n"))
            .ok_or(Error::BadDelimiter)?;
        let (head, after) = split_head(rest).ok_or(Error::NoHeaderEnd)?;
        let mut part = read_head(head)?;
        let (contents, after) = split_at(after, &delimiter)
            .filter(|(_, after)| !after.is_empty())
            .ok_or(Error::NoEnd)?;
        part.contents = contents.strip_suffix(b"\r").unwrap_or(contents).to_vec();
        parts.push(part);
        rest = after;
    }
}

/// What lies before and after the first `separator`.
fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = find(text, separator)?;
    Some((&text[..place], &text[place + separator.len()..]))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, others) = wanted.split_first()?;
    let mut from = 0;
    loop {
        // Candidates are told by their first byte.
        let place = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text[place + 1..].starts_with(others) {
            return Some(place);
        }
        from = place + 1;
    }
}

/// A part's header lines and what follows the empty line.
fn split_head(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    loop {
        let line_end = from + text.get(from..)?.iter().position(|byte| *byte == b'\n')?;
        let next = &text[line_end + 1..];
        if let Some(after) = next
            .strip_prefix(b"\r\n")
            .or_else(|| next.strip_prefix(b"\n"))
        {
            return Some((&text[..line_end], after));
        }
        from = line_end + 1;
    }
}

fn read_head(head: &[u8]) -> Result<Part, Error> {
    let head = String::from_utf8_lossy(head);
    let mut disposition = None;
    let mut content_type = String::new();
    for line in head.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (name, value) = line.split_once(':').ok_or(Error::BadHeaders)?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("content-type") {
            value.clone_into(&mut content_type);
        }
    }
    let (name, filename) = read_disposition(&disposition.ok_or(Error::NoDisposition)?)?;
    Ok(Part {
        name: name.ok_or(Error::NoName)?,
        filename,
        content_type,
        contents: Vec::new(),
    })
}

/// The name and file name of a `form-data` disposition.
fn read_disposition(text: &str) -> Result<(Option<String>, Option<String>), Error> {
    let end = text
        .find(|char: char| !is_token(char))
        .unwrap_or(text.len());
    let (kind, mut rest) = text.split_at(end);
    if kind.is_empty() {
        return Err(Error::BadDisposition);
    }
    if kind != "form-data" {
        return Err(Error::NotFormData(kind.to_owned()));
    }
    let (mut name, mut filename) = (None, None);
    while let Some(parameter) = rest.trim_start().strip_prefix(';') {
        let parameter = parameter.trim_start();
        let end = parameter
            .find(|char: char| !is_token(char))
            .unwrap_or(parameter.len());
        let (key, after) = parameter.split_at(end);
        let Some(quoted) = after
            .trim_start()
            .strip_prefix('=')
            .and_then(|after| after.trim_start().strip_prefix('"'))
        else {
            break;
        };
        let Some((value, after)) = unquote(quoted) else {
            break;
        };
        match key {
            "name" => name = Some(value),
            "filename" => filename = Some(value),
            _ => {}
        }
        rest = after;
    }
    Ok((name, filename))
}

fn is_token(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
}

/// The text up to the closing quote, a backslash standing for what follows it, and what comes after.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n1\r\n2\r\n--x\nContent-Type: t/y\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\n\nbytes\n--x--\r\n";
        let parts = parse(body, b"x").expect("a form");
        assert_eq!(parts[0].name, "a\"b");
        assert_eq!(parts[0].contents, b"1\r\n2");
        assert_eq!(
            (parts[1].filename.as_deref(), parts[1].content_type.as_str()),
            (Some(""), "t/y")
        );
        assert_eq!(parts[1].contents, b"bytes");
    }

    #[test]
    fn broken_bodies_are_named() {
        let error = |body: &str| parse(body.as_bytes(), b"x").expect_err("an error");
        assert_eq!(error(""), Error::NoStart);
        assert_eq!(error("--xyz"), Error::BadDelimiter);
        assert_eq!(
            error("--x\r\nContent-Disposition: form-data"),
            Error::NoHeaderEnd
        );
        assert_eq!(error("--x\r\nnothing\r\n\r\n\r\n--x--"), Error::BadHeaders);
        assert_eq!(error("--x\r\nA: b\r\n\r\n\r\n--x--"), Error::NoDisposition);
        assert_eq!(
            error("--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--"),
            Error::NoName
        );
        assert_eq!(
            error("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nrest"),
            Error::NoEnd
        );
        assert_eq!(
            error("--x\r\nContent-Disposition: file; name=\"a\"\r\n\r\n\r\n--x--"),
            Error::NotFormData("file".to_owned())
        );
    }
}
