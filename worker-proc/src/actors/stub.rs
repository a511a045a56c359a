//! Calls of an object as events of it: what `Service` asks of a stub, over however the event is delivered.
//!
//! `host` uses it for the objects of a namespace, `facets` for those of an object.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::context::ActorContext;
use super::events;
use crate::glue::context::{IoContext, Outcome};
use crate::service::rpc::{self, SharedReply};
use crate::service::{Error, Event, Kind, Request, Response};

/// What an event ends with.
pub type Delivered = LocalBoxFuture<'static, Result<Outcome, Error>>;

/// Somewhere that events can be delivered to.
pub trait Callee {
    /// Delivers an event: `start` begins it once it is its turn. It has its place in the object's queue at once.
    fn deliver<F>(&self, start: F) -> Delivered
    where
        F: for<'s> FnOnce(
                &mut v8::PinScope<'s, '_>,
                &Rc<ActorContext>,
                v8::Local<'s, v8::Object>,
                u32,
            ) + 'static;
}

pub fn fetch(
    callee: &impl Callee,
    request: Request,
) -> LocalBoxFuture<'static, Result<Response, Error>> {
    let call = callee.deliver(move |scope, context, instance, event| {
        events::fetch(scope, context, instance, event, request);
    });
    Box::pin(async move {
        match call.await? {
            Outcome::Response(response) => Ok(response),
            _ => Err(Error::internal("the object ended without a response")),
        }
    })
}

pub fn event(callee: &impl Callee, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
    let call = callee.deliver(move |scope, _, instance, number| {
        events::event(scope, instance, number, &event);
    });
    Box::pin(async move { call.await.map(|_| ()) })
}

pub fn rpc(callee: &impl Callee, call: rpc::Call) -> rpc::Answer {
    let (reply, answer) = rpc::answer();
    let reply = SharedReply::new(RefCell::new(Some(reply)));
    let shared = reply.clone();
    let call = callee.deliver(move |scope, context, instance, event| {
        events::rpc(scope, context, instance, event, call, &shared);
    });
    tokio::task::spawn_local(async move {
        if let Err(error) = call.await
            && let Some(reply) = reply.take()
        {
            reply.finish(Err(error.of_reset()));
        }
    });
    answer
}

/// The life of the object that a stub has called: if the object broke, the stub stays broken, as on workerd.
#[derive(Clone, Default)]
pub struct Life(Rc<RefCell<Option<Ending>>>);

/// Why a life of an object ended, once it has.
type Ending = Rc<RefCell<Option<Error>>>;

impl Life {
    pub fn begin(&self, context: &ActorContext) {
        *self.0.borrow_mut() = Some(context.aborted());
    }

    /// What the object broke with. An object that went away for want of callers comes back.
    pub fn end(&self) -> Option<Error> {
        let end = self.0.borrow().as_ref()?.borrow().clone()?;
        (end.kind != Kind::Disconnected).then(|| Error {
            kind: Kind::Internal,
            ..end
        })
    }
}
