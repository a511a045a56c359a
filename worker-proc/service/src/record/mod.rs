//! What is recorded of one event, and what tail workers are told of it: data that passes from [`crate::trace`] to a tail worker.

pub(crate) mod stream;
mod tail;
mod trace;

pub use stream::{Body, Event, Reader};
pub use tail::{Ancestors, Tail, Told};
pub(crate) use trace::now_ms;
pub use trace::{
    Attributes, Diagnostic, ErrorInfo, EventOutcome, Exception, Info, Log, MAX_TRACE_BYTES,
    Subject, Trace, Value,
};
