//! The ops behind `api/cloudflare/rpc/*.js`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::error::Refused;
use super::object::{Delivered, ReplyResource, export, push_call};
use super::payload::{
    ExternalKind, NOT_BYTES, SignalResource, TargetResource, TriggerResource, give_externals,
    props_of, push_props, sink_body, take_externals,
};
use crate::api::web::structured_clone::stored::serialize_wire;
use crate::api::web::{fetch, streams};
use crate::glue::context::IoContext;
use crate::glue::error::{is_disconnection, mark_disconnection};
use crate::glue::native::Unreached;
use crate::glue::{
    Arguments, IntoJs, IsolateState, JsArray, JsNumber, Maybe, OpError, Ops, Promise,
    ServiceHandle, Thrown, context_id, native_object, op, promise,
};
use crate::service::rpc::{
    Answer, Call, External, MAX_PAYLOAD_BYTES, Operation, Payload, Promised, Reply, Returned,
    Signal, TRIGGER_LOST, Target,
};
use crate::service::trace::{Span, SpanContext, within};
use crate::service::{self, Class, Error, Kind, to_hex};

pub fn register(r: &mut Ops) {
    r.receive_calls(push_call);
    r.passes::<Delivered>(&[
        ("workers", "rpc"),
        ("actors", "rpc"),
        ("rpc/serve", "deliver"),
    ]);
    r.receive_props(push_props);
    super::lasting::register(r);
    r.add_all(&[
        serialize,
        take_serialized,
        call_target,
        call_service,
        specialize,
        export_object,
        has,
        context_id,
        dup,
        drop_target,
        drop_externals,
        release_externals,
        reply,
        mark_disconnection_op,
        reply_error,
        actor_id,
        open_sink,
        refuse,
        drop_body,
        not_bytes,
        drop_writer,
        open_signal,
        trigger,
        signalled,
    ]);
    r.share::<CallKind>();
    r.share::<ExternalKind>();
    r.share::<Started>();
    r.share::<Success>();
    r.share::<Failure>();
    r.share::<Pipeline>();
    r.share::<Sink>();
    r.share::<OpenSignal>();
    r.share::<Reason>();
}

/// The bytes that `serialize` made, for the op that comes next.
#[derive(Default)]
struct Written(RefCell<Vec<u8>>);

/// `serialize(value, errors)`: keeps the value's bytes for the next `call`, `reply` or `trigger`. Throws what cannot be sent.
#[op]
fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    errors: bool,
) -> Result<(), Thrown> {
    let bytes = serialize_wire(scope, value, errors).ok_or(Thrown)?;
    if bytes.len() > MAX_PAYLOAD_BYTES {
        let bytes = bytes.len();
        return Err(Thrown::throw(scope, Refused::TooLarge { bytes }));
    }
    let written = IsolateState::get(scope).extension::<Written>();
    *written.0.borrow_mut() = bytes;
    Ok(())
}

/// What `serialize` kept.
fn serialized(scope: &v8::Isolate) -> Vec<u8> {
    let written = IsolateState::get(scope).extension::<Written>();
    std::mem::take(&mut *written.0.borrow_mut())
}

/// `takeSerialized()`: what `serialize` kept.
#[op]
fn take_serialized(scope: &mut v8::PinScope) -> Vec<u8> {
    serialized(scope)
}

/// What `serialize` kept, with the externals that JavaScript listed on the way.
fn payload<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    externals: Option<v8::Local<'s, v8::Array>>,
) -> Payload {
    Payload {
        bytes: Bytes::from(serialized(scope)),
        externals: take_externals(scope, context, externals),
    }
}

/// What a call does.
#[derive(Clone, Copy, JsNumber)]
pub(super) enum CallKind {
    Get,
    /// On the calling side without arguments.
    Call,
    /// With what `serialize` kept; so an event.
    CallWith,
    Event,
}

/// A call, as JavaScript makes it.
#[derive(Arguments)]
struct Calling<'s> {
    path: Vec<String>,
    asked: CallKind,
    externals: Option<v8::Local<'s, v8::Array>>,
}

impl<'s> Calling<'s> {
    fn call(self, scope: &mut v8::PinScope<'s, '_>, context: &dyn IoContext) -> Call {
        let operation = match self.asked {
            CallKind::Get => Operation::Get,
            CallKind::Call => Operation::Call(Payload::default()),
            CallKind::CallWith => Operation::Call(payload(scope, context, self.externals)),
            CallKind::Event => Operation::Event(payload(scope, context, self.externals)),
        };
        Call {
            path: self.path,
            operation,
        }
    }
}

