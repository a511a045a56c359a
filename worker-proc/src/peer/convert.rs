//! Heads of frames to neutral types and back.
//!
//! Called by the modules of the link. A head that no peer of this version can have sent is an error, which closes the link.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use ipc::peer::{PeerError, head};

use crate::service::trace::SpanContext;
use crate::service::websocket::Deflate;
use crate::service::{Address, Body, Class, Error, Event, Flags, Kind, Request, Response};

/// A body up to this length goes with its head; a longer one in chunks.
const MAX_INLINE_BODY_BYTES: usize = 32 * 1024;

/// What is told of an error's message, and the longest exception that goes with it.
const MAX_ERROR_MESSAGE_BYTES: usize = 128 * 1024;
const MAX_EXCEPTION_BYTES: usize = 512 * 1024;

/// The events that can be sent, by the handler's name.
const HANDLERS: [&str; 9] = [
    "alarm",
    "email",
    "queue",
    "scheduled",
    "tail",
    "tailStream",
    "test",
    "trace",
    "destroy",
];

/// A body as its head announces it.
pub enum Announced {
    Whole(Body),
    Chunks(Option<u64>),
}

pub fn address_head(address: &Address) -> head::Address<'_> {
    head::Address {
        namespace: &address.namespace,
        id: &address.id,
        name: address.name.as_deref(),
        props: address.props.as_deref(),
    }
}

pub fn address(address: &head::Address<'_>) -> Address {
    Address {
        namespace: address.namespace.to_owned(),
        id: *address.id,
        name: address.name.map(str::to_owned),
        props: address.props.map(str::to_owned),
    }
}

pub fn span_head(span: SpanContext) -> head::Span {
    head::Span {
        trace: span.trace,
        id: span.span,
    }
}

pub fn span(span: head::Span) -> SpanContext {
    SpanContext {
        trace: span.trace,
        span: span.id,
    }
}

pub fn request_head(request: &Request) -> head::Request<'_> {
    head::Request {
        method: request.method.as_str(),
        url: &request.url,
        headers: headers_head(&request.headers),
        cf: request.cf.as_deref(),
        body: body_head(&request.body),
    }
}

/// The request without its body if that follows.
pub fn request(request: &head::Request<'_>) -> Result<(Request, Announced), PeerError> {
    let neutral = Request {
        method: Method::from_bytes(request.method.as_bytes()).map_err(|_| bad("method"))?,
        url: request.url.to_owned(),
        headers: headers(&request.headers)?,
        body: Body::Empty,
        cf: request.cf.map(str::to_owned),
    };
    Ok((neutral, announced(request.body)))
}

pub fn response_head(response: &Response) -> head::Response<'_> {
    head::Response {
        status: response.status,
        status_text: response.status_text.as_deref(),
        headers: headers_head(&response.headers),
        body: body_head(&response.body),
        websocket: head::WebSocket::None,
    }
}

/// The response without its WebSocket, and without its body if that follows.
pub fn response(response: &head::Response<'_>) -> Result<(Response, Announced), PeerError> {
    let neutral = Response {
        status: response.status,
        status_text: response.status_text.map(str::to_owned),
        headers: headers(&response.headers)?,
        body: Body::Empty,
        websocket: None,
    };
    Ok((neutral, announced(response.body)))
}

pub fn event(handler: &str, argument: &str) -> Result<Event, PeerError> {
    let handler = HANDLERS.iter().find(|name| **name == handler);
    Ok(Event {
        handler: handler.ok_or_else(|| bad("handler"))?,
        argument: argument.to_owned(),
    })
}

pub fn failure_head(error: &Error) -> head::Failure<'_> {
    head::Failure {
        kind: match error.kind {
            Kind::Worker => head::FailureKind::Worker,
            Kind::Disconnected => head::FailureKind::Disconnected,
            Kind::Internal => head::FailureKind::Internal,
        },
        class: error.class.name(),
        message: shortened(&error.message),
        exception: (error.exception.as_deref())
            .filter(|exception| exception.len() <= MAX_EXCEPTION_BYTES),
        retryable: error.flags.retryable,
        overloaded: error.flags.overloaded,
        durable_object_reset: error.flags.durable_object_reset,
        actor: error.actor.as_ref(),
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ERROR_MESSAGE_BYTES)]
}

pub fn error(failure: &head::Failure<'_>) -> Error {
    let kind = match failure.kind {
        head::FailureKind::Worker => Kind::Worker,
        head::FailureKind::Disconnected => Kind::Disconnected,
        head::FailureKind::Internal => Kind::Internal,
    };
    Error {
        class: Class::from(&*failure.class),
        message: failure.message.to_owned(),
        exception: failure.exception.map(Bytes::copy_from_slice),
        flags: Flags {
            retryable: failure.retryable,
            overloaded: failure.overloaded,
            durable_object_reset: failure.durable_object_reset,
            ..Flags::default()
        },
        actor: failure.actor.copied(),
        ..Error::new(kind, failure.message)
    }
}

pub fn deflate_head(deflate: &Deflate) -> head::Deflate {
    head::Deflate {
        client_no_context_takeover: deflate.client_no_context_takeover,
        server_no_context_takeover: deflate.server_no_context_takeover,
        client_max_window_bits: deflate.client_max_window_bits,
        server_max_window_bits: deflate.server_max_window_bits,
    }
}

pub fn deflate(deflate: &head::Deflate) -> Deflate {
    Deflate {
        client_no_context_takeover: deflate.client_no_context_takeover,
        server_no_context_takeover: deflate.server_no_context_takeover,
        client_max_window_bits: deflate.client_max_window_bits,
        server_max_window_bits: deflate.server_max_window_bits,
    }
}

fn headers_head(headers: &HeaderMap) -> head::Headers<'_> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
        .collect()
}

fn headers(pairs: &head::Headers<'_>) -> Result<HeaderMap, PeerError> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name).map_err(|_| bad("header name"))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| bad("header value"))?;
        let added = headers.try_append(name, value);
        added.map_err(|_| bad("number of headers"))?;
    }
    Ok(headers)
}

fn body_head(body: &Body) -> head::Body<'_> {
    match body {
        Body::Empty => head::Body::None,
        Body::Bytes(bytes) if bytes.len() <= MAX_INLINE_BODY_BYTES => head::Body::Inline(bytes),
        Body::Bytes(_) | Body::Stream(_) => head::Body::Chunks(body.length()),
    }
}

fn announced(body: head::Body<'_>) -> Announced {
    match body {
        head::Body::None => Announced::Whole(Body::Empty),
        head::Body::Inline(bytes) => Announced::Whole(Body::from(Bytes::copy_from_slice(bytes))),
        head::Body::Chunks(length) => Announced::Chunks(length),
    }
}

fn bad(what: &str) -> PeerError {
    PeerError::Payload(format!("a bad {what}"))
}
