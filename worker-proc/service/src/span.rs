//! Spans as callers and callees tell them to each other: which one an event is begun from, where its caller is traced too.
//!
//! The op that makes a call is polled [`within`] the caller's span; the callee's tracer asks for its [`parent`].

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// A span in its trace. Written in hex, 32 and 16 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace: u128,
    /// The span in it.
    pub span: u64,
}

thread_local! {
    static PARENT: Cell<Option<SpanContext>> = const { Cell::new(None) };
}

/// The span whose call is being made now.
pub fn parent() -> Option<SpanContext> {
    PARENT.get()
}

/// Makes a call on behalf of a span. Of what the call does later see [`within`].
pub fn on_behalf_of<R>(span: Option<SpanContext>, call: impl FnOnce() -> R) -> R {
    let before = PARENT.replace(span);
    let made = call();
    PARENT.set(before);
    made
}

/// Work that is done on behalf of a span; what it begins belongs to that span's trace.
pub async fn within<F: Future>(span: Option<SpanContext>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| on_behalf_of(span, || work.as_mut().poll(cx))).await
}
