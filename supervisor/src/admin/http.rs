//! As much of HTTP/1.1 (RFC 9112) as the admin pages need: one GET or HEAD a connection, without a body.
//!
//! `admin` feeds it what it has received and sends what it returns.

use std::collections::HashMap;

/// A longer head is refused.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;

/// A request that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// HEAD: the answer goes without its body.
    pub head: bool,
    /// Decoded.
    pub path: String,
    pub query: HashMap<String, String>,
    /// JSON rather than HTML is wanted.
    pub json: bool,
}

/// What is wrong with a request: the status and a word about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub &'static str);

const MALFORMED: Refusal = Refusal(400, "The request is malformed.");

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

pub const HTML: &str = "text/html; charset=utf-8";
pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

impl Response {
    pub fn refusal(Refusal(status, why): Refusal) -> Self {
        Self {
            status,
            kind: TEXT,
            body: format!("{why}\n"),
        }
    }

    pub fn bytes(&self, head: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let allow = if self.status == 405 {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let text = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'\r\n\r\n",
            self.status,
            self.kind,
            self.body.len(),
        );
        let mut bytes = text.into_bytes();
        if !head {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

/// Reads a request from what has come so far; none if its head is not whole yet. Over TCP, `local` has the Host header
/// name this machine: a page from elsewhere whose name was made to point here must not read ours.
pub fn parse(received: &[u8], local: bool) -> Option<Result<Request, Refusal>> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n");
    match end {
        Some(end) if end <= MAX_HEAD_BYTES => Some(read(&received[..end], local)),
        None if received.len() <= MAX_HEAD_BYTES => None,
        _ => Some(Err(Refusal(431, "The request's head is too long."))),
    }
}

fn read(head: &[u8], local: bool) -> Result<Request, Refusal> {
    let head = std::str::from_utf8(head).map_err(|_| MALFORMED)?;
    let mut lines = head.split("\r\n");
    let mut parts = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(MALFORMED);
    };
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    if !is_token(method) || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(MALFORMED);
    }
    let (mut hosts, mut accept) = (Vec::new(), String::new());
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(MALFORMED)?;
        if !is_token(name) || value.contains(['\r', '\n', '\0']) {
            return Err(MALFORMED);
        }
        match name.to_ascii_lowercase().as_str() {
            "host" => hosts.push(value.trim()),
            "accept" => accept += value,
            _ => {}
        }
    }
    let host = match hosts[..] {
        [host] => Some(host),
        [] if version == "HTTP/1.0" => None,
        _ => return Err(MALFORMED),
    };
    if local && host.is_some_and(|host| !is_local(host)) {
        return Err(Refusal(
            403,
            "Ask for localhost or a loopback address: no other host is here.",
        ));
    }
    if !target.starts_with('/') {
        return Err(MALFORMED);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        head: method == "HEAD",
        path: decode(path).ok_or(MALFORMED)?,
        query: HashMap::new(),
        json: accept.contains("application/json") && !accept.contains("text/html"),
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(&value.replace('+', " ")).ok_or(MALFORMED)?;
        request.query.insert(decode(name).ok_or(MALFORMED)?, value);
    }
    if let Some(path) = request.path.strip_suffix(".json") {
        (request.path, request.json) = (path.to_owned(), true);
    }
    if matches!(method, "GET" | "HEAD") {
        Ok(request)
    } else {
        Err(Refusal(405, "Only GET and HEAD are answered here."))
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a Host header names this machine.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn decode(text: &str) -> Option<String> {
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

/// A text for a query of a link.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<Request, Refusal> {
        parse(text.as_bytes(), true).expect("a whole head")
    }

    fn status(text: &str) -> u16 {
        ask(text).map_or_else(|refusal| refusal.0, |_| 200)
    }

    #[test]
    fn requests_are_read() {
        let request = ask(
            "GET /objects?namespace=a%20b&q=x+y%2B&&z HTTP/1.1\r\nHost: localhost:80\r\nAccept: application/json\r\n\r\n",
        );
        let request = request.unwrap();
        assert_eq!(
            (request.path.as_str(), request.json, request.head),
            ("/objects", true, false)
        );
        assert_eq!(request.query["namespace"], "a b");
        assert_eq!(
            (request.query["q"].as_str(), request.query["z"].as_str()),
            ("x y+", "")
        );
        let request = ask("HEAD /objects.json HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(
            (request.path.as_str(), request.json, request.head),
            ("/objects", true, true)
        );
        let browser =
            ask("GET / HTTP/1.1\r\nHost: [::1]:9\r\nAccept: text/html,application/json\r\n\r\n");
        assert!(!browser.unwrap().json);
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: localhost\r\n", true), None);
    }

    #[test]
    fn bad_requests_are_refused() {
        for bad in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
            "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /?a=% HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nna me: x\r\n\r\n",
            "\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ] {
            assert_eq!(status(bad), 400, "{bad:?}");
        }
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1", ""] {
            assert_eq!(
                status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")),
                403,
                "{host}"
            );
        }
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(parse(long.as_bytes(), true).unwrap().unwrap_err().0, 431);
    }

    #[test]
    fn what_is_encoded_decodes() {
        let text = "a b&=+%/\u{e9}~";
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }
}