/// `callTarget(number, path, asked, externals)`.
#[op]
fn call_target<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    calling: Calling<'s>,
) -> Result<Started<'s>, Thrown> {
    let Some(target) = context.resources().get::<TargetResource>(number) else {
        return Err(Thrown::throw(scope, Refused::Gone));
    };
    let call = calling.call(scope, &*context);
    let target = target.0.clone();
    start_call(scope, &*context, None, move || target.call(call))
}

/// `callService(channel, path, asked, externals, span)`: the same for a service, in a session of its own.
#[op]
fn call_service<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: v8::Local<'s, v8::Value>,
    calling: Calling<'s>,
    span: Option<Rc<Span>>,
) -> Result<Started<'s>, Thrown> {
    let service = fetch::callee(scope, &*context, channel);
    let call = calling.call(scope, &*context);
    let span = span.map(|span| span.context());
    start_call(scope, &*context, span, move || match service {
        Ok(service) => service.rpc(call),
        Err(unreached) => Answer::failed(Error {
            kind: Kind::Internal,
            ..OpError::from(unreached).into()
        }),
    })
}

/// `specialize(channel, bytes, externals)`: a native object with the channel's service and other props.
#[op]
fn specialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    channel: u32,
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
) -> Result<v8::Local<'s, v8::Object>, Unreached> {
    let props = props_of(scope, &*context, bytes, externals);
    let service = context.channels().service_with_props(channel, props);
    let service = service.ok_or(Unreached::NotConfigured)?;
    Ok(native_object(scope, ServiceHandle(service)))
}

/// A call that is under way.
#[derive(JsArray)]
struct Started<'s> {
    answer: Promise<'s, Received>,
    /// The number of the target that its result will be.
    pipeline: u32,
}

/// Makes the call once the context lets things out. What is called on its result meanwhile waits for it.
fn start_call<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    span: Option<SpanContext>,
    call: impl FnOnce() -> Answer + 'static,
) -> Result<Started<'s>, Thrown> {
    let promised = Promised::new();
    let pipeline = TargetResource(promised.clone());
    let pipeline = context.resources().insert(Rc::new(pipeline));
    let gate = context.output_gate();
    let answer = async move {
        if let Some(gate) = gate
            && let Err(error) = gate.await
        {
            promised.settle(Err(error.clone()));
            return Ok(Received(Err(error)));
        }
        let answer = call();
        promised.settle(Ok(answer.pipeline));
        drop(promised);
        Ok(Received(answer.result.await))
    };
    let answer = promise(scope, within(span, answer))?;
    Ok(Started { answer, pipeline })
}

/// What came back: a [`Success`] or a [`Failure`].
struct Received(Result<Returned, Error>);

#[derive(JsArray)]
struct Success<'s> {
    /// True; false tells of a [`Failure`].
    is_ok: bool,
    bytes: Maybe<Bytes>,
    externals: v8::Local<'s, v8::Array>,
    has_disposer: bool,
}

#[derive(JsArray)]
struct Failure {
    is_ok: bool,
    class: Class,
    message: String,
    remote: bool,
    retryable: bool,
    overloaded: bool,
    durable_object_reset: bool,
    /// The connection was lost.
    disconnected: bool,
    /// The Durable Object's id.
    actor: Maybe<String>,
    /// The exception's.
    bytes: Maybe<Bytes>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            is_ok: false,
            remote: error.kind == Kind::Worker,
            retryable: error.flags.retryable,
            overloaded: error.flags.overloaded,
            durable_object_reset: error.flags.durable_object_reset,
            disconnected: error.kind == Kind::Disconnected,
            actor: Maybe(error.actor.map(|id| to_hex(&id))),
            bytes: Maybe(error.exception),
            class: error.class,
            message: error.message,
        }
    }
}

impl<'s> IntoJs<'s> for Received {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        match self.0 {
            Ok(Returned {
                value: Payload { bytes, externals },
                has_disposer,
            }) => {
                let success = Success {
                    is_ok: true,
                    bytes: Maybe((!bytes.is_empty()).then_some(bytes)),
                    externals: give_externals(scope, externals),
                    has_disposer,
                };
                success.into_js(scope)
            }
            Err(error) => Failure::from(error).into_js(scope),
        }
    }
}

/// `actorId()`: the id of the Durable Object that runs, or undefined.
#[op]
fn actor_id(context: Option<Rc<dyn IoContext>>) -> Maybe<String> {
    let actor = context.and_then(|context| context.actor());
    Maybe(actor.and_then(|actor| actor.id()).map(|id| to_hex(&id)))
}

