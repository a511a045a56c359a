//! Spans as JavaScript holds them: opaque objects, each of which closes its span at the latest when it is collected.

use std::rc::Rc;

use super::record::tracer;
use crate::glue::args::to_string;
use crate::glue::{Ops, native_arg, native_object, native_value, string, string_arg};
use crate::service::trace::{Span, SpanContext, Value};

pub fn register(r: &mut Ops) {
    r.add("openSpan", open_span);
    r.add("setAttribute", set_attribute);
    r.add("isOpen", is_open);
    r.add("closeSpan", close_span);
    r.add("rpcMethod", rpc_method);
    r.add("caller", caller);
}

/// The id of the span in an argument, if it is one.
pub fn span_id(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<u64> {
    native_value::<Span>(scope, value).map(|span| span.id())
}

/// What an event is begun with that the span in an argument causes.
pub fn span_context(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<SpanContext> {
    native_value::<Span>(scope, value)?.context()
}

/// `openSpan(parent | undefined, name)`: a span of the running event; undefined where nobody would see it.
fn open_span(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 1);
    let opened = match native_arg::<Span>(scope, &args, 0) {
        Some(parent) => parent.child(name),
        None => tracer(scope).and_then(|tracer| tracer.open_span(None, name)),
    };
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
    let value = args.get(2);
    let value = if value.is_string() {
        Value::Text(to_string(scope, value))
    } else if value.is_boolean() {
        Value::Bool(value.is_true())
    } else if let Ok(number) = v8::Local::<v8::BigInt>::try_from(value) {
        Value::Integer(number.i64_value().0)
    } else {
        Value::Number(value.number_value(scope).unwrap_or(f64::NAN))
    };
    span.set(name, value);
}

/// `isOpen(span)`.
fn is_open(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
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
