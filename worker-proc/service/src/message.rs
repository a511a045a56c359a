//! What passes between services: an HTTP request, its response, and events of other kinds.

use super::body::Body;
use super::error::Error;
use super::websocket::WebSocket;

/// An HTTP request on its way to a service.
#[derive(Debug)]
pub struct Request {
    /// One of those that the runtime knows.
    pub method: http::Method,
    /// The absolute URL.
    pub url: String,
    /// In the order in which they came.
    pub headers: http::HeaderMap,
    /// What comes with it.
    pub body: Body,
    /// The `request.cf` object as JSON.
    pub cf: Option<String>,
}

/// An HTTP response on its way back.
#[derive(Debug)]
pub struct Response {
    /// A number of three digits.
    pub status: u16,
    /// The reason phrase, where it is not the status's usual one.
    pub status_text: Option<String>,
    /// In the order in which they are sent.
    pub headers: http::HeaderMap,
    /// What comes with it.
    pub body: Body,
    /// With status 101: the end that talks to whoever asked for a WebSocket.
    pub websocket: Option<WebSocket>,
}

impl Response {
    /// An answer with a plain-text body.
    pub fn text(status: u16, text: impl Into<bytes::Bytes>) -> Self {
        Self {
            status,
            status_text: None,
            headers: http::HeaderMap::new(),
            body: Body::from(text.into()),
            websocket: None,
        }
    }
}

/// An event other than `fetch`, by the handler's name and a JSON argument.
#[derive(Clone, Debug)]
pub struct Event {
    /// `test`, `scheduled` and so on.
    pub handler: &'static str,
    /// JSON for the handler's first argument.
    pub argument: String,
}

impl Event {
    /// What the sender is told by services that take no such events.
    pub fn refused(&self) -> Error {
        Error::internal(format!("this service has no handler `{}`", self.handler))
    }
}
