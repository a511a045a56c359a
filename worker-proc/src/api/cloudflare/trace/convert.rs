//! Traces and streamed events as plain JavaScript objects. Those of streams are what users see; `items.js` makes classes of
//! the others.

use crate::glue::{IntoJs, intern, string, uint8_array_copy};
use crate::service::trace::{
    Attributes, Body, Diagnostic, ErrorInfo, Event, Exception, Info, Log, Subject, Trace, Value,
};

/// An object under construction.
struct Builder<'s>(v8::Local<'s, v8::Object>);

impl<'s> Builder<'s> {
    fn new(scope: &mut v8::PinScope<'s, '_>) -> Self {
        Self(v8::Object::new(scope))
    }

    /// One that has a `type`.
    fn of_type(scope: &mut v8::PinScope<'s, '_>, name: &str) -> Self {
        let value = intern(scope, name).into();
        Self::new(scope).with(scope, "type", value)
    }

    fn with(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        name: &str,
        value: v8::Local<'s, v8::Value>,
    ) -> Self {
        let key = intern(scope, name);
        self.0.create_data_property(scope, key.into(), value);
        self
    }

    fn text(self, scope: &mut v8::PinScope<'s, '_>, name: &str, text: &str) -> Self {
        let value = string(scope, text).into();
        self.with(scope, name, value)
    }

    fn some_text(self, scope: &mut v8::PinScope<'s, '_>, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(scope, name, text),
            None => self,
        }
    }

    fn number(self, scope: &mut v8::PinScope<'s, '_>, name: &str, number: f64) -> Self {
        let value = v8::Number::new(scope, number).into();
        self.with(scope, name, value)
    }

    fn bool(self, scope: &mut v8::PinScope<'s, '_>, name: &str, on: bool) -> Self {
        let value = v8::Boolean::new(scope, on).into();
        self.with(scope, name, value)
    }

    fn date(self, scope: &mut v8::PinScope<'s, '_>, name: &str, millis: f64) -> Self {
        match v8::Date::new(scope, millis) {
            Some(date) => self.with(scope, name, date.into()),
            None => self,
        }
    }

    fn json(self, scope: &mut v8::PinScope<'s, '_>, name: &str, text: &str) -> Self {
        let text = string(scope, text);
        match v8::json::parse(scope, text) {
            Some(value) => self.with(scope, name, value),
            None => self,
        }
    }

    fn done(self) -> v8::Local<'s, v8::Value> {
        self.0.into()
    }
}

fn list<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    items: &[T],
    each: impl Fn(&mut v8::PinScope<'s, '_>, &T) -> v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    let items: Vec<_> = items.iter().map(|item| each(scope, item)).collect();
    v8::Array::new_with_elements(scope, &items).into()
}

fn pair<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    value: v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    Builder::new(scope)
        .text(scope, "name", name)
        .with(scope, "value", value)
        .done()
}

fn headers<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    headers: &[(String, String)],
) -> v8::Local<'s, v8::Value> {
    list(scope, headers, |scope, (name, value)| {
        let value = string(scope, value).into();
        pair(scope, name, value)
    })
}

fn attributes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    attributes: &Attributes,
) -> v8::Local<'s, v8::Value> {
    list(scope, attributes, |scope, (name, told)| {
        let told = value(scope, told);
        pair(scope, name, told)
    })
}

fn value<'s>(scope: &mut v8::PinScope<'s, '_>, value: &Value) -> v8::Local<'s, v8::Value> {
    match value {
        Value::Text(text) => string(scope, text).into(),
        Value::Bool(on) => v8::Boolean::new(scope, *on).into(),
        Value::Number(number) => v8::Number::new(scope, *number).into(),
        Value::Integer(number) => v8::BigInt::new_from_i64(scope, *number).into(),
    }
}

fn span_update<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    told: v8::Local<'s, v8::Value>,
) -> v8::Local<'s, v8::Value> {
    let made = Builder::of_type(scope, "spanUpdate");
    made.with(scope, "info", told).done()
}

fn errors<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    errors: &[Option<ErrorInfo>],
) -> v8::Local<'s, v8::Value> {
    list(scope, errors, |scope, error| match error {
        Some(error) => Builder::new(scope)
            .text(scope, "name", &error.name)
            .text(scope, "message", &error.message)
            .some_text(scope, "stack", error.stack.as_deref())
            .done(),
        None => v8::null(scope).into(),
    })
}

