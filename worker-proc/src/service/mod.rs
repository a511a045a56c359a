//! Neutral types that pass between the parts: request, response, body, error, and the `Service` trait.
//!
//! Everything may use this module; it relies on no other and names neither hyper nor V8.

mod actor;
mod body;
mod error;
mod props;
mod resource;
pub mod rpc;
pub mod websocket;

use std::any::Any;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

pub use actor::{ActorId, Address, Identity, Namespace, Objects, Slot, from_hex, to_hex};
pub use body::{Body, BodyStream, BodyWriter, End, channel};
pub use error::{Error, Flags, Kind};
pub use props::Props;
pub use resource::ResourceTable;
pub use websocket::WebSocket;

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

    /// Starts an RPC session with its first call; services that are no workers refuse.
    fn rpc(self: Rc<Self>, _call: rpc::Call) -> rpc::Answer {
        rpc::Answer::failed(Error::disconnected("Network connection lost."))
    }

    /// How another process finds the same service; none if it must be reached through this one.
    #[allow(dead_code)] // The contract of services that cross a link.
    fn designation(&self) -> Option<Designation> {
        None
    }

    /// If it is an entrypoint that may be a class of Durable Objects: what the actor host of this process makes objects of.
    fn actor_class(self: Rc<Self>) -> Option<Rc<dyn Any>> {
        None
    }
}

/// What tells one service from another, so that a process with the same config finds it again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(dead_code)] // The contract of services that cross a link.
pub enum Designation {
    /// An entrypoint of a service of the config; props are JSON.
    Entrypoint {
        service: String,
        entrypoint: Option<String>,
        props: Option<String>,
    },
    Actor(Address),
}

/// Where a worker's subrequests go: channel 0 is its global outbound, the others are its bindings.
pub trait Channels {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>>;

    /// A namespace of Durable Objects.
    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>>;

    /// The same with other props than the config gives.
    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>>;

    /// The server's Durable Objects.
    fn objects(&self) -> Option<Rc<dyn Objects>> {
        None
    }
}
