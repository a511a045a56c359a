//! The ops behind `api/cloudflare/rpc/*.js`.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::object::{ReplyResource, export, push_call};
use super::payload::{
    NOT_BYTES, SignalResource, TargetResource, TriggerResource, give_externals, props_of,
    push_props, sink_body, take_externals,
};
use crate::api::web::structured_clone::serialize_for_rpc;
use crate::api::web::{fetch, streams};
use crate::glue::args::to_string;
use crate::glue::context::IoContext;
use crate::glue::error::{is_disconnection, mark_disconnection};
use crate::glue::native::span_context;
use crate::glue::{
    IntoJs, IsolateState, OpError, Ops, ServiceHandle, async_op, bool_arg, context_id, current,
    native_object, promise, require_context, string, string_arg, throw_error, u32_arg, uint8_array,
    with_bytes,
};
use crate::service::rpc::{
    Answer, Call, External, MAX_PAYLOAD_BYTES, Operation, Payload, Promised, Reply, Returned,
    Signal, TRIGGER_LOST, Target,
};
use crate::service::trace::{SpanContext, within};
use crate::service::{self, Error, Kind, to_hex};

pub fn register(r: &mut Ops) {
    r.receive_calls(push_call);
    r.receive_props(push_props);
    super::lasting::register(r);
    r.add("serialize", serialize);
    r.add("takeSerialized", take_serialized);
    r.add("callTarget", call_target);
    r.add("callService", call_service);
    r.add("specialize", specialize);
    r.add("exportObject", export_object);
    r.add("has", has);
    r.add("contextId", context_id);
    r.add("dup", dup);
    r.add("drop", drop_target);
    r.add("dropExternals", drop_externals);
    r.add("releaseExternals", release_externals);
    r.add("reply", reply);
    r.add("markDisconnection", mark_disconnection_op);
    r.add("replyError", reply_error);
    r.add("kindOf", kind_of);
    r.add("actorId", actor_id);
    r.add("openSink", open_sink);
    r.add("refuse", refuse);
    r.add("dropBody", drop_body);
    r.add("notBytes", not_bytes);
    r.add("dropWriter", drop_writer);
    r.add("openSignal", open_signal);
    r.add("trigger", trigger);
    r.add("signalled", signalled);
}

/// The bytes that `serialize` made, for the op that comes next.
#[derive(Default)]
struct Written(RefCell<Vec<u8>>);

/// `serialize(value, errors)`: keeps the value's bytes for the next `call`, `reply` or `trigger`. Throws what cannot be sent.
fn serialize(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(bytes) = serialize_for_rpc(scope, args.get(0), bool_arg(&args, 1)) else {
        return;
    };
    if bytes.len() > MAX_PAYLOAD_BYTES {
        let length = bytes.len();
        return throw_error(
            scope,
            &format!(
                "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: {length} bytes."
            ),
        );
    }
    let written = IsolateState::get(scope).extension::<Written>();
    *written.0.borrow_mut() = bytes;
}

/// `takeSerialized()`: what `serialize` kept.
fn take_serialized(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let written = IsolateState::get(scope).extension::<Written>();
    let bytes = std::mem::take(&mut *written.0.borrow_mut());
    rv.set(uint8_array(scope, bytes).into());
}

/// What `serialize` kept, with the externals that JavaScript listed on the way.
fn payload(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    externals: v8::Local<v8::Value>,
) -> Payload {
    let written = IsolateState::get(scope).extension::<Written>();
    let bytes = Bytes::from(std::mem::take(&mut *written.0.borrow_mut()));
    Payload {
        bytes,
        externals: take_externals(scope, context, externals),
    }
}

/// A call's path, operation and payload from three arguments: an array of names; 0 for a property, 1 for a call without
/// arguments, 2 for one with what `serialize` kept, 3 for an event with that; externals.
fn call_arg(
    scope: &mut v8::PinScope,
    context: &dyn IoContext,
    args: &v8::FunctionCallbackArguments,
    index: i32,
) -> Call {
    let mut path = Vec::new();
    if let Ok(names) = v8::Local::<v8::Array>::try_from(args.get(index)) {
        for index in 0..names.length() {
            if let Some(name) = names.get_index(scope, index) {
                path.push(to_string(scope, name));
            }
        }
    }
    let operation = match u32_arg(scope, args, index + 1) {
        0 => Operation::Get,
        1 => Operation::Call(Payload::default()),
        3 => Operation::Event(payload(scope, context, args.get(index + 2))),
        _ => Operation::Call(payload(scope, context, args.get(index + 2))),
    };
    Call { path, operation }
}