/// Which event it was, as streams tell it.
fn info<'s>(scope: &mut v8::PinScope<'s, '_>, info: &Info) -> v8::Local<'s, v8::Value> {
    match info {
        Info::Fetch {
            method,
            url,
            headers: all,
            cf,
        } => {
            let mut made = Builder::of_type(scope, "fetch")
                .text(scope, "method", method)
                .text(scope, "url", url);
            if !cf.is_empty() {
                made = made.json(scope, "cfJson", cf);
            }
            let all = headers(scope, all);
            made.with(scope, "headers", all).done()
        }
        Info::Rpc { .. } => Builder::of_type(scope, "jsrpc").done(),
        Info::Scheduled { time_ms, cron } => Builder::of_type(scope, "scheduled")
            .date(scope, "scheduledTime", *time_ms)
            .text(scope, "cron", cron)
            .done(),
        Info::Alarm { time_ms } => Builder::of_type(scope, "alarm")
            .date(scope, "scheduledTime", *time_ms)
            .done(),
        Info::Queue { name, batch_size } => Builder::of_type(scope, "queue")
            .text(scope, "queueName", name)
            .number(scope, "batchSize", f64::from(*batch_size))
            .done(),
        Info::Tail { traces } => {
            let names = list(scope, &vec![(); *traces], |scope, ()| {
                v8::null(scope).into()
            });
            let made = Builder::of_type(scope, "trace");
            made.with(scope, "traces", names).done()
        }
        Info::SocketMessage | Info::SocketClose { .. } | Info::SocketError => {
            let event = socket(scope, info);
            let made = Builder::of_type(scope, "hibernatableWebSocket");
            made.with(scope, "info", event).done()
        }
        Info::Custom => Builder::of_type(scope, "custom").done(),
    }
}

fn socket<'s>(scope: &mut v8::PinScope<'s, '_>, info: &Info) -> v8::Local<'s, v8::Value> {
    match info {
        Info::SocketClose { code, clean } => Builder::of_type(scope, "close")
            .number(scope, "code", f64::from(*code))
            .bool(scope, "wasClean", *clean)
            .done(),
        Info::SocketError => Builder::of_type(scope, "error").done(),
        _ => Builder::of_type(scope, "message").done(),
    }
}

fn onset<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    subject: &Subject,
    event: &Info,
    span: u64,
) -> v8::Local<'s, v8::Value> {
    let tags = v8::Array::new(scope, 0).into();
    let event = info(scope, event);
    Builder::of_type(scope, "onset")
        .text(scope, "executionModel", subject.execution_model())
        .text(scope, "spanId", &hex(span))
        .some_text(scope, "entrypoint", subject.entrypoint.as_deref())
        .some_text(scope, "durableObjectId", subject.object.as_deref())
        .with(scope, "scriptTags", tags)
        .with(scope, "info", event)
        .done()
}

fn hex(span: u64) -> String {
    format!("{span:016x}")
}

fn log<'s>(scope: &mut v8::PinScope<'s, '_>, log: &Log) -> v8::Local<'s, v8::Value> {
    let made = Builder::of_type(scope, "log").text(scope, "level", log.level);
    let made = match log.truncated {
        true => {
            let made = made.text(scope, "message", &log.message);
            made.bool(scope, "truncated", true)
        }
        false => made.json(scope, "message", &log.message),
    };
    with_errors(scope, made, log).done()
}

fn with_errors<'s>(scope: &mut v8::PinScope<'s, '_>, made: Builder<'s>, log: &Log) -> Builder<'s> {
    match &log.errors {
        Some(all) => {
            let all = errors(scope, all);
            made.with(scope, "errorInfo", all)
        }
        None => made,
    }
}

fn diagnostic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    diagnostic: &Diagnostic,
) -> v8::Local<'s, v8::Value> {
    let message = super::record::message(scope, &diagnostic.message);
    Builder::of_type(scope, "diagnosticChannel")
        .text(scope, "channel", &diagnostic.channel)
        .with(scope, "message", message)
        .done()
}

fn returned<'s>(scope: &mut v8::PinScope<'s, '_>, status: Option<u16>) -> v8::Local<'s, v8::Value> {
    let made = Builder::of_type(scope, "return");
    let Some(status) = status else {
        return made.done();
    };
    let info = Builder::of_type(scope, "fetch");
    let info = info.number(scope, "statusCode", f64::from(status)).done();
    made.with(scope, "info", info).done()
}

fn dropped<'s>(scope: &mut v8::PinScope<'s, '_>, events: u32) -> v8::Local<'s, v8::Value> {
    let told = Builder::new(scope)
        .text(scope, "diagnosticsType", "droppedEvents")
        .number(scope, "count", f64::from(events))
        .done();
    let made = Builder::of_type(scope, "streamDiagnostic");
    made.with(scope, "diagnostic", told).done()
}

