//! What the config's `HttpOptions` do to requests and responses.

use http::header::{HeaderMap, HeaderName, HeaderValue};

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
