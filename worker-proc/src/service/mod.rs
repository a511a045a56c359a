//! Neutral types that pass between the parts: request, response, body, error, and the `Service` trait.
//!
//! Everything may use this module; it relies on no other and names neither hyper nor V8.

mod actor;
mod body;
mod error;
mod resource;

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

pub use actor::{ActorId, Address, Slot};
pub use body::{Body, BodyStream, BodyWriter, channel};
pub use error::{Error, Flags, Kind};
pub use resource::ResourceTable;

/// An HTTP request on its way to a service.
#[derive(Debug)]
pub struct Request {
    pub method: http::Method,
    /// The absolute URL.
    pub url: String,
    pub headers: http::HeaderMap,
    pub body: Body,
    /// The `request.cf` object as JSON.
    pub cf: Option<String>,
}

/// An HTTP response on its way back.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// The reason phrase, where it is not the status's usual one.
    pub status_text: Option<String>,
    pub headers: http::HeaderMap,
    pub body: Body,
}

impl Response {
    /// An answer with a plain-text body.
    pub fn text(status: u16, text: impl Into<bytes::Bytes>) -> Self {
        Self {
            status,
            status_text: None,
            headers: http::HeaderMap::new(),
            body: Body::from(text.into()),
        }
    }
}

/// An event other than `fetch`, by the handler's name and a JSON argument.
#[derive(Clone, Debug)]
pub struct Event {
    /// `test`, `scheduled` and so on.
    pub handler: &'static str,
    pub argument: String,
}

/// Something that answers requests: a worker's entrypoint, a network, an external server.
pub trait Service {
    /// Answers one request. Dropping the future cancels the work.
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>>;

    /// Delivers another event; services that are no workers refuse.
    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            Err(Error::internal(format!(
                "this service has no handler `{}`",
                event.handler
            )))
        })
    }
}

/// Where a worker's subrequests go: channel 0 is its global outbound, the others are its bindings.
pub trait Channels {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>>;

    /// The same with other props (JSON) than the config gives.
    fn service_with_props(&self, channel: u32, props: String) -> Option<Rc<dyn Service>>;
}
