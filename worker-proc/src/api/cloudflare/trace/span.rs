//! Spans as JavaScript holds them: opaque objects, each of which closes its span at the latest when it is collected.

use std::rc::Rc;

use super::record::{Recorder, Told};
use crate::glue::args::to_string;
use crate::glue::{FromJs, IoContext, JsArray, Maybe, Ops, in_event, native_object, op};
use crate::service::trace::{Body, Span, Value};

pub fn register(r: &mut Ops) {
    r.add_all(&[
        open_span,
        set_attribute,
        is_open,
        close_span,
        rpc_method,
        caller,
        in_event,
        event_key,
        root_span,
        span_ids,
        span_exception,
        rename_span,
        set_span_status,
    ]);
    r.share::<Ids>();
}

/// `openSpan(parent | undefined, name, always)`: a span of the running event; undefined where nobody would see it, but for
/// `always` where the event is traced at all.
#[op]
fn open_span<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    recorder: Recorder,
    parent: Option<Rc<Span>>,
    name: String,
    always: bool,
) -> Maybe<v8::Local<'s, v8::Object>> {
    let tracer = match &parent {
        Some(parent) => parent.tracer(),
        None => recorder.0,
    };
    let parent = parent.map(|parent| parent.id());
    let opened = tracer
        .filter(|tracer| always || tracer.is_streaming())
        .and_then(|tracer| tracer.open_span(parent, name));
    Maybe(opened.map(|span| native_object(scope, span)))
}

/// `setAttribute(span, name, value)`.
#[op]
fn set_attribute(span: Rc<Span>, name: String, value: Attribute) {
    span.set(name, value.0);
}

/// A string, boolean, number, or BigInt of 64 bits.
struct Attribute(Value);

impl<'s> FromJs<'s> for Attribute {
    fn from_js(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Option<Self> {
        Some(Self(if value.is_string() {
            Value::Text(to_string(scope, value))
        } else if value.is_boolean() {
            Value::Bool(value.is_true())
        } else if let Ok(number) = v8::Local::<v8::BigInt>::try_from(value) {
            Value::Integer(number.i64_value().0)
        } else {
            Value::Number(value.number_value(scope).unwrap_or(f64::NAN))
        }))
    }

    fn fits(value: v8::Local<'s, v8::Value>) -> bool {
        value.is_string() || value.is_boolean() || value.is_big_int() || value.is_number()
    }
}

/// `isOpen(span)`.
#[op]
fn is_open(span: Option<Rc<Span>>) -> bool {
    span.is_some_and(|span| span.is_open())
}

/// `closeSpan(span)`.
#[op]
fn close_span(span: Option<Rc<Span>>) {
    if let Some(span) = span {
        span.close();
    }
}

/// `rpcMethod(name)`: what the running RPC event calls.
#[op]
fn rpc_method(recorder: Recorder, name: &str) {
    if let Some(tracer) = recorder.0 {
        tracer.rpc_method(name);
    }
}

/// `caller()`: the id of the span that has caused the running event, or undefined.
#[op]
fn caller(recorder: Recorder) -> Maybe<String> {
    Maybe(recorder.0.and_then(|tracer| tracer.caller()))
}

/// `eventKey()`: a number that tells the running event from others of its isolate.
#[op]
fn event_key(recorder: Recorder, context: Option<Rc<dyn IoContext>>) -> f64 {
    match recorder.0 {
        Some(tracer) => tracer.key() as f64,
        None => context.map_or(0.0, |context| -(context.id() as f64)),
    }
}

/// `rootSpan()`: the running event's own span, or undefined.
#[op]
fn root_span<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    recorder: Recorder,
) -> Maybe<v8::Local<'s, v8::Object>> {
    let tracer = recorder.0;
    Maybe(tracer.map(|tracer| native_object(scope, tracer.root())))
}

/// What a span is known by, in hex.
#[derive(JsArray)]
struct Ids {
    trace: String,
    span: String,
}

/// `spanIds(span)`.
#[op]
fn span_ids(span: Rc<Span>) -> Ids {
    let context = span.context();
    Ids {
        trace: format!("{:032x}", context.trace),
        span: format!("{:016x}", context.span),
    }
}

/// `spanException(span, error, code | undefined)`: the worker tells of an exception.
#[op]
fn span_exception(span: Rc<Span>, error: Told, code: Option<Attribute>) {
    span.tell(Body::SpanException {
        error: error.into(),
        code: code.map(|code| code.0),
    });
}

/// `renameSpan(span, name)`.
#[op]
fn rename_span(span: Rc<Span>, name: String) {
    span.tell(Body::SpanName(name));
}

/// `setSpanStatus(span, code, message | undefined)`.
#[op]
fn set_span_status(span: Rc<Span>, code: String, message: Option<String>) {
    span.tell(Body::SpanStatus { code, message });
}
