//! What a worker does for one event: told to tail workers when it has ended, and to streaming ones as it happens.
//!
//! `dispatch` and `actors` begin a [`Tracer`] for an event of a worker that has tails; the event's context and the ops of
//! `api` tell it what happens; `api/cloudflare/trace` shows it to the tail worker's JavaScript. Where there are no tails, there is none.

mod delivery;
mod info;
mod tracer;

pub use crate::record::{
    Ancestors, Attributes, Body, Diagnostic, ErrorInfo, Event, EventOutcome, Exception, Info, Log,
    MAX_TRACE_BYTES, Reader, Subject, Tail, Told, Trace, Value,
};
pub use crate::span::{SpanContext, on_behalf_of, parent, within};
pub use delivery::{Tails, all_told};
pub use tracer::{Span, Tracer};