fn body<'s>(scope: &mut v8::PinScope<'s, '_>, body: &Body) -> v8::Local<'s, v8::Value> {
    match body {
        Body::Onset {
            subject,
            info,
            span,
        } => onset(scope, subject, info, *span),
        Body::Log(told) => log(scope, told),
        Body::Exception(Exception { error, .. }) => Builder::of_type(scope, "exception")
            .text(scope, "name", &error.name)
            .text(scope, "message", &error.message)
            .some_text(scope, "stack", error.stack.as_deref())
            .done(),
        Body::Diagnostic(told) => diagnostic(scope, told),
        Body::SpanOpen { span, name } => Builder::of_type(scope, "spanOpen")
            .text(scope, "name", name)
            .text(scope, "spanId", &hex(*span))
            .done(),
        Body::Attributes(all) => {
            let all = attributes(scope, all);
            let made = Builder::of_type(scope, "attributes");
            made.with(scope, "info", all).done()
        }
        Body::SpanName(name) => {
            let told = Builder::of_type(scope, "name");
            let told = told.text(scope, "name", name).done();
            span_update(scope, told)
        }
        Body::SpanStatus { code, message } => {
            let status = Builder::new(scope)
                .text(scope, "code", code)
                .some_text(scope, "message", message.as_deref())
                .done();
            let told = Builder::of_type(scope, "status");
            let told = told.with(scope, "status", status).done();
            span_update(scope, told)
        }
        Body::SpanException { error, code } => {
            let mut made = Builder::of_type(scope, "exception");
            if let Some(code) = code {
                let code = value(scope, code);
                made = made.with(scope, "code", code);
            }
            made.text(scope, "name", &error.name)
                .text(scope, "message", &error.message)
                .some_text(scope, "stack", error.stack.as_deref())
                .done()
        }
        Body::SpanClose => {
            let made = Builder::of_type(scope, "spanClose");
            made.text(scope, "outcome", "ok").done()
        }
        Body::Return(status) => returned(scope, *status),
        Body::Dropped(count) => dropped(scope, *count),
        Body::Outcome(outcome) => Builder::of_type(scope, "outcome")
            .text(scope, "outcome", outcome.name())
            .number(scope, "cpuTime", 0.0)
            .number(scope, "wallTime", 0.0)
            .done(),
    }
}

fn event<'s>(scope: &mut v8::PinScope<'s, '_>, event: &Event) -> v8::Local<'s, v8::Value> {
    let trace = format!("{:032x}", event.trace);
    let context = Builder::new(scope).text(scope, "traceId", &trace);
    let span = event.span.map(hex);
    let context = context.some_text(scope, "spanId", span.as_deref()).done();
    let invocation = format!("{:032x}", event.invocation);
    let told = body(scope, &event.body);
    Builder::new(scope)
        .with(scope, "spanContext", context)
        .text(scope, "invocationId", &invocation)
        .date(scope, "timestamp", event.time_ms)
        .number(scope, "sequence", f64::from(event.sequence))
        .with(scope, "event", told)
        .done()
}

/// Events as an array.
pub struct Events(pub Vec<Event>);

impl<'s> IntoJs<'s> for Events {
    fn into_js(self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        list(scope, &self.0, event)
    }
}

/// A whole trace for `items.js`: messages of diagnostics are bytes.
pub fn trace<'s>(scope: &mut v8::PinScope<'s, '_>, trace: &Trace) -> v8::Local<'s, v8::Value> {
    let logs = list(scope, &trace.logs, |scope, log| {
        let made = Builder::new(scope)
            .number(scope, "timestamp", log.time_ms)
            .text(scope, "level", log.level)
            .json(scope, "message", &log.message);
        with_errors(scope, made, log).done()
    });
    let exceptions = list(scope, &trace.exceptions, |scope, exception| {
        let error = &exception.error;
        Builder::new(scope)
            .number(scope, "timestamp", exception.time_ms)
            .text(scope, "name", &error.name)
            .text(scope, "message", &error.message)
            .some_text(scope, "stack", error.stack.as_deref())
            .done()
    });
    let diagnostics = list(scope, &trace.diagnostics, |scope, diagnostic| {
        let bytes = uint8_array_copy(scope, &diagnostic.message).into();
        Builder::new(scope)
            .number(scope, "timestamp", diagnostic.time_ms)
            .text(scope, "channel", &diagnostic.channel)
            .with(scope, "message", bytes)
            .done()
    });
    let mut event = info(scope, &trace.info);
    if let Info::Rpc { method } = &trace.info {
        event = Builder::of_type(scope, "jsrpc")
            .text(scope, "method", method)
            .done();
    }
    let mut made = Builder::new(scope)
        .with(scope, "event", event)
        .number(scope, "eventTimestamp", trace.time_ms)
        .with(scope, "logs", logs)
        .with(scope, "exceptions", exceptions)
        .with(scope, "diagnostics", diagnostics)
        .some_text(scope, "entrypoint", trace.subject.entrypoint.as_deref())
        .some_text(scope, "object", trace.subject.object.as_deref())
        .text(scope, "executionModel", trace.subject.execution_model())
        .text(scope, "outcome", trace.outcome.name())
        .bool(scope, "truncated", trace.truncated);
    if let Some(status) = trace.status {
        made = made.number(scope, "status", f64::from(status));
    }
    made.done()
}
