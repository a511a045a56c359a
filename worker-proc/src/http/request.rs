//! A client's request as ours.

use std::sync::Arc;

use http::Version;
use http::header::{EXPECT, HOST, HeaderValue};
use hyper::body::Incoming;

use super::body::{Unread, from_client};
use super::headers::{HttpOptions, has_known_coding, inject, join_cookies};
use super::refused::{NoAnswer, bad_host, bad_request, refusal};
use super::sweep::Connection;
use crate::service::{Request, Response};

/// Methods that workerd knows; others are answered 501.
const METHODS: [&str; 28] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "PURGE",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "MSEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "QUERY",
    "BAN",
];

/// hyper's request as ours, or the answer to a bad one.
#[allow(clippy::result_large_err)] // Once a request, and moved nowhere else.
pub fn neutral(
    request: http::Request<Incoming>,
    options: &HttpOptions,
    scheme: &'static str,
    client: &Arc<Connection>,
    unread: &Unread,
) -> Result<Request, Result<Response, NoAnswer>> {
    let http2 = request.version() == Version::HTTP_2;
    let (mut head, body) = request.into_parts();
    if !METHODS.contains(&head.method.as_str()) {
        return Err(Ok(refusal(501, "ERROR: Unrecognized request method.")));
    }
    if !has_known_coding(&head.headers) {
        return Err(Ok(refusal(501, "ERROR: Unrecognized transfer coding.")));
    }
    let forwarded = options.forwarded_proto.as_ref();
    let scheme = match forwarded.and_then(|name| head.headers.remove(name)) {
        None => scheme,
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"https") => "https",
        Some(_) => "http",
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let told = host_header(&head.headers)?;
    let host = match (head.uri.authority(), told) {
        // Of two names one is a lie (RFC 9113 section 8.3.1).
        (Some(authority), Some(told))
            if http2 && !authority.as_str().eq_ignore_ascii_case(told) =>
        {
            return Err(Err(NoAnswer::because(h2::Reason::PROTOCOL_ERROR)));
        }
        // The request's target goes before the header (RFC 9112 section 3.2.2).
        (Some(authority), _) if !options.proxy => authority.as_str(),
        (_, Some(told)) => told,
        (Some(authority), None) => authority.as_str(),
        (None, None) => return Err(Ok(bad_request("no Host header"))),
    };
    let url = if options.proxy {
        if head.uri.scheme().is_none() {
            return Err(Ok(bad_request("a proxy is asked for whole URLs")));
        }
        head.uri.to_string()
    } else {
        url_of(scheme, host, path).ok_or_else(bad_host)?
    };
    if told != Some(host)
        && let Ok(host) = HeaderValue::from_str(host)
    {
        head.headers.insert(HOST, host);
    }
    join_cookies(&mut head.headers);
    let cf = match &options.cf_blob {
        None => client.client.clone(),
        Some(name) => head
            .headers
            .remove(name)
            .and_then(|value| String::from_utf8(value.as_bytes().to_vec()).ok()),
    };
    let waits = head.headers.contains_key(EXPECT);
    inject(&mut head.headers, &options.inject_request);
    Ok(Request {
        method: head.method,
        url,
        headers: head.headers,
        body: from_client(body, client.clone(), unread, waits),
        cf,
    })
}

/// What the `Host` header says, if there is one; two are an error.
#[allow(clippy::result_large_err)] // As above.
fn host_header(headers: &http::HeaderMap) -> Result<Option<&str>, Result<Response, NoAnswer>> {
    let mut hosts = headers.get_all(HOST).iter();
    let (told, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(Ok(bad_request("more than one Host header")));
    }
    let told = told.map(|told| told.to_str().map_err(|_| bad_host()));
    told.transpose()
}

/// The URL of these parts, as the URL standard serialises it; none if the host is none.
fn url_of(scheme: &str, host: &str, path: &str) -> Option<String> {
    if host.is_empty() || host.contains(['/', '?', '#', '\\', ' ']) {
        return None;
    }
    let mut url = String::with_capacity(scheme.len() + 3 + host.len() + path.len());
    url.push_str(scheme);
    url.push_str("://");
    url.push_str(host);
    if !path.starts_with('/') {
        url.push('/');
    }
    url.push_str(path);
    if is_normal(host, path) {
        return Some(url);
    }
    let parsed = ada_url::Url::parse(&url, None).ok()?;
    Some(parsed.href().to_owned())
}

/// Whether a URL of these parts is already as the URL standard serialises it; most are.
fn is_normal(host: &str, path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~!$&()*+,;=:@/?.".contains(&byte);
    let (name, port) = host.split_once(':').unwrap_or((host, "1"));
    path.bytes().all(plain)
        && !path.contains("/.")
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.')
        // A last label with a digit may be an address in one of its many spellings.
        && (is_dotted_quad(name) || name.bytes().next_back().is_some_and(|byte| byte.is_ascii_lowercase()))
        && !name.starts_with('.')
        && !name.contains("..")
        && !name.contains("xn--")
        && !port.starts_with(['0', '+'])
        && port.parse::<u16>().is_ok_and(|port| port != 80 && port != 443)
}

fn is_dotted_quad(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_normal;

    #[test]
    fn what_is_called_normal_is_what_the_standard_serialises() {
        let hosts = [
            "a.example",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "A.example",
            "a.example:80",
            "a.example:8080",
            "a..b",
            "1",
            "a.1",
        ];
        let more = [
            "localhost",
            "localhost:65535",
            "localhost:65536",
            "localhost:080",
            "localhost:",
            "[::1]:80",
            "xn--a",
            "a_b",
            "-",
        ];
        let paths = [
            "/", "/a?b=c&d", "/a/../b", "/./", "/a%2e/", "/\u{e9}", "/a'b?c'd", "/|", "/a b",
            "/a\\b", "//x", "/?a#b", "/a.b/.c",
        ];
        for host in hosts.iter().chain(&more) {
            for path in paths {
                if is_normal(host, path) {
                    let url = format!("http://{host}{path}");
                    let parsed = ada_url::Url::parse(&url, None).map(|url| url.href().to_owned());
                    assert_eq!(parsed.ok(), Some(url));
                }
            }
        }
        assert!(is_normal("localhost:8080", "/a/b.c?d=e&f=(g)"));
        assert!(is_normal("127.0.0.1:8901", "/"));
    }
}
