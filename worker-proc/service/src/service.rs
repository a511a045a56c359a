//! The contract of all that answers requests.

use std::any::Any;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::actor::Address;
use super::connect::{Connect, Connection};
use super::error::Error;
use super::lasting::{Lasting, Origin};
use super::message::{Event, Request, Response};
use super::record::Tail;
use super::rpc;

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
    fn tail(self: Rc<Self>, _tail: Tail) -> LocalBoxFuture<'static, ()> {
        Box::pin(async {})
    }

    /// How another process finds the same service; none if it must be reached through this one.
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
pub enum Designation {
    /// An entrypoint of a service of the config; props are JSON.
    Entrypoint {
        /// Its name in the config.
        service: String,
        /// What the worker exports it as; none is the default one.
        entrypoint: Option<String>,
        /// What it is given, as JSON.
        props: Option<String>,
    },
    /// A Durable Object.
    Actor(Address),
}
