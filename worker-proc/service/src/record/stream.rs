//! The events of one traced event on their way to one streaming tail worker.
//!
//! The tracer writes, the tail worker's event reads. What the reader does not keep up with is dropped and counted, but for
//! how the event ended.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::trace::{
    Attributes, Diagnostic, ErrorInfo, EventOutcome, Exception, Info, Log, MAX_TRACE_BYTES,
    Subject, Value,
};

/// What may wait for a reader, as on workerd.
const MAX_QUEUE_BYTES: usize = 2 * 1024 * 1024;

/// What each event counts beside its content.
const EVENT_BYTES: usize = 64;

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct Event {
    /// The id of the trace, one for all that the first event caused.
    pub trace: u128,
    /// The span that it happened in; of an onset the span that caused it, if there is one.
    pub span: Option<u64>,
    /// The id of the traced event.
    pub invocation: u128,
    /// Milliseconds since 1970.
    pub time_ms: f64,
    /// Counts the events of a stream.
    pub sequence: u32,
    /// What it tells.
    pub body: Body,
}

/// What an event tells.
#[derive(Clone, Debug)]
pub enum Body {
    /// Comes first, alone. `span` is the event's own.
    Onset {
        /// Whose event it is.
        subject: Subject,
        /// Which event it is.
        info: Info,
        /// The event's own span.
        span: u64,
    },
    /// A line on the console.
    Log(Log),
    /// An exception that nobody caught.
    Exception(Exception),
    /// A message on a diagnostics channel.
    Diagnostic(Diagnostic),
    /// A span begins.
    SpanOpen {
        /// Its number in the trace.
        span: u64,
        /// What it is called.
        name: String,
    },
    /// The span has got attributes.
    Attributes(Attributes),
    /// The worker has renamed the span.
    SpanName(String),
    /// The worker has set the status of the span.
    SpanStatus {
        /// Such as `error`.
        code: String,
        /// What the worker says of it.
        message: Option<String>,
    },
    /// The worker tells of an exception; `code` is a property of it.
    SpanException {
        /// What it says.
        error: ErrorInfo,
        /// Its `code`, if it has one.
        code: Option<Value>,
    },
    /// The span has ended.
    SpanClose,
    /// The handler has returned; of a fetch event with the response's status.
    Return(Option<u16>),
    /// Events that the reader did not get.
    Dropped(u32),
    /// Comes last.
    Outcome(EventOutcome),
}

impl Body {
    /// What the worker tells of a span, in bytes.
    pub(crate) fn told_bytes(&self) -> usize {
        match self {
            Self::SpanName(name) => name.len(),
            Self::SpanStatus { message, .. } => message.as_ref().map_or(0, String::len),
            Self::SpanException { error, .. } => error.bytes().min(MAX_TRACE_BYTES),
            _ => 0,
        }
    }

    fn is_kept(&self) -> bool {
        matches!(self, Self::Return(_) | Self::Outcome(_))
    }
}

#[derive(Default)]
struct Queue {
    events: Vec<Event>,
    bytes: usize,
    dropped: u32,
    waker: Option<Waker>,
    /// Nobody reads any more, or nobody writes.
    over: bool,
}

/// The tracer's end.
pub struct Writer(Rc<RefCell<Queue>>);

/// The tail worker's end.
pub struct Reader(Rc<RefCell<Queue>>);

/// The two ends of a stream.
pub fn pair() -> (Writer, Reader) {
    let queue = Rc::<RefCell<Queue>>::default();
    (Writer(queue.clone()), Reader(queue))
}

impl Writer {
    /// Whether anybody reads.
    pub fn is_open(&self) -> bool {
        !self.0.borrow().over
    }

    /// Adds an event of so many bytes; one too many is dropped, and counted.
    pub fn write(&self, mut event: Event, bytes: usize) {
        let mut queue = self.0.borrow_mut();
        if queue.over {
            return;
        }
        if queue.bytes >= MAX_QUEUE_BYTES && !event.body.is_kept() {
            queue.dropped += 1;
            return;
        }
        if matches!(event.body, Body::Outcome(_)) && queue.dropped > 0 {
            let mut dropped = event.clone();
            dropped.body = Body::Dropped(queue.dropped);
            queue.events.push(dropped);
            event.sequence += 1;
        }
        queue.events.push(event);
        queue.bytes += bytes + EVENT_BYTES;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = self.0.borrow_mut();
        queue.over = true;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }
}

impl Reader {
    /// The events since the last call, in order; none once the stream is over.
    pub async fn next(&self) -> Vec<Event> {
        poll_fn(|cx| {
            let mut queue = self.0.borrow_mut();
            if queue.events.is_empty() && !queue.over {
                queue.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            queue.bytes = 0;
            Poll::Ready(std::mem::take(&mut queue.events))
        })
        .await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut queue = self.0.borrow_mut();
        queue.over = true;
        queue.events.clear();
    }
}