/// `callTarget(number, path, operation, externals)`: a promise of a [`Received`] and the number of the pipeline.
fn call_target(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some(target) = context.resources().get::<TargetResource>(number) else {
        return throw_error(scope, "The RPC target is gone.");
    };
    let call = call_arg(scope, &*context, &args, 1);
    let target = target.0.clone();
    start_call(scope, rv, &*context, None, move || target.call(call));
}

/// `callService(channel, path, operation, externals, span)`: the same for a service, in a session of its own.
fn call_service(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let service = fetch::service_of(scope, &*context, args.get(0));
    let call = call_arg(scope, &*context, &args, 1);
    let span = span_context(scope, args.get(4));
    start_call(scope, rv, &*context, span, move || match service {
        Some(service) => service.rpc(call),
        None => Answer::failed(Error::internal("This service is not configured.")),
    });
}

/// `specialize(channel, bytes, externals)`: a native object with the channel's service and other props.
fn specialize(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let channel = u32_arg(scope, &args, 0);
    let props = props_of(scope, &*context, args.get(1), args.get(2));
    match context.channels().service_with_props(channel, props) {
        Some(service) => rv.set(native_object(scope, ServiceHandle(service)).into()),
        None => throw_error(scope, "This service is not configured."),
    }
}

/// Makes the call once the context lets things out. What is called on its result meanwhile waits for it.
fn start_call(
    scope: &mut v8::PinScope,
    mut rv: v8::ReturnValue,
    context: &dyn IoContext,
    span: Option<SpanContext>,
    call: impl FnOnce() -> Answer + 'static,
) {
    let promised = Promised::new();
    let pipeline = TargetResource(promised.clone());
    let pipeline = context.resources().insert(Rc::new(pipeline));
    let gate = context.output_gate();
    let pair = v8::Array::new(scope, 2);
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
    if let Ok(promise) = promise(scope, within(span, answer)) {
        let promise = promise.into_js(scope);
        pair.set_index(scope, 0, promise);
    }
    let pipeline = v8::Integer::new_from_unsigned(scope, pipeline);
    pair.set_index(scope, 1, pipeline.into());
    rv.set(pair.into());
}

/// What came back: `[true, bytes, externals, hasDisposer]`, or an error's parts after `false`.
struct Received(Result<Returned, Error>);

impl<'s> IntoJs<'s> for Received {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let mut values: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
        values.push(v8::Boolean::new(scope, self.0.is_ok()).into());
        match self.0 {
            Ok(returned) => {
                super::payload::push_payload(scope, returned.value, &mut values);
                values.push(v8::Boolean::new(scope, returned.has_disposer).into());
            }
            Err(error) => push_error(scope, error, &mut values),
        }
        v8::Array::new_with_elements(scope, &values).into()
    }
}

/// Class, message, `remote`, `retryable`, `overloaded`, `durableObjectReset`, whether the connection was lost, the
/// Durable Object's id and the exception's bytes, or undefined each.
fn push_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: Error,
    values: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    values.push(string(scope, &error.class).into());
    values.push(string(scope, &error.message).into());
    let flags = error.flags;
    for flag in [
        error.kind == Kind::Worker,
        flags.retryable,
        flags.overloaded,
        flags.durable_object_reset,
        error.kind == Kind::Disconnected,
    ] {
        values.push(v8::Boolean::new(scope, flag).into());
    }
    values.push(match error.actor {
        Some(id) => string(scope, &to_hex(&id)).into(),
        None => v8::undefined(scope).into(),
    });
    values.push(match error.exception {
        Some(bytes) => bytes.into_js(scope),
        None => v8::undefined(scope).into(),
    });
}

/// `actorId()`: the id of the Durable Object that runs, or undefined.
fn actor_id(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let actor = current(scope).and_then(|context| context.actor());
    if let Some(id) = actor.and_then(|actor| actor.id()) {
        rv.set(string(scope, &to_hex(&id)).into());
    }
}

