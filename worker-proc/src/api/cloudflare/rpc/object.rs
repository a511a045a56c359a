//! Objects of an isolate that others call: each call is a turn in the context that the object belongs to.
//!
//! The object's handle is a resource of that context and goes with it; what others hold knows only its number.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use bytes::Bytes;

use super::ops::CallKind;
use super::payload::give_externals;
use crate::glue::context::{Entrance, IoContext};
use crate::glue::{IsolateState, JsParameters, List, Maybe, current};
use crate::service::rpc::{
    self, Answer, CONTEXT_ENDED, Call, Operation, Payload, SharedReply, Target,
};
use crate::service::{ActorId, Error, Kind};

/// What JavaScript answers a call by. If the context is aborted, that is the answer.
pub(super) struct ReplyResource {
    pub reply: SharedReply,
    aborted: Rc<RefCell<Option<Error>>>,
    actor: Option<ActorId>,
    /// The object lives for as long as a call on it runs.
    object: Option<Rc<ObjectTarget>>,
    /// It is an event that the caller wants to know the outcome of: an abort is one.
    is_event: bool,
}

impl ReplyResource {
    /// An error of the call, with the Durable Object that it comes from.
    pub fn signed(&self, mut error: Error) -> Error {
        if self.object.is_some() {
            error.actor = error.actor.or(self.actor);
        }
        error
    }
}

impl Drop for ReplyResource {
    fn drop(&mut self) {
        if let Some(mut error) = self.aborted.borrow().clone()
            && let Some(reply) = self.reply.take()
        {
            // It comes from the object's side, unlike the end of the event itself.
            if self.object.is_some() || self.is_event {
                error.kind = Kind::Worker;
            } else {
                error = error.of_reset();
            }
            reply.finish(Err(self.signed(error)));
        }
    }
}

/// The JavaScript side of a target.
pub(super) struct Exported {
    object: v8::Global<v8::Object>,
    allow_instance: bool,
    dispose: Option<v8::Global<v8::Value>>,
}

/// An object that can be called from outside its context.
pub(super) struct ObjectTarget {
    context: Weak<dyn IoContext>,
    entrance: Entrance,
    number: u32,
    /// Kept until the object's disposer has run.
    lease: RefCell<Option<Lease>>,
    disposable: bool,
}

/// The context is led into from outside.
struct Lease {
    context: Weak<dyn IoContext>,
    result: bool,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(context) = self.context.upgrade() {
            context.release_export(self.result);
        }
    }
}

/// Makes a target of an object of the running context. `dispose` is what JavaScript's `serve.dispose` is given at its end, or
/// undefined; `result` says that the event itself gives it out.
pub(super) fn export(
    scope: &mut v8::PinScope,
    context: &Rc<dyn IoContext>,
    object: v8::Local<v8::Object>,
    allow_instance: bool,
    dispose: v8::Local<v8::Value>,
    result: bool,
) -> Rc<dyn Target> {
    let dispose = (!dispose.is_undefined()).then(|| v8::Global::new(scope, dispose));
    let disposable = dispose.is_some();
    let number = context.resources().insert(Rc::new(Exported {
        object: v8::Global::new(scope, object),
        allow_instance,
        dispose,
    }));
    context.retain_export(result);
    Rc::new(ObjectTarget {
        context: Rc::downgrade(context),
        entrance: context.entrance(),
        number,
        lease: RefCell::new(Some(Lease {
            context: Rc::downgrade(context),
            result,
        })),
        disposable,
    })
}

impl Target for ObjectTarget {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        let Some(context) = self.context.upgrade() else {
            return Answer::failed(Error::new(Kind::Internal, CONTEXT_ENDED));
        };
        if let Some(error) = context.aborted().borrow().clone() {
            return Answer::failed(error);
        }
        let (reply, answer) = rpc::answer();
        let reply = ReplyResource {
            reply: Rc::new(RefCell::new(Some(reply))),
            aborted: context.aborted(),
            actor: context.actor().and_then(|actor| actor.id()),
            object: Some(self.clone()),
            is_event: false,
        };
        let number = self.number;
        (self.entrance)(Box::new(move |scope| deliver(scope, number, call, reply)));
        answer
    }
}

impl Drop for ObjectTarget {
    fn drop(&mut self) {
        let Some(context) = self.context.upgrade() else {
            return;
        };
        let lease = self.lease.take();
        let number = self.number;
        if !self.disposable {
            drop(context.resources().take::<Exported>(number));
            return;
        }
        (self.entrance)(Box::new(move |scope| {
            dispose(scope, number);
            drop(lease);
        }));
    }
}

fn deliver(scope: &mut v8::PinScope<'_, '_>, number: u32, call: Call, reply: ReplyResource) {
    let Some(context) = current(scope) else {
        return;
    };
    let Some(exported) = context.resources().get::<Exported>(number) else {
        return;
    };
    let mut values: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
    values.push(v8::Local::new(scope, &exported.object).into());
    values.push(v8::Boolean::new(scope, exported.allow_instance).into());
    push(scope, &*context, call, reply, &mut values);
    run(scope, "deliver", &values);
}

fn dispose(scope: &mut v8::PinScope<'_, '_>, number: u32) {
    let exported = current(scope).and_then(|context| context.resources().take::<Exported>(number));
    let Some(exported) = exported else {
        return;
    };
    let Some(dispose) = &exported.dispose else {
        return;
    };
    let values = [
        v8::Local::new(scope, &exported.object).into(),
        v8::Local::new(scope, dispose),
    ];
    run(scope, "dispose", &values);
}

fn run(scope: &mut v8::PinScope<'_, '_>, function: &'static str, values: &[v8::Local<v8::Value>]) {
    let state = IsolateState::get(scope);
    let Some(function) = state.internal(scope, "rpc/serve", function) else {
        return;
    };
    let this = v8::undefined(scope).into();
    v8::tc_scope!(let scope, scope);
    // JavaScript answers for what fails; only termination comes out here.
    let _ = function.call(scope, this, values);
}

/// Adds what JavaScript's functions that serve a session's first call take: path, what it does, the arguments' bytes and externals, the reply.
pub fn push_call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    call: Call,
    reply: &SharedReply,
    values: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let reply = ReplyResource {
        reply: reply.clone(),
        aborted: context.aborted(),
        actor: None,
        object: None,
        is_event: matches!(call.operation, Operation::Event(_)),
    };
    push(scope, context, call, reply, values);
}

/// A call on its way to JavaScript.
#[derive(JsParameters)]
pub(super) struct Delivered<'s> {
    path: List<String>,
    operation: CallKind,
    /// Of the arguments; undefined where there are none.
    bytes: Maybe<Bytes>,
    externals: v8::Local<'s, v8::Array>,
    /// The number that it is answered by.
    reply: u32,
}

fn push<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    call: Call,
    reply: ReplyResource,
    values: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    let (operation, arguments) = match call.operation {
        Operation::Get => (CallKind::Get, Default::default()),
        Operation::Call(arguments) => (CallKind::Call, arguments),
        Operation::Event(arguments) => (CallKind::Event, arguments),
    };
    let Payload { bytes, externals } = arguments;
    let delivered = Delivered {
        path: List(call.path),
        operation,
        bytes: Maybe((!bytes.is_empty()).then_some(bytes)),
        externals: give_externals(scope, externals),
        reply: context.resources().insert(Rc::new(reply)),
    };
    delivered.push(scope, values);
}
