//! What tail workers see: traces and their events as JavaScript, the ops that record them, and spans that users open.
//!
//! A worker without tails records nothing: `trace.js` knows it from its set-up. Relies on `service::trace`.

mod convert;
mod record;
mod span;

use std::rc::Rc;

use crate::glue::{Api, IoContext, Ops, async_op, require_context, throw_error, u32_arg};
use crate::js;
use crate::service::trace::{Reader, Told};

pub const API: Api = Api {
    name: "trace",
    modules: &[js!("trace.js"), js!("tracing.js")],
    lazy: &[
        js!("record.js"),
        js!("spans.js"),
        js!("items.js"),
        js!("tail_event.js").defining(&["TailEvent", "TraceEvent"]),
        js!("stream.js"),
        js!("helpers.js"),
    ],
    ops,
};

fn ops(r: &mut Ops) {
    r.receive_traces(push_told);
    r.add("nextEvents", next_events);
    record::register(r);
    span::register(r);
}

/// A stream that the tail worker's event reads.
struct StreamResource(Reader);

/// Adds what the tail worker is told: a trace, or a stream's number.
fn push_told<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: &dyn IoContext,
    told: Told,
    arguments: &mut Vec<v8::Local<'s, v8::Value>>,
) {
    arguments.push(match told {
        Told::Trace(trace) => convert::trace(scope, &trace),
        Told::Stream(reader) => {
            let number = context.resources().insert(Rc::new(StreamResource(reader)));
            v8::Integer::new_from_unsigned(scope, number).into()
        }
    });
}

/// `nextEvents(number)`: a promise of the stream's next events, which are none at its end.
fn next_events(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let Some(context) = require_context(scope) else {
        return;
    };
    let Some(stream) = context.resources().get::<StreamResource>(number) else {
        return throw_error(scope, "The stream of events is over.");
    };
    async_op(scope, &mut rv, async move {
        Ok(convert::Events(stream.0.next().await))
    });
}
