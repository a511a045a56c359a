//! One event in a worker: its context, its turns in the isolate, its end.
//!
//! `dispatch` calls [`run`] for every request or other event. Relies on `isolate` for the turns and on `glue` for the
//! contract with ops.

mod context;
mod io;
mod timers;
pub mod trace;

use std::rc::Rc;

use ipc::metrics;
use tokio::sync::oneshot;

pub use context::{RequestContext, all_ended, on_behalf};
pub use io::{Io, Op, timer_key, timer_turn};

use crate::glue::context::Outcome;
use crate::isolate::Isolate;
use crate::service::trace::Tracer;
use crate::service::{Channels, Error};

/// Runs an event: `start` calls the handler, which reports its outcome through the context.
///
/// Dropping the future cancels the event, unless `waitUntil` work is left, which then ends by itself.
pub async fn run(
    isolate: Rc<Isolate>,
    channels: Rc<dyn Channels>,
    tracer: Option<Rc<Tracer>>,
    start: impl FnOnce(&mut v8::PinScope<'_, '_>, &Rc<RequestContext>),
) -> Result<Outcome, Error> {
    let (sender, mut receiver) = oneshot::channel();
    if let Some(tracer) = &tracer {
        tracer.open();
    }
    let context = RequestContext::new(isolate.clone(), channels, tracer, sender);
    isolate.run(Some(context.clone()), |scope| start(scope, &context));
    let guard = Cancel(&context);
    if context.is_idle() {
        // Most handlers end in their first turn: no task is needed.
        if let Ok(outcome) = receiver.try_recv() {
            return outcome;
        }
    }
    tokio::task::spawn_local(context.clone().drive());
    let outcome = receiver
        .await
        .unwrap_or_else(|_| Err(Error::internal("The request was cancelled.")));
    std::mem::forget(guard);
    outcome
}

/// How an event has ended, for whoever counts.
pub fn ending(outcome: &Result<Outcome, Error>) -> metrics::Ending {
    match outcome {
        Ok(_) => metrics::Ending::Ok,
        Err(error) if error.flags.over_limit => metrics::Ending::Limit,
        Err(_) => metrics::Ending::Error,
    }
}

/// Tells the context that nobody waits for its outcome any more.
struct Cancel<'a>(&'a Rc<RequestContext>);

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