/// `exportObject(object, allowInstance, dispose, result)`: the number of a target for it; see [`export`].
fn export_object(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else {
        return;
    };
    let (allow, result) = (bool_arg(&args, 1), bool_arg(&args, 3));
    let target = export(scope, &context, object, allow, args.get(2), result);
    let number = context.resources().insert(Rc::new(TargetResource(target)));
    rv.set_uint32(number);
}

fn target(scope: &mut v8::PinScope, number: u32) -> Option<Rc<TargetResource>> {
    current(scope)?.resources().get::<TargetResource>(number)
}

/// `has(number)`: whether the target is the running context's.
fn has(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    rv.set_bool(target(scope, number).is_some());
}

/// `dup(number)`: another number for the same target; 0 if it is not here.
fn dup(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    rv.set_uint32(match target(scope, number) {
        Some(target) => context
            .resources()
            .insert(Rc::new(TargetResource(target.0.clone()))),
        None => 0,
    });
}

/// `drop(number)`: releases the target.
fn drop_target(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(context) = current(scope) {
        drop(context.resources().take::<TargetResource>(number));
    }
}

/// `dropExternals(externals)`: what was listed for a value that could not be sent.
fn drop_externals(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    if let Some(context) = current(scope) {
        drop(take_externals(scope, &*context, args.get(0)));
    }
}

/// `releaseExternals(externals)`: what came with a value that nobody has read.
fn release_externals(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let (Some(context), Ok(list)) = (
        current(scope),
        v8::Local::<v8::Array>::try_from(args.get(0)),
    ) else {
        return;
    };
    // All but services are held by number.
    for index in (1..list.length()).step_by(3) {
        let first = list.get_index(scope, index);
        if let Some(number) = first.and_then(|first| v8::Local::<v8::Integer>::try_from(first).ok())
        {
            context.resources().remove(number.value() as u32);
        }
    }
}

/* What an exception says of itself, as JavaScript adds it up. */
const RETRYABLE: u32 = 1;
const OVERLOADED: u32 = 2;
const DURABLE_OBJECT_RESET: u32 = 4;

/* Where calls on a result go, as JavaScript says it. */
const TO_NUMBER: u32 = 0;
const TO_FIRST_EXTERNAL: u32 = 1;

/// `reply(number, externals, pipeline, pipelineNumber, hasDisposer)`: answers with what `serialize` kept.
fn reply(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let pipeline = u32_arg(scope, &args, 2);
    let pipeline_number = u32_arg(scope, &args, 3);
    let has_disposer = bool_arg(&args, 4);
    let Some(context) = require_context(scope) else {
        return;
    };
    if context.aborted().borrow().is_some() {
        return;
    }
    let value = payload(scope, &*context, args.get(1));
    let pipeline: Rc<dyn Target> = match (pipeline, value.externals.first()) {
        (TO_NUMBER, _) => match context.resources().take::<TargetResource>(pipeline_number) {
            Some(target) => target.0.clone(),
            None => Rc::new(Nothing),
        },
        (TO_FIRST_EXTERNAL, Some(External::Target(target))) => target.clone(),
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
            class: "TypeError".to_owned(),
            ..Error::new(
                Kind::Worker,
                format!("The RPC receiver does not implement the method \"{name}\"."),
            )
        })
    }
}

/// `replyError(number, class, message, bytes, exception)`: answers with an exception.
fn reply_error(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let class = string_arg(scope, &args, 1);
    let message = string_arg(scope, &args, 2);
    let exception = args
        .get(3)
        .is_array_buffer_view()
        .then(|| with_bytes(args.get(3), Bytes::copy_from_slice));
    let kind = match is_disconnection(scope, args.get(4)) {
        true => Kind::Disconnected,
        false => Kind::Worker,
    };
    let Some(context) = require_context(scope) else {
        return;
    };
    if context.aborted().borrow().is_some() {
        return;
    }
    let Some(resource) = context.resources().take::<ReplyResource>(number) else {
        return;
    };
    let Some(reply) = resource.reply.take() else {
        return;
    };
    let mut error = Error {
        class,
        exception,
        ..Error::new(kind, message)
    };
    let flags = u32_arg(scope, &args, 5);
    error.flags.retryable = flags & RETRYABLE != 0;
    error.flags.overloaded = flags & OVERLOADED != 0;
    error.flags.durable_object_reset = flags & DURABLE_OBJECT_RESET != 0;
    let error = resource.signed(error);
    finish(&*context, resource, reply, Err(error));
}

