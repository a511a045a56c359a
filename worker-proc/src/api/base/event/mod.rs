//! How long an event lives, and how it ends.
//!
//! `workers`, `actors` and whoever handles events calls it, in JavaScript; a fetch event's response is `fetch`'s.

use std::rc::Rc;

use crate::glue::context::{Completion, Keep, Lifecycle, Outcome, context_id};
use crate::glue::error::is_disconnection;
use crate::glue::{Api, Ops, op, terminate};
use crate::js;
use crate::service::{Class, Error, Kind};

pub const API: Api = Api {
    name: "event",
    modules: &[js!("event.js")],
    lazy: &[],
    uses: &["dom_exception", "trace"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[
        done,
        fail,
        is_disconnection_op,
        abort,
        retain,
        release,
        event_number,
        on_client_gone,
        context_id,
    ]);
}

/// `done(event)`: the event ended well.
#[op]
fn done(context: Option<Rc<dyn Lifecycle>>, event: u32) {
    if let Some(context) = context {
        context.respond(event, Outcome::Done);
    }
}

/// `fail(event, class, message, exception)`: the event ended with an exception.
#[op]
fn fail<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn Lifecycle>>,
    event: u32,
    class: Class,
    message: String,
    exception: v8::Local<'s, v8::Value>,
) {
    let Some(context) = context else { return };
    let kind = match is_disconnection(scope, exception) {
        true => Kind::Disconnected,
        false => Kind::Worker,
    };
    let failed = Outcome::Failed(Error {
        class,
        ..Error::new(kind, message)
    });
    context.respond(event, failed);
}

/// `isDisconnection(error)`: whether it tells of a lost connection.
#[op(isDisconnection)]
fn is_disconnection_op<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
) -> bool {
    is_disconnection(scope, error)
}

/// `abort(class, message)`: ends the context at once, and the JavaScript that calls it.
#[op]
fn abort(scope: &mut v8::PinScope, context: Rc<dyn Lifecycle>, class: Class, message: String) {
    context.abort(Error {
        class,
        ..Error::new(Kind::Internal, message)
    });
    terminate(scope);
}

/// `retain()`: the event goes on until `release()`, though it has answered.
#[op]
fn retain(context: Rc<dyn Keep>) {
    context.retain();
}

/// `release()`: see `retain`.
#[op]
fn release(context: Option<Rc<dyn Keep>>) {
    if let Some(context) = context {
        context.release();
    }
}

/// `eventNumber()`: the event that begins in this turn, among those of its context.
#[op]
fn event_number(context: Option<Rc<dyn Lifecycle>>) -> u32 {
    context.map_or(0, |context| context.event())
}

/// `onClientGone(event, callback)`: the callback is called if nobody waits for the event's answer any more.
#[op]
fn on_client_gone<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn Lifecycle>>,
    event: u32,
    callback: v8::Local<'s, v8::Function>,
) {
    let Some(context) = context else { return };
    let callback = v8::Global::new(scope, callback);
    let turn: Completion = Box::new(move |scope| {
        v8::tc_scope!(let scope, scope);
        let callback = v8::Local::new(scope, callback);
        let this = v8::undefined(scope).into();
        // Listeners report what they throw.
        let _ = callback.call(scope, this, &[]);
    });
    context.on_gone(event, turn);
}
