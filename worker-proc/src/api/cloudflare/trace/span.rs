//! Spans as JavaScript holds them: opaque objects, each of which closes its span at the latest when it is collected.

use std::rc::Rc;

use super::record::{error_of, tracer};
use crate::glue::args::to_string;
use crate::glue::{
    Ops, bool_arg, current, in_event, native_arg, native_object, native_value, string, string_arg,
};
use crate::service::trace::{Body, Span, Value};

pub fn register(r: &mut Ops) {
    r.add("openSpan", open_span);
    r.add("setAttribute", set_attribute);
    r.add("isOpen", is_open);
    r.add("closeSpan", close_span);
    r.add("rpcMethod", rpc_method);
    r.add("caller", caller);
    r.add("inEvent", in_event);
    r.add("eventKey", event_key);
    r.add("rootSpan", root_span);
    r.add("spanIds", span_ids);
    r.add("spanException", span_exception);
    r.add("renameSpan", rename_span);
    r.add("setSpanStatus", set_span_status);
}

/// The id of the span in an argument, if it is one.
pub fn span_id(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<u64> {
    native_value::<Span>(scope, value).map(|span| span.id())
}

/// `openSpan(parent | undefined, name, always)`: a span of the running event; undefined where nobody would see it, but for
/// `always` where the event is traced at all.
fn open_span(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 1);
    let always = bool_arg(&args, 2);
    let parent = native_arg::<Span>(scope, &args, 0);
    let tracer = match &parent {
        Some(parent) => parent.tracer(),
        None => tracer(scope),
    };
    let parent = parent.map(|parent| parent.id());
    let opened = tracer
        .filter(|tracer| always || tracer.is_streaming())
        .and_then(|tracer| tracer.open_span(parent, name));
    if let Some(span) = opened {
        rv.set(native_object(scope, span).into());
    }
}

/// `setAttribute(span, name, value)`: a string, boolean, number, or BigInt of 64 bits.
fn set_attribute(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let Some(span) = native_arg::<Span>(scope, &args, 0) else {
        return;
    };
    let name = string_arg(scope, &args, 1);
    let value = value_of(scope, args.get(2));
    span.set(name, value);
}

fn value_of(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Value {
    if value.is_string() {
        Value::Text(to_string(scope, value))
    } else if value.is_boolean() {
        Value::Bool(value.is_true())
    } else if let Ok(number) = v8::Local::<v8::BigInt>::try_from(value) {
        Value::Integer(number.i64_value().0)
    } else {
        Value::Number(value.number_value(scope).unwrap_or(f64::NAN))
    }
}

/// `isOpen(span)`.
fn is_open(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let span: Option<Rc<Span>> = native_arg(scope, &args, 0);
    rv.set_bool(span.is_some_and(|span| span.is_open()));
}

/// `closeSpan(span)`.
fn close_span(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(span) = native_arg::<Span>(scope, &args, 0) {
        span.close();
    }
}

/// `rpcMethod(name)`: what the running RPC event calls.
fn rpc_method(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(tracer) = tracer(scope) {
        tracer.rpc_method(&string_arg(scope, &args, 0));
    }
}

/// `caller()`: the id of the span that has caused the running event, or undefined.
fn caller(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(id) = tracer(scope).and_then(|tracer| tracer.caller()) {
        rv.set(string(scope, &id).into());
    }
}

/// `eventKey()`: a number that tells the running event from others of its isolate.
fn event_key(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_double(match tracer(scope) {
        Some(tracer) => tracer.key() as f64,
        None => current(scope).map_or(0.0, |context| -(context.id() as f64)),
    });
}

/// `rootSpan()`: the running event's own span, or undefined.
fn root_span(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    if let Some(tracer) = tracer(scope) {
        rv.set(native_object(scope, tracer.root()).into());
    }
}

/// `spanIds(span)`: `[trace, span]` in hex.
fn span_ids(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(span) = native_arg::<Span>(scope, &args, 0) else {
        return;
    };
    let context = span.context();
    let trace = string(scope, &format!("{:032x}", context.trace)).into();
    let id = string(scope, &format!("{:016x}", context.span)).into();
    rv.set(v8::Array::new_with_elements(scope, &[trace, id]).into());
}

/// `spanException(span, [name, message, stack], code | undefined)`: the worker tells of an exception.
fn span_exception(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let span = native_arg::<Span>(scope, &args, 0);
    let error = error_of(scope, args.get(1));
    let code = args.get(2);
    let code = (!code.is_undefined()).then(|| value_of(scope, code));
    if let (Some(span), Some(error)) = (span, error) {
        span.tell(Body::SpanException { error, code });
    }
}

/// `renameSpan(span, name)`.
fn rename_span(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let name = string_arg(scope, &args, 1);
    if let Some(span) = native_arg::<Span>(scope, &args, 0) {
        span.tell(Body::SpanName(name));
    }
}

/// `setSpanStatus(span, code, message | undefined)`.
fn set_span_status(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let code = string_arg(scope, &args, 1);
    let message = args.get(2);
    let message = message.is_string().then(|| to_string(scope, message));
    if let Some(span) = native_arg::<Span>(scope, &args, 0) {
        span.tell(Body::SpanStatus { code, message });
    }
}