/// `markDisconnection(error)`: it tells of a lost connection.
fn mark_disconnection_op<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue,
) {
    if let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) {
        mark_disconnection(scope, object);
    }
}

/* What `prepare.js` tells apart. */
const OTHER: u32 = 0;
const PROXY: u32 = 1;
const ARRAY: u32 = 2;
const MAP: u32 = 3;
const SET: u32 = 4;
const ERROR: u32 = 5;

/// `kindOf(value)`: what an object is by its nature, without running any code.
fn kind_of(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let value = args.get(0);
    rv.set_uint32(if value.is_proxy() {
        PROXY
    } else if value.is_array() {
        ARRAY
    } else if value.is_map() {
        MAP
    } else if value.is_set() {
        SET
    } else if value.is_native_error() {
        ERROR
    } else {
        OTHER
    });
}

/// `openSink()`: for a stream that others write: the numbers of the writer to send and of the body to read here.
fn open_sink(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let (writer, body) = service::channel(None);
    let writer = streams::give_writer(&*context, writer);
    let body = streams::give_body(scope, sink_body(body)).unwrap_or(0);
    let numbers = [writer, body].map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `refuse(number, class, message)`: ends the reading of a body; its writer learns why.
fn refuse(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let class = string_arg(scope, &args, 1);
    let message = string_arg(scope, &args, 2);
    if let Some(body) = streams::take_body(scope, number) {
        body.refuse(Error {
            class,
            ..Error::new(Kind::Worker, message)
        });
    }
}

/// `dropBody(number)`: ends the reading of a body.
fn drop_body(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    drop(streams::take_body(scope, number));
}

/// `notBytes(number)`: ends what is written with the error that only bytes can be sent.
fn not_bytes(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    if let Some(writer) = streams::take_writer(scope, number) {
        writer.fail(Error {
            class: "TypeError".to_owned(),
            ..Error::new(Kind::Worker, NOT_BYTES)
        });
    }
}

/// `dropWriter(number)`: cuts off what is written.
fn drop_writer(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    drop(streams::take_writer(scope, number));
}

/// `openSignal()`: the numbers of a signal to send and of its trigger.
fn open_signal(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let (sender, receiver) = oneshot::channel();
    let signal = Signal(Box::pin(async move {
        receiver
            .await
            .map_err(|_| Error::new(Kind::Disconnected, TRIGGER_LOST))
    }));
    let resources = context.resources();
    let signal = resources.insert(Rc::new(SignalResource(RefCell::new(Some(signal)))));
    let trigger = TriggerResource(RefCell::new(Some(sender)));
    let trigger = resources.insert(Rc::new(trigger));
    let numbers =
        [signal, trigger].map(|number| v8::Integer::new_from_unsigned(scope, number).into());
    rv.set(v8::Array::new_with_elements(scope, &numbers).into());
}

/// `trigger(number, externals)`: aborts the signal; the reason is what `serialize` kept.
fn trigger(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = current(scope) else {
        return;
    };
    let reason = payload(scope, &*context, args.get(1));
    let trigger = context.resources().take::<TriggerResource>(number);
    if let Some(sender) = trigger.and_then(|trigger| trigger.0.take()) {
        let _ = sender.send(reason);
    }
}

/// `signalled(number)`: a promise of `[bytes, externals]` of the reason.
fn signalled(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    let signal = context
        .resources()
        .take::<SignalResource>(number)
        .and_then(|signal| signal.0.take());
    async_op(scope, &mut rv, async move {
        let signal = signal.ok_or_else(|| OpError::error(TRIGGER_LOST))?;
        Ok(Reason(signal.0.await?))
    });
}

struct Reason(Payload);

impl<'s> IntoJs<'s> for Reason {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let bytes = self.0.bytes.into_js(scope);
        let externals = give_externals(scope, self.0.externals).into();
        v8::Array::new_with_elements(scope, &[bytes, externals]).into()
    }
}
