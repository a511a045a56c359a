//! Which headers are whose at the border where a message is sent, and what the config's `HttpOptions` do to them.
//!
//! A worker reads every header as it was received, and may say what it likes; what goes out follows this table. `server` and
//! `client` ask it, and so WebSockets, whose handshakes are theirs. Links between processes carry headers as they are, with the
//! body's length beside them: nothing is framed by a header there.
//!
//! | header | who says it in a message that is sent |
//! |---|---|
//! | `Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade` | the border: they are of one connection (RFC 9110 section 7.6.1) |
//! | `Content-Length` | the border, by the body alone (RFC 9110 section 8.6); an answer to HEAD that has no body may tell of one |
//! | `Host`, `:authority` | the URL, or the config; in `proxy` style the worker, as the URL goes with it |
//! | `Expect` | nobody: bodies are sent at once, whatever a client announced to us |
//! | `Content-Encoding` | whoever made the bytes: `api/web/fetch/body.js` undoes it for who reads them, and does it for who says it anew |
//! | what `Connection` names | the worker: a client must not choose what its back-end is not told |

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, StatusCode};

use crate::service::{Body, Response};

/// Headers that the border says itself, and nobody else.
const OF_THE_BORDER: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    TRAILER,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

fn drop_the_borders(headers: &mut HeaderMap) {
    while let Some(name) = (headers.keys()).find(|name| OF_THE_BORDER.contains(name)) {
        let name = name.clone();
        headers.remove(name);
    }
}

/// The headers of a request that is sent to that host over HTTP/1.1, with a body of that length.
pub fn frame_request(
    headers: &mut HeaderMap,
    method: &Method,
    length: Option<u64>,
    host: HeaderValue,
) {
    drop_the_borders(headers);
    headers.remove(EXPECT);
    headers.insert(HOST, host);
    // Hyper says the rest, but takes GET and HEAD for requests without a body, and the others for ones with one.
    let bodiless = matches!(*method, Method::GET | Method::HEAD | Method::CONNECT);
    match length {
        Some(0) if !bodiless => _ = headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0")),
        None if bodiless => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        _ => {}
    }
}

/// The same over HTTP/2, where the host is `:authority` and hyper says the length.
pub fn frame_http2_request(headers: &mut HeaderMap) {
    drop_the_borders(headers);
    headers.remove(EXPECT);
    headers.remove(HOST);
}

/// The headers of a response that is sent, whose length hyper says; an answer to HEAD tells that of its body, which is not sent.
pub fn frame_response(response: &mut Response, head: bool) {
    let told = if head && response.status != StatusCode::NO_CONTENT {
        length_told(response)
    } else {
        None
    };
    drop_the_borders(&mut response.headers);
    if head {
        leave_out_body(response, told);
    }
}

/// The refusal of a request, to HEAD as well.
pub fn frame_refusal(response: &mut Response, head: bool) {
    if head {
        let told = length_told(response);
        leave_out_body(response, told);
    }
}

fn leave_out_body(response: &mut Response, told: Option<HeaderValue>) {
    response.body = Body::Empty;
    if let Some(told) = told {
        response.headers.insert(CONTENT_LENGTH, told);
    }
}

/// The length that GET would have: the body's, or what is said where HEAD is answered without one.
fn length_told(response: &Response) -> Option<HeaderValue> {
    if !matches!(response.body, Body::Empty) {
        return response.body.length().map(HeaderValue::from);
    }
    let told = response.headers.get(CONTENT_LENGTH)?;
    let is_number = !told.is_empty() && told.as_bytes().iter().all(u8::is_ascii_digit);
    is_number.then(|| told.clone())
}

/// Whether a received message is coded for its transfer in no other way than in chunks, which hyper has undone: what else there
/// was would be passed on as if it were content (RFC 9112 section 6.1).
pub fn has_known_coding(headers: &HeaderMap) -> bool {
    let is_known = |coding: &HeaderValue| {
        let coding = coding.as_bytes();
        coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity")
    };
    headers.get_all(TRANSFER_ENCODING).iter().all(is_known)
}

/// Joins the fields of a request where a browser may send several for one header that is no list (RFC 9113 section 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut fields = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (fields.next(), fields.next()) {
        let mut joined = first.as_bytes().to_vec();
        for field in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(field.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_bytes(&joined) {
            headers.insert(COOKIE, joined);
        }
    }
}

/// How a socket or an external server speaks HTTP.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// `proxy` style: requests carry the whole URL in the request line.
    pub proxy: bool,
    /// The header that tells the scheme the client used.
    pub forwarded_proto: Option<HeaderName>,
    /// The header that carries `request.cf` as JSON.
    pub cf_blob: Option<HeaderName>,
    /// The host of a CONNECT by which others like this server reach more of a service than HTTP does.
    pub capnp_connect_host: Option<String>,
    pub inject_request: Vec<Injected>,
    pub inject_response: Vec<Injected>,
}

/// A header to set, or to remove where it has no value.
#[derive(Clone, Debug)]
pub struct Injected {
    pub name: HeaderName,
    pub value: Option<HeaderValue>,
}

impl HttpOptions {
    /// Parses the config's strings; the error names the bad one.
    pub fn header_name(name: &str) -> Result<HeaderName, String> {
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("\"{name}\" is not a valid HTTP header name"))
    }

    pub fn header_value(value: &str) -> Result<HeaderValue, String> {
        HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| format!("{value:?} is not a valid HTTP header value"))
    }
}

/// Applies injected headers.
pub fn inject(headers: &mut HeaderMap, injected: &[Injected]) {
    for Injected { name, value } in injected {
        match value {
            Some(value) => {
                headers.insert(name.clone(), value.clone());
            }
            None => {
                headers.remove(name);
            }
        }
    }
}
