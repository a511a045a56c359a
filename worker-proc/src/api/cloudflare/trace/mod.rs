//! What tail workers see: traces and their events as JavaScript, the ops that record them, and spans that users open.
//!
//! A worker without tails records nothing: `trace.js` knows it from its set-up. Relies on `service::trace`.

mod convert;
mod record;
mod span;

use std::rc::Rc;

use crate::glue::{Api, IntoJs, IoContext, JsError, Ops, Promise, Thrown, op, promise};
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
        js!("tracing_module.js" as "cloudflare-internal:tracing"),
        js!("helpers.js" as "cloudflare-internal:tracing-helpers"),
        js!("test_wrapper.js" as "cloudflare-internal:test-tracing-wrapper"),
    ],
    uses: &["async_context", "console", "events", "webidl"],
    lazy_uses: &[(
        "encoding",
        "only a span's own name or attribute is measured",
    )],
    ops,
};

/// Why a tail worker is told nothing.
#[derive(JsError)]
enum Refused {
    #[error("The stream of events is over.")]
    Over,
}

fn ops(r: &mut Ops) {
    r.receive_traces(push_told);
    r.add_all(&[next_events]);
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
            number.into_js(scope)
        }
    });
}

/// `nextEvents(number)`: a promise of the stream's next events, which are none at its end.
#[op]
fn next_events<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    number: u32,
) -> Result<Promise<'s, convert::Events>, Thrown> {
    let Some(stream) = context.resources().get::<StreamResource>(number) else {
        return Err(Thrown::throw(scope, Refused::Over));
    };
    promise(
        scope,
        async move { Ok(convert::Events(stream.0.next().await)) },
    )
}
