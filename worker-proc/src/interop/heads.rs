//! Heads of requests and responses, between the neutral types and messages.

use capnp::Error;
use capnp::struct_list;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use schema::bytes_capnp::{COMMON_HEADERS, HttpMethod, http_header, http_request, http_response};

use crate::service::{Body, Request, Response};

/// The most headers of one message.
const MAX_HEADERS: u32 = 4096;

/// The one value that has a number of its own, 1.
const GZIP_DEFLATE: &str = "gzip, deflate";

/// The length of a body as a head tells it.
pub enum Announced {
    Unknown,
    Fixed(u64),
}

impl Announced {
    pub fn of(body: &Body) -> Self {
        body.length().map_or(Self::Unknown, Self::Fixed)
    }

    /// Whether a stream is needed for it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Fixed(0))
    }

    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Fixed(length) => Some(*length),
        }
    }
}

/// A request without its body, and how long that is.
pub fn read_request(head: http_request::Reader<'_>) -> Result<(Request, Announced), Error> {
    use http_request::body_size::Which;
    let request = Request {
        method: method(head.get_method()?)?,
        url: head.get_url()?.to_string()?,
        headers: read_headers(head.get_headers()?)?,
        body: Body::Empty,
        cf: None,
    };
    Ok(match head.get_body_size().which()? {
        Which::Unknown(()) => (request, Announced::Unknown),
        Which::Fixed(length) => (request, Announced::Fixed(length)),
    })
}

/// # Errors
/// The method is none that can be told.
pub fn write_request(
    request: &Request,
    mut head: http_request::Builder<'_>,
) -> Result<Announced, Error> {
    head.set_method(method_number(&request.method)?);
    head.set_url(&*request.url);
    let announced = Announced::of(&request.body);
    let mut size = head.reborrow().get_body_size();
    match announced {
        Announced::Unknown => size.set_unknown(()),
        Announced::Fixed(length) => size.set_fixed(length),
    }
    let count = count(&request.headers);
    write_headers(&request.headers, head.init_headers(count));
    Ok(announced)
}

/// A response without its body, and how long that is.
pub fn read_response(head: http_response::Reader<'_>) -> Result<(Response, Announced), Error> {
    use http_response::body_size::Which;
    let status = head.get_status_code();
    if !(200..=599).contains(&status) {
        return Err(Error::failed(format!(
            "A response has the status {status}."
        )));
    }
    let text = head.get_status_text()?.to_str()?;
    let usual = usual_text(status);
    let response = Response {
        status,
        status_text: (!text.is_empty() && text != usual).then(|| text.to_owned()),
        headers: read_headers(head.get_headers()?)?,
        body: Body::Empty,
        websocket: None,
    };
    Ok(match head.get_body_size().which()? {
        Which::Unknown(()) => (response, Announced::Unknown),
        Which::Fixed(length) => (response, Announced::Fixed(length)),
    })
}

/// Responses to HEAD and those of some statuses have no body, whatever they say.
pub fn write_response(
    response: &Response,
    is_bodiless: bool,
    mut head: http_response::Builder<'_>,
) -> Announced {
    head.set_status_code(response.status);
    let usual = usual_text(response.status);
    head.set_status_text(response.status_text.as_deref().unwrap_or(usual));
    let announced = match is_bodiless || matches!(response.status, 204 | 304) {
        true => Announced::Fixed(0),
        false => Announced::of(&response.body),
    };
    let mut size = head.reborrow().get_body_size();
    match announced {
        Announced::Unknown => size.set_unknown(()),
        Announced::Fixed(length) => size.set_fixed(length),
    }
    let count = count(&response.headers);
    write_headers(&response.headers, head.init_headers(count));
    announced
}

