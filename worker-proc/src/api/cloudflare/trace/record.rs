//! Ops that record what happens for the running event's tracer, if it has one.

use std::rc::Rc;

use bytes::Bytes;

use super::span::span_id;
use crate::api::web::structured_clone::{deserialize, serialize};
use crate::glue::args::to_string;
use crate::glue::{Ops, current, string, string_arg};
use crate::service::trace::{ErrorInfo, EventOutcome, Tracer};

pub fn register(r: &mut Ops) {
    r.add("isTraced", is_traced);
    r.add("log", log);
    r.add("exception", exception);
    r.add("diagnostic", diagnostic);
    r.add("message", message_op);
    r.add("backgroundFailed", background_failed);
    r.add("failed", failed);
}

/// The running event's tracer.
pub fn tracer(scope: &mut v8::PinScope) -> Option<Rc<Tracer>> {
    current(scope)?.tracer()
}

/// `isTraced()`: whether anything is recorded of the running event.
fn is_traced(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(tracer(scope).is_some());
}

/// An error as JavaScript passes it: `[name, message, stack | undefined]`.
pub fn error_of(scope: &mut v8::PinScope, value: v8::Local<v8::Value>) -> Option<ErrorInfo> {
    let parts = v8::Local::<v8::Array>::try_from(value).ok()?;
    let mut part = |index| {
        let value = parts.get_index(scope, index)?;
        value.is_string().then(|| to_string(scope, value))
    };
    Some(ErrorInfo {
        name: part(0).unwrap_or_default(),
        message: part(1).unwrap_or_default(),
        stack: part(2),
    })
}

/// `log(level, message, errors | undefined, span | undefined)`: `message` is JSON, `errors` an error or null for each
/// argument.
fn log(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(tracer) = tracer(scope) else { return };
    let level = match string_arg(scope, &args, 0).as_str() {
        "debug" => "debug",
        "info" => "info",
        "warn" => "warn",
        "error" => "error",
        _ => "log",
    };
    let message = string_arg(scope, &args, 1);
    let errors = v8::Local::<v8::Array>::try_from(args.get(2)).ok();
    let errors = errors.map(|errors| {
        let each = (0..errors.length()).map(|index| {
            let value = errors.get_index(scope, index)?;
            error_of(scope, value)
        });
        each.collect()
    });
    let span = span_id(scope, args.get(3));
    tracer.log(span, level, message, errors);
}

/// `exception([name, message, stack | undefined], span | undefined)`.
fn exception(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(tracer) = tracer(scope) else { return };
    if let Some(error) = error_of(scope, args.get(0)) {
        let span = span_id(scope, args.get(1));
        tracer.exception(span, error);
    }
}

/// What is told of a message that cannot be copied.
const NOT_SERIALIZABLE: &str = "[[ Diagnostic event was not serializable ]]";

/// `diagnostic(channel, message, span | undefined)`: a message on a diagnostics channel.
fn diagnostic(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(tracer) = tracer(scope) else { return };
    let channel = string_arg(scope, &args, 0);
    let span = span_id(scope, args.get(2));
    v8::tc_scope!(let scope, scope);
    let bytes = serialize(scope, args.get(1)).or_else(|| {
        scope.reset();
        let instead = string(scope, NOT_SERIALIZABLE).into();
        serialize(scope, instead)
    });
    tracer.diagnostic(span, channel, Bytes::from(bytes.unwrap_or_default()));
}

/// A diagnostics message as a value; undefined for none.
pub fn message<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]) -> v8::Local<'s, v8::Value> {
    let read = match bytes.is_empty() {
        true => None,
        false => {
            v8::tc_scope!(let scope, scope);
            deserialize(scope, bytes)
        }
    };
    read.unwrap_or_else(|| v8::undefined(scope).into())
}

/// `message(bytes)`: the same for JavaScript.
fn message_op(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = crate::glue::with_bytes(args.get(0), <[u8]>::to_vec);
    rv.set(message(scope, &bytes));
}

/// `backgroundFailed()`: `waitUntil` work of the event has failed.
fn background_failed(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    if let Some(tracer) = tracer(scope) {
        tracer.background_failed();
    }
}

/// `failed()`: the event fails, though something answers it.
fn failed(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(tracer) = tracer(scope) {
        tracer.failed(EventOutcome::Exception);
    }
}
