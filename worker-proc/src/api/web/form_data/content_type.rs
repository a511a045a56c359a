//! Reads the Content-Type of a form's body (MIME Sniffing standard, section 4.4).

use super::error::Error;

/// The boundary of a multipart form, or none for an urlencoded one; else what is wrong.
pub fn form_type(content_type: &str) -> Result<Option<String>, Error> {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    match essence.trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => parameter(parameters, "boundary")
            .map(Some)
            .ok_or(Error::NoBoundary),
        "application/x-www-form-urlencoded" => match parameter(parameters, "charset") {
            Some(charset) if !is_utf8(&charset) => Err(Error::NotUtf8),
            _ => Ok(None),
        },
        _ => Err(Error::NoForm),
    }
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "unicode-1-1-utf-8"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(charset))
}

/// The first parameter of that name; quoted values are unescaped.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ';']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find([';', '=']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else {
            continue;
        };
        let (value, after) = value(after);
        rest = after;
        if name.eq_ignore_ascii_case(wanted) && !value.is_empty() {
            return Some(value);
        }
    }
}

/// A parameter's value and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => {
                let after = &quoted[place + 1..];
                return (value, &after[after.find(';').unwrap_or(after.len())..]);
            }
            '\\' => value.push(chars.next().map_or('\\', |(_, escaped)| escaped)),
            char => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::form_type;

    #[test]
    fn boundaries() {
        let boundary = |text| form_type(text).ok().flatten();
        assert_eq!(
            boundary("multipart/form-data; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(
            boundary("Multipart/Form-Data;x=1;Boundary=\"a\\\"; b\" ;y").as_deref(),
            Some("a\"; b")
        );
        assert_eq!(
            boundary("multipart/form-data;boundary=abc ; z").as_deref(),
            Some("abc")
        );
        assert!(form_type("multipart/form-data").is_err());
    }

    #[test]
    fn urlencoded_is_utf8() {
        assert_eq!(form_type("application/x-www-form-urlencoded"), Ok(None));
        assert_eq!(
            form_type("application/x-www-form-urlencoded;charset=UTF-8"),
            Ok(None)
        );
        assert!(form_type("application/x-www-form-urlencoded;charset=latin1").is_err());
        assert!(form_type("text/plain").is_err());
    }
}