/// `exportObject(object, allowInstance, dispose, result)`: the number of a target for it; see [`export`].
#[op]
fn export_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    object: v8::Local<'s, v8::Object>,
    allow_instance: bool,
    dispose: v8::Local<'s, v8::Value>,
    result: bool,
) -> u32 {
    let target = export(scope, &context, object, allow_instance, dispose, result);
    context.resources().insert(Rc::new(TargetResource(target)))
}

/// `has(number)`: whether the target is the running context's.
#[op]
fn has(context: Option<Rc<dyn IoContext>>, number: u32) -> bool {
    let target = context.and_then(|context| context.resources().get::<TargetResource>(number));
    target.is_some()
}

/// `dup(number)`: another number for the same target; 0 if it is not here.
#[op]
fn dup(context: Rc<dyn IoContext>, number: u32) -> u32 {
    let resources = context.resources();
    resources.get::<TargetResource>(number).map_or(0, |target| {
        resources.insert(Rc::new(TargetResource(target.0.clone())))
    })
}

/// `drop(number)`: releases the target.
#[op(drop)]
fn drop_target(context: Option<Rc<dyn IoContext>>, number: u32) {
    drop(context.and_then(|context| context.resources().take::<TargetResource>(number)));
}

/// `dropExternals(externals)`: what was listed for a value that could not be sent.
#[op]
fn drop_externals<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
    externals: v8::Local<'s, v8::Array>,
) {
    if let Some(context) = context {
        drop(take_externals(scope, &*context, Some(externals)));
    }
}

/// `releaseExternals(externals)`: what came with a value that nobody has read.
#[op]
fn release_externals<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
    list: v8::Local<'s, v8::Array>,
) {
    let Some(context) = context else { return };
    // All but services are held by number.
    for index in (1..list.length()).step_by(3) {
        let first = list.get_index(scope, index);
        if let Some(number) = first.and_then(|first| v8::Local::<v8::Integer>::try_from(first).ok())
        {
            context.resources().remove(number.value() as u32);
        }
    }
}

/// Where calls on a result go.
#[derive(Clone, Copy, JsNumber)]
enum Pipeline {
    Number,
    FirstExternal,
    Nothing,
}

/// `reply(number, externals, pipeline, pipelineNumber, hasDisposer)`: answers with what `serialize` kept.
#[op]
fn reply<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
    externals: v8::Local<'s, v8::Array>,
    pipeline: Pipeline,
    pipeline_number: u32,
    has_disposer: bool,
) {
    if context.aborted().borrow().is_some() {
        return;
    }
    let value = payload(scope, &*context, Some(externals));
    let pipeline: Rc<dyn Target> = match (pipeline, value.externals.first()) {
        (Pipeline::Number, _) => {
            match context.resources().take::<TargetResource>(pipeline_number) {
                Some(target) => target.0.clone(),
                None => Rc::new(Nothing),
            }
        }
        (Pipeline::FirstExternal, Some(External::Target(target))) => target.clone(),
        _ => Rc::new(Nothing),
    };
    let Some(resource) = context.resources().take::<ReplyResource>(number) else {
        return;
    };
    let Some(reply) = resource.reply.take() else {
        return;
    };
    reply.pipeline(pipeline);
    let returned = Returned {
        value,
        has_disposer,
    };
    finish(&*context, resource, reply, Ok(returned));
}

/// Answers once the context lets things out; the object lives until then.
fn finish(
    context: &dyn IoContext,
    resource: Rc<ReplyResource>,
    reply: Reply,
    result: Result<Returned, Error>,
) {
    let Some(gate) = context.output_gate() else {
        return reply.finish(result);
    };
    tokio::task::spawn_local(async move {
        reply.finish(gate.await.and(result));
        drop(resource);
    });
}

/// A value that has nothing to call.
struct Nothing;

impl Target for Nothing {
    fn call(self: Rc<Self>, call: Call) -> Answer {
        let name = call.path.first().map_or("(this)", String::as_str);
        Answer::failed(Error {
            class: Class::TypeError,
            ..Error::new(
                Kind::Worker,
                format!("The RPC receiver does not implement the method \"{name}\"."),
            )
        })
    }
}

/// What `replyError` takes.
#[derive(Arguments)]
struct Thrower<'s> {
    number: u32,
    class: Class,
    message: String,
    /// The whole exception.
    bytes: Option<Bytes>,
    exception: v8::Local<'s, v8::Value>,
    retryable: bool,
    overloaded: bool,
    durable_object_reset: bool,
}