fn usual_text(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

pub fn count(headers: &HeaderMap) -> u32 {
    u32::try_from(headers.len()).unwrap_or(u32::MAX)
}

pub fn write_headers(headers: &HeaderMap, mut list: struct_list::Builder<'_, http_header::Owned>) {
    for (index, (name, value)) in (0..).zip(headers) {
        let mut header = list.reborrow().get(index).init_uncommon();
        header.set_name(name.as_str());
        header.set_value(capnp::text::Reader::from(value.as_bytes()));
    }
}

pub fn read_headers(list: struct_list::Reader<'_, http_header::Owned>) -> Result<HeaderMap, Error> {
    use http_header::{Which, common};
    if list.len() > MAX_HEADERS {
        return Err(Error::failed("A message has too many headers.".into()));
    }
    let bad = |_| Error::failed("A message has a header that is none.".into());
    let mut headers = HeaderMap::with_capacity(list.len() as usize);
    for header in list {
        let (name, value) = match header.which()? {
            Which::Common(header) => {
                let name = common_name(header.get_name())?;
                match header.which()? {
                    common::CommonValue(_) => (name, HeaderValue::from_static(GZIP_DEFLATE)),
                    common::Value(value) => {
                        let value = HeaderValue::from_bytes(value?.as_bytes());
                        (name, value.map_err(|_| bad(()))?)
                    }
                }
            }
            Which::Uncommon(header) => {
                let header = header?;
                let name = HeaderName::from_bytes(header.get_name()?.as_bytes());
                let value = HeaderValue::from_bytes(header.get_value()?.as_bytes());
                (name.map_err(|_| bad(()))?, value.map_err(|_| bad(()))?)
            }
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// Names are numbered from 1.
fn common_name(number: u16) -> Result<HeaderName, Error> {
    let unknown = || Error::failed(format!("There is no common header {number}."));
    let names = COMMON_HEADERS.get()?;
    let index = u32::from(number).checked_sub(1);
    let index = index
        .filter(|index| *index < names.len())
        .ok_or_else(unknown)?;
    let name = names.get(index)?;
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| unknown())
}

/// The methods in the order of their numbers.
const METHODS: [(HttpMethod, &str); 28] = {
    use HttpMethod as M;
    [
        (M::Get, "GET"),
        (M::Head, "HEAD"),
        (M::Post, "POST"),
        (M::Put, "PUT"),
        (M::Delete, "DELETE"),
        (M::Patch, "PATCH"),
        (M::Purge, "PURGE"),
        (M::Options, "OPTIONS"),
        (M::Trace, "TRACE"),
        (M::Copy, "COPY"),
        (M::Lock, "LOCK"),
        (M::Mkcol, "MKCOL"),
        (M::Move, "MOVE"),
        (M::Propfind, "PROPFIND"),
        (M::Proppatch, "PROPPATCH"),
        (M::Search, "SEARCH"),
        (M::Unlock, "UNLOCK"),
        (M::Acl, "ACL"),
        (M::Report, "REPORT"),
        (M::Mkactivity, "MKACTIVITY"),
        (M::Checkout, "CHECKOUT"),
        (M::Merge, "MERGE"),
        (M::Msearch, "M-SEARCH"),
        (M::Notify, "NOTIFY"),
        (M::Subscribe, "SUBSCRIBE"),
        (M::Unsubscribe, "UNSUBSCRIBE"),
        (M::Query, "QUERY"),
        (M::Ban, "BAN"),
    ]
};

fn method(number: HttpMethod) -> Result<Method, Error> {
    let name = METHODS.iter().find(|(other, _)| *other == number);
    let method = name.and_then(|(_, name)| Method::from_bytes(name.as_bytes()).ok());
    method.ok_or_else(|| Error::failed("A request has an unknown method.".into()))
}

pub fn method_number(method: &Method) -> Result<HttpMethod, Error> {
    let number = METHODS.iter().find(|(_, name)| *name == method.as_str());
    let unknown = || {
        Error::failed(format!(
            "jsg.TypeError: The method {method} cannot be sent there."
        ))
    };
    number.map(|(number, _)| *number).ok_or_else(unknown)
}
