//! Neutral types that pass between the parts: request, response, body, error, and the `Service` trait.
//!
//! Everything may use this module; it relies on no other and names neither hyper nor V8.

mod actor;
mod body;
mod channel;
mod connect;
mod error;
mod given;
mod lasting;
pub mod processor;
mod props;
mod resource;
pub mod rpc;
pub mod trace;
pub mod tunnel;
pub mod websocket;

use std::any::Any;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

pub use actor::{ActorId, Address, Identity, Namespace, Objects, Slot, from_hex, to_hex};
pub use body::{Body, BodyStream, End, Loan, lent, promised};
#[cfg(test)]
pub use channel::MAX_WAITING_BYTES;
pub use channel::{BodyWriter, channel};
pub use connect::{Connect, Connection, StartTls, Starter, Tls};
pub use error::{Error, Flags, Kind};
pub use given::Given;
pub use lasting::{Lasting, Me, Origin, Recipe, RestoredService, RestoredStub, with_origin};
pub use props::{Cap, Props};
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

impl Event {
    /// What the sender is told by services that take no such events.
    pub fn refused(&self) -> Error {
        Error::internal(format!("this service has no handler `{}`", self.handler))
    }
}

/// Something that answers requests: a worker's entrypoint, a network, an external server.
pub trait Service: 'static {
    /// Answers one request. Dropping the future cancels the work.
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>>;

    /// Opens a connection of bytes both ways. Workers and those that pass requests on take it as a request.
    fn connect(
        self: Rc<Self>,
        connect: Connect,
    ) -> LocalBoxFuture<'static, Result<Connection, Error>> {
        Box::pin(async move {
            let request = connect.into_request();
            let request = request
                .ok_or_else(|| Error::internal("Incoming CONNECT with TLS not supported"))?;
            Connection::of_response(self.fetch(request).await?)
        })
    }

    /// Delivers another event; services that are no workers refuse.
    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { Err(event.refused()) })
    }

    /// Starts an RPC session with its first call; services that are no workers refuse.
    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        call.refused()
    }

    /// Tells a tail worker of what another one does; ends when its handler has. Services that are no workers do not care.
    fn tail(self: Rc<Self>, _tail: trace::Tail) -> LocalBoxFuture<'static, ()> {
        Box::pin(async {})
    }

    /// How another process finds the same service; none if it must be reached through this one.
    #[allow(dead_code)] // The contract of services that cross a link.
    fn designation(&self) -> Option<Designation> {
        None
    }

    /// How it is found again if a stub of it is stored; none if it may not be.
    fn lasting(&self) -> Option<Lasting> {
        None
    }

    /// The same for calls of a stub of that origin; none if that makes no difference.
    fn with_origin(self: Rc<Self>, _origin: Origin) -> Option<Rc<dyn Service>> {
        None
    }

    /// If it is an entrypoint that may be a class of Durable Objects: what the actor host of this process makes objects of.
    /// Ends when its worker has started.
    fn actor_class(self: Rc<Self>) -> LocalBoxFuture<'static, Result<Rc<dyn Any>, Error>> {
        Box::pin(async {
            let message = "The class of this facet is not of this process.";
            Err(Error::internal(message))
        })
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

    /// A loader of workers, in what `glue::loader` makes of it.
    fn loader(&self, _channel: u32) -> Option<Rc<dyn Any>> {
        None
    }

    /// An RPC stub among the bindings.
    fn stub(&self, _channel: u32) -> Option<Rc<dyn rpc::Target>> {
        None
    }

    /// Whether objects of a namespace are the worker's own, and their stubs may be stored.
    fn namespace_lasts(&self, _channel: u32) -> bool {
        false
    }

    /// What a stored stub leads to; none if the config has nothing of the kind.
    fn revive(&self, _lasting: &Lasting) -> Option<Rc<dyn Service>> {
        None
    }

    /// Who the worker is whose event runs, if stubs can be restored by it.
    fn me(&self) -> Option<Me> {
        None
    }

    /// Sees to it that whoever asks for the worker by name from now on has a new one; false if it is one of the config's.
    fn discard(&self) -> bool {
        false
    }
}