/// `replyError(number, class, message, bytes, exception, retryable, overloaded, durableObjectReset)`: answers with an exception,
/// which says the last three of itself.
#[op]
fn reply_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    thrower: Thrower<'s>,
) {
    let kind = match is_disconnection(scope, thrower.exception) {
        true => Kind::Disconnected,
        false => Kind::Worker,
    };
    if context.aborted().borrow().is_some() {
        return;
    }
    let Some(resource) = context.resources().take::<ReplyResource>(thrower.number) else {
        return;
    };
    let Some(reply) = resource.reply.take() else {
        return;
    };
    let mut error = Error {
        class: thrower.class,
        exception: thrower.bytes,
        ..Error::new(kind, thrower.message)
    };
    error.flags.retryable = thrower.retryable;
    error.flags.overloaded = thrower.overloaded;
    error.flags.durable_object_reset = thrower.durable_object_reset;
    let error = resource.signed(error);
    finish(&*context, resource, reply, Err(error));
}

/// `markDisconnection(error)`: it tells of a lost connection.
#[op(markDisconnection)]
fn mark_disconnection_op<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Object>) {
    mark_disconnection(scope, error);
}

/// A stream that others write, by numbers.
#[derive(JsArray)]
struct Sink {
    /// To send.
    writer: u32,
    /// To read here.
    body: u32,
}

/// `openSink()`.
#[op]
fn open_sink(context: Rc<dyn IoContext>) -> Sink {
    let (writer, body) = service::channel(None);
    Sink {
        writer: streams::give_writer(&*context, writer),
        body: streams::keep_body(&*context, sink_body(body)),
    }
}

/// `refuse(number, class, message)`: ends the reading of a body; its writer learns why.
#[op]
fn refuse(
    context: Rc<dyn IoContext>,
    number: u32,
    class: Class,
    message: String,
) -> Result<(), streams::Failure> {
    let body = streams::take_body(&*context, number)?;
    body.refuse(Error {
        class,
        ..Error::new(Kind::Worker, message)
    });
    Ok(())
}

/// `dropBody(number)`: ends the reading of a body.
#[op]
fn drop_body(context: Rc<dyn IoContext>, number: u32) -> Result<(), streams::Failure> {
    streams::take_body(&*context, number).map(drop)
}

/// `notBytes(number)`: ends what is written with the error that only bytes can be sent.
#[op]
fn not_bytes(context: Rc<dyn IoContext>, number: u32) {
    if let Some(writer) = streams::take_writer(&*context, number) {
        writer.fail(Error {
            class: Class::TypeError,
            ..Error::new(Kind::Worker, NOT_BYTES)
        });
    }
}

/// `dropWriter(number)`: cuts off what is written.
#[op]
fn drop_writer(context: Rc<dyn IoContext>, number: u32) {
    drop(streams::take_writer(&*context, number));
}

/// A signal that is aborted from here, by numbers.
#[derive(JsArray)]
struct OpenSignal {
    /// To send.
    signal: u32,
    trigger: u32,
}

/// `openSignal()`.
#[op]
fn open_signal(context: Rc<dyn IoContext>) -> OpenSignal {
    let (sender, receiver) = oneshot::channel();
    let signal = Signal(Box::pin(async move {
        receiver
            .await
            .map_err(|_| Error::new(Kind::Disconnected, TRIGGER_LOST))
    }));
    let resources = context.resources();
    OpenSignal {
        signal: resources.insert(Rc::new(SignalResource(RefCell::new(Some(signal))))),
        trigger: resources.insert(Rc::new(TriggerResource(RefCell::new(Some(sender))))),
    }
}

/// `trigger(number, externals)`: aborts the signal; the reason is what `serialize` kept.
#[op]
fn trigger<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
    number: u32,
    externals: v8::Local<'s, v8::Array>,
) {
    let Some(context) = context else { return };
    let reason = payload(scope, &*context, Some(externals));
    let trigger = context.resources().take::<TriggerResource>(number);
    if let Some(sender) = trigger.and_then(|trigger| trigger.0.take()) {
        let _ = sender.send(reason);
    }
}

/// `signalled(number)`: a promise of the reason.
#[op]
fn signalled<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<Promise<'s, Signalled>, Thrown> {
    let signal = context
        .resources()
        .take::<SignalResource>(number)
        .and_then(|signal| signal.0.take());
    promise(scope, async move {
        let signal = signal.ok_or(Refused::TriggerLost {})?;
        Ok(Signalled(signal.0.await?))
    })
}

/// A reason on its way to JavaScript.
struct Signalled(Payload);

#[derive(JsArray)]
struct Reason<'s> {
    bytes: Bytes,
    externals: v8::Local<'s, v8::Array>,
}

impl<'s> IntoJs<'s> for Signalled {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let reason = Reason {
            bytes: self.0.bytes,
            externals: give_externals(scope, self.0.externals),
        };
        reason.into_js(scope)
    }
}
