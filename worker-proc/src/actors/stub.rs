//! Calls of an object as events of it: what `Service` asks of a stub, over however the event is delivered.
//!
//! `object` uses it for the objects of a namespace, `facets` for those of an object.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::context::ActorContext;
use super::events;
use super::gates::QueuePlace;
use crate::glue::context::{Lifecycle, Outcome};
use crate::service::rpc::{self, SharedReply};
use crate::service::trace::{Info, on_behalf_of, parent};
use crate::service::{Error, Event, Given, Kind, Request, Response, Service};

/// What became of an event when it had its turn.
pub enum Begun {
    /// The future ends with the event.
    Here(Rc<ActorContext>, Running),
    Moved(Rc<dyn Service>, QueuePlace),
}

/// An event that has begun.
pub type Running = LocalBoxFuture<'static, Result<Outcome, Error>>;

/// What came of an event.
pub enum Delivered {
    Ended(Outcome),
    /// It was not delivered here: it is to be made on the successor, before the place in the queue is given up.
    Moved(Rc<dyn Service>, QueuePlace),
}

/// The same, once it is known.
pub type Delivery = LocalBoxFuture<'static, Result<Delivered, Error>>;

/// Begins an event in an object's isolate: the object's context, its instance, and the number of the event.
pub trait Start:
    for<'s> FnOnce(&mut v8::PinScope<'s, '_>, &Rc<ActorContext>, v8::Local<'s, v8::Object>, u32)
{
}

impl<F> Start for F where
    F: for<'s> FnOnce(&mut v8::PinScope<'s, '_>, &Rc<ActorContext>, v8::Local<'s, v8::Object>, u32)
{
}

/// Somewhere that events can be delivered to.
pub trait Callee {
    /// Delivers an event: `start` begins it once it is its turn. It has its place in the object's queue at once. `info` tells
    /// tail workers which event it is.
    fn deliver<F>(&self, info: impl FnOnce() -> Info + 'static, start: F) -> Delivery
    where
        F: Start + 'static;
}

/// What a call was to bring, if the object never got it.
fn lost() -> Error {
    Error::internal("a call was neither delivered nor passed on")
}

pub fn fetch(
    callee: &impl Callee,
    mut request: Request,
) -> LocalBoxFuture<'static, Result<Response, Error>> {
    let given = Given::of(&mut request);
    let request = Rc::new(RefCell::new(Some(request)));
    let (info, start) = (request.clone(), request.clone());
    let info = move || {
        info.borrow()
            .as_ref()
            .map_or(Info::Custom, Info::of_request)
    };
    let call = callee.deliver(info, move |scope, context, instance, event| {
        if let Some(request) = start.take() {
            events::fetch(scope, context, instance, event, request);
        }
    });
    Box::pin(async move {
        given.answered(match call.await {
            Ok(Delivered::Ended(Outcome::Response(response))) => Ok(response),
            Ok(Delivered::Ended(_)) => Err(Error::internal("the object ended without a response")),
            Ok(Delivered::Moved(successor, place)) => {
                let answer = request.take().map(|request| successor.fetch(request));
                drop(place);
                match answer {
                    Some(answer) => answer.await,
                    None => Err(lost()),
                }
            }
            Err(error) => Err(error),
        })
    })
}

pub fn event(callee: &impl Callee, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
    let (info, start) = (event.clone(), event.clone());
    let info = move || Info::of_event(&info);
    let call = callee.deliver(info, move |scope, _, instance, number| {
        events::event(scope, instance, number, &start);
    });
    Box::pin(async move {
        match call.await? {
            Delivered::Ended(_) => Ok(()),
            Delivered::Moved(successor, place) => {
                let answer = successor.event(event);
                drop(place);
                answer.await
            }
        }
    })
}

pub fn rpc(callee: &impl Callee, call: rpc::Call) -> rpc::Answer {
    let (mut reply, answer) = rpc::answer();
    let mut cancelled = reply.cancelled().boxed_local().fuse();
    let reply = SharedReply::new(RefCell::new(Some(reply)));
    let call = Rc::new(RefCell::new(Some(call)));
    let (info, start, shared) = (call.clone(), call.clone(), reply.clone());
    let info = move || info.borrow().as_ref().map_or(Info::Custom, Info::of_call);
    let span = parent();
    let delivered = callee.deliver(info, move |scope, context, instance, event| {
        if let Some(call) = start.take() {
            events::rpc(scope, context, instance, event, call, &shared);
        }
    });
    tokio::task::spawn_local(async move {
        let mut delivered = delivered;
        let delivered = tokio::select! {
            biased;
            delivered = &mut delivered => delivered,
            () = &mut cancelled => {
                // A call that nobody waits for gives up its place; one that has begun goes on.
                if call.borrow().is_some() {
                    return;
                }
                delivered.await
            }
        };
        let end = match delivered {
            Ok(Delivered::Ended(_)) => return,
            Ok(Delivered::Moved(successor, place)) => {
                let pass_on = |call| on_behalf_of(span, || successor.rpc(call));
                let answer = call.take().map(pass_on);
                drop(place);
                answer.ok_or_else(lost)
            }
            Err(error) => Err(error.of_reset()),
        };
        let Some(reply) = reply.take() else { return };
        match end {
            Ok(answer) => reply.forward_until(answer, cancelled).await,
            Err(error) => reply.finish(Err(error)),
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
