//! The head of a request (RFC 9112 sections 2 to 5): read strictly, and bounded.
//!
//! `http` feeds it what it has received. Its users read what they need of it.

/// A longer head is refused.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;

/// A head that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// As it was sent; begins with a slash.
    pub target: String,
    /// Names in lower case, values without the white space around them.
    pub headers: Vec<(String, String)>,
    /// The Host header; none of HTTP/1.0 alone.
    pub host: Option<String>,
    /// What came after the head.
    pub rest: Vec<u8>,
}

/// What is wrong with a request: the status and a word about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub &'static str);

pub const MALFORMED: Refusal = Refusal(400, "The request is malformed.");

impl Head {
    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(candidate, _)| candidate == name)?;
        Some(value)
    }

    /// Whether there is a header of this name that lists the word, in any case.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        let named = self.headers.iter().filter(|(header, _)| header == name);
        let mut words = named.flat_map(|(_, value)| value.split(','));
        words.any(|one| one.trim().eq_ignore_ascii_case(word))
    }
}

/// Reads a head from what has come so far; none if it is not whole yet.
pub fn parse(received: &[u8]) -> Option<Result<Head, Refusal>> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n");
    match end {
        Some(end) if end <= MAX_HEAD_BYTES => {
            let rest = received[end + 4..].to_vec();
            Some(read(&received[..end]).map(|head| Head { rest, ..head }))
        }
        None if received.len() <= MAX_HEAD_BYTES => None,
        _ => Some(Err(Refusal(431, "The request's head is too long."))),
    }
}

fn read(head: &[u8]) -> Result<Head, Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| MALFORMED)?;
    let mut lines = head.split("\r\n");
    let mut parts = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(MALFORMED);
    };
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    if !is_token(method) || !matches!(version, "HTTP/1.1" | "HTTP/1.0") || !target.starts_with('/')
    {
        return Err(MALFORMED);
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(MALFORMED)?;
        if !is_token(name) || value.contains(['\r', '\n', '\0']) {
            return Err(MALFORMED);
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let hosts = headers.iter().filter(|(name, _)| name == "host");
    let hosts: Vec<&String> = hosts.map(|(_, value)| value).collect();
    let host = match hosts[..] {
        [host] => Some(host.clone()),
        [] if version == "HTTP/1.0" => None,
        _ => return Err(MALFORMED),
    };
    Ok(Head {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        host,
        rest: Vec::new(),
    })
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The name or address of an authority, as in a Host header, without a port.
pub fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether an authority, as in a Host header, names this machine.
pub fn is_local(host: &str) -> bool {
    let name = host_name(host);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Takes percent-encoding away; none where it is wrong, or the result is no text.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_with_what_follows() {
        let head =
            parse(b"GET /a HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive, Upgrade\r\n\r\nrest");
        let head = head.unwrap().unwrap();
        assert_eq!((&*head.method, &*head.target), ("GET", "/a"));
        assert_eq!(head.host.as_deref(), Some("h:1"));
        assert!(head.lists("connection", "upgrade") && !head.lists("connection", "keep"));
        assert_eq!(head.rest, b"rest");
    }
}
