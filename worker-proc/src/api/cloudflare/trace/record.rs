//! Ops that record what happens for the running event's tracer, if it has one.

use std::rc::Rc;

use bytes::Bytes;

use crate::api::web::structured_clone::{deserialize, serialize};
use crate::glue::{Argument, Arity, Call, FromJs, FromJsArray, Ops, current, op, string};
use crate::service::trace::{ErrorInfo, EventOutcome, Span, Tracer};

pub fn register(r: &mut Ops) {
    r.add_all(&[
        is_traced,
        log,
        exception,
        diagnostic,
        message_op,
        background_failed,
        failed,
    ]);
    r.share::<Told>();
}

/// The running event's tracer, if it has one.
pub struct Recorder(pub Option<Rc<Tracer>>);

impl<'s> Argument<'s> for Recorder {
    const ARITY: Arity = Arity::NONE;

    fn read(
        scope: &mut v8::PinScope<'s, '_>,
        _: &Call<'_, 's>,
        _: i32,
        _: &'static str,
    ) -> Option<Self> {
        Some(Self(current(scope).and_then(|context| context.tracer())))
    }
}

/// `isTraced()`: whether anything is recorded of the running event.
#[op]
fn is_traced(recorder: Recorder) -> bool {
    recorder.0.is_some()
}

/// An error as JavaScript passes it.
#[derive(FromJsArray)]
pub struct Told {
    name: String,
    message: String,
    stack: Option<String>,
}

impl From<Told> for ErrorInfo {
    fn from(told: Told) -> Self {
        Self {
            name: told.name,
            message: told.message,
            stack: told.stack,
        }
    }
}

/// An error or null for each argument of a call.
struct Errors(Vec<Option<ErrorInfo>>);

impl<'s> FromJs<'s> for Errors {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        let list = v8::Local::<v8::Array>::try_from(value).ok()?;
        let each = (0..list.length()).map(|index| {
            let value = list.get_index(scope, index)?;
            Told::from_js(scope, value).map(ErrorInfo::from)
        });
        Some(Self(each.collect()))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_array()
    }
}

/// `log(level, message, errors | undefined, span | undefined)`: `message` is JSON.
#[op]
fn log(
    recorder: Recorder,
    level: &str,
    message: String,
    errors: Option<Errors>,
    span: Option<Rc<Span>>,
) {
    let Some(tracer) = recorder.0 else { return };
    let level = match level {
        "debug" => "debug",
        "info" => "info",
        "warn" => "warn",
        "error" => "error",
        _ => "log",
    };
    let span = span.map(|span| span.id());
    tracer.log(span, level, message, errors.map(|errors| errors.0));
}

/// `exception(error, span | undefined)`.
#[op]
fn exception(recorder: Recorder, error: Told, span: Option<Rc<Span>>) {
    if let Some(tracer) = recorder.0 {
        tracer.exception(span.map(|span| span.id()), error.into());
    }
}

/// What is told of a message that cannot be copied.
const NOT_SERIALIZABLE: &str = "[[ Diagnostic event was not serializable ]]";

/// `diagnostic(channel, message, span | undefined)`: a message on a diagnostics channel.
#[op]
fn diagnostic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    recorder: Recorder,
    channel: String,
    message: v8::Local<'s, v8::Value>,
    span: Option<Rc<Span>>,
) {
    let Some(tracer) = recorder.0 else { return };
    v8::tc_scope!(let scope, scope);
    let bytes = serialize(scope, message).or_else(|| {
        scope.reset();
        let instead = string(scope, NOT_SERIALIZABLE).into();
        serialize(scope, instead)
    });
    let span = span.map(|span| span.id());
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
#[op(message)]
fn message_op<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: Vec<u8>) -> v8::Local<'s, v8::Value> {
    message(scope, &bytes)
}

/// `backgroundFailed()`: `waitUntil` work of the event has failed.
#[op]
fn background_failed(recorder: Recorder) {
    if let Some(tracer) = recorder.0 {
        tracer.background_failed();
    }
}

/// `failed()`: the event fails, though something answers it.
#[op]
fn failed(recorder: Recorder) {
    if let Some(tracer) = recorder.0 {
        tracer.failed(EventOutcome::Exception);
    }
}
