//! What the admin pages are asked, and the form of their answers.
//!
//! `lifecycle::admin` reads what `http` has received with it.

use std::collections::HashMap;

use crate::http::head::{Head, MALFORMED, Refusal, decode};

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
    /// What is wanted, as it was sent.
    pub accept: String,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

pub const HTML: &str = "text/html; charset=utf-8";
pub const JSON: &str = "application/json";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
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
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let more = match self.status {
            401 => {
                "WWW-Authenticate: Bearer realm=\"workerd\"\r\nWWW-Authenticate: Basic realm=\"workerd\"\r\n"
            }
            405 => "Allow: GET, HEAD\r\n",
            _ => "",
        };
        let text = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{more}Connection: close\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; script-src 'self'; connect-src 'self'; \
             style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n\r\n",
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

/// Reads a request.
///
/// # Errors
/// What is wrong with it.
pub fn read(head: &Head) -> Result<Request, Refusal> {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let accepts = head.headers.iter().filter(|(name, _)| name == "accept");
    let accept = accepts.map(|(_, value)| value.as_str());
    let accept = accept.collect::<Vec<_>>().join(",");
    let mut request = Request {
        head: head.method == "HEAD",
        path: decode(path).ok_or(MALFORMED)?,
        query: HashMap::new(),
        json: accept.contains("application/json") && !accept.contains("text/html"),
        accept,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(&value.replace('+', " ")).ok_or(MALFORMED)?;
        request.query.insert(decode(name).ok_or(MALFORMED)?, value);
    }
    if let Some(path) = request.path.strip_suffix(".json") {
        (request.path, request.json) = (path.to_owned(), true);
    }
    if matches!(&*head.method, "GET" | "HEAD") {
        Ok(request)
    } else {
        Err(Refusal(405, "Only GET and HEAD are answered here."))
    }
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
    use crate::http::head::{MAX_HEAD_BYTES, parse};

    fn ask(text: &str) -> Result<Request, Refusal> {
        let head = parse(text.as_bytes()).expect("a whole head");
        read(&head?)
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
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: localhost\r\n"), None);
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
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(parse(long.as_bytes()).unwrap().unwrap_err().0, 431);
    }

    #[test]
    fn what_is_encoded_decodes() {
        let text = "a b&=+%/\u{e9}~";
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }
}
