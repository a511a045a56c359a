//! Records one event. It ends when nobody has it any more: the event's context, and the body that answers it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use bytes::Bytes;

use super::delivery::{Tails, tell};
use crate::record::stream::{self, Body, Event, Writer};
use crate::record::{Ancestors, Tail, Told};
use crate::record::{
    Attributes, Diagnostic, ErrorInfo, EventOutcome, Exception, Info, Log, MAX_TRACE_BYTES,
    Subject, Trace, Value, now_ms,
};
use crate::span::{SpanContext, parent};

/// What each log, exception and message counts beside its content.
const RECORD_BYTES: usize = 88;

/// Spans that an event may have open at a time.
const MAX_OPEN_SPANS: usize = 10_000;

const LOG_LIMIT: &str = "[\"Log size limit exceeded: More than 256KB of data (across console.log statements, exception, request metadata and headers) was logged during a single request. Subsequent data for this request will not be recorded in logs, appear when tailing this Worker's logs, or in Tail Workers.\"]";
const EXCEPTION_LIMIT: &str = "Trace resource limit exceeded; subsequent exceptions not recorded.";
const INFO_LIMIT: &str = "[\"Trace resource limit exceeded; could not capture event info.\"]";
const DIAGNOSTIC_LIMIT: &str = "workerd.LimitExceeded";

/// See the module.
pub struct Tracer {
    this: Weak<Self>,
    tails: Rc<dyn Tails>,
    ancestors: Ancestors,
    context: SpanContext,
    parent: Option<u64>,
    invocation: u128,
    /// Set by `open`: before that nothing is told.
    opened: Cell<bool>,
    /// When the event ended, if it has.
    ended_ms: Cell<Option<f64>>,
    sequence: Cell<u32>,
    streams: RefCell<Vec<Writer>>,
    trace: RefCell<Trace>,
    limits: Limits,
    /// The spans that are open, with their attributes, in the order of their opening.
    spans: RefCell<BTreeMap<u32, (u64, Attributes)>>,
    last_span: Cell<u32>,
}

/// What has been recorded, and which kinds of records have come to their limit.
#[derive(Default)]
struct Limits {
    bytes: Cell<usize>,
    logs: Cell<bool>,
    exceptions: Cell<bool>,
    diagnostics: Cell<bool>,
}

impl Limits {
    /// Counts a record; false if it is too much.
    fn take(&self, bytes: usize) -> bool {
        let total = self.bytes.get() + bytes;
        let fits = total <= MAX_TRACE_BYTES;
        if fits {
            self.bytes.set(total);
        }
        fits
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    loop {
        // Without random bytes ids are not unique; that is all.
        let failed = aws_lc_rs::rand::fill(&mut bytes).is_err();
        // Zero stands for none.
        if failed || bytes != [0; N] {
            return bytes;
        }
    }
}

fn span_id() -> u64 {
    u64::from_le_bytes(random())
}

impl Tracer {
    /// A tracer for an event that is about to begin. It tells nothing before it is opened.
    pub fn new(
        tails: &Rc<dyn Tails>,
        ancestors: Ancestors,
        subject: Subject,
        info: Info,
    ) -> Rc<Self> {
        Self::below(parent(), tails, ancestors, subject, info)
    }

    /// The same for an event that a known span has caused.
    pub fn below(
        parent: Option<SpanContext>,
        tails: &Rc<dyn Tails>,
        ancestors: Ancestors,
        subject: Subject,
        info: Info,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            tails: tails.clone(),
            ancestors,
            context: SpanContext {
                trace: parent.map_or_else(|| u128::from_le_bytes(random()), |parent| parent.trace),
                span: span_id(),
            },
            parent: parent.map(|parent| parent.span),
            invocation: u128::from_le_bytes(random()),
            opened: Cell::new(false),
            ended_ms: Cell::new(None),
            sequence: Cell::new(0),
            streams: RefCell::default(),
            trace: RefCell::new(Trace {
                subject,
                info,
                time_ms: 0.0,
                logs: Vec::new(),
                exceptions: Vec::new(),
                diagnostics: Vec::new(),
                status: None,
                outcome: EventOutcome::Ok,
                truncated: false,
            }),
            limits: Limits::default(),
            spans: RefCell::default(),
            last_span: Cell::new(0),
        })
    }

    /// The event begins.
    pub fn open(&self) {
        if self.opened.replace(true) {
            return;
        }
        let time_ms = now_ms();
        let mut trace = self.trace.borrow_mut();
        trace.time_ms = time_ms;
        let bytes = trace.info.bytes();
        if bytes > 0 && !self.limits.take(bytes) {
            trace.truncated = true;
            trace.info = trace.info.trimmed();
            trace.logs.push(Log {
                time_ms,
                level: "warn",
                message: INFO_LIMIT.to_owned(),
                errors: None,
                truncated: false,
            });
        }
        for service in self.tails.streaming(&self.ancestors) {
            let (writer, reader) = stream::pair();
            let ancestors = self.ancestors.clone();
            let told = Told::Stream(reader);
            tell(service, Tail { told, ancestors });
            self.streams.borrow_mut().push(writer);
        }
        let onset = Body::Onset {
            subject: trace.subject.clone(),
            info: trace.info.clone(),
            span: self.context.span,
        };
        drop(trace);
        self.report(self.parent, time_ms, 0, || onset);
    }

    /// Whether anybody is told of what happens while it does: then spans are worth their while.
    pub fn is_streaming(&self) -> bool {
        let streams = self.streams.borrow();
        streams.iter().any(Writer::is_open)
    }

    /// The event's own span, for what it leaves to happen later.
    pub fn context(&self) -> SpanContext {
        self.context
    }

    /// The span that has caused the event, in hex.
    pub fn caller(&self) -> Option<String> {
        self.parent.map(|span| format!("{span:016x}"))
    }

    /// Tells the streams of something that happened in a span.
    fn report(&self, span: Option<u64>, time_ms: f64, bytes: usize, body: impl FnOnce() -> Body) {
        let mut streams = self.streams.borrow_mut();
        streams.retain(Writer::is_open);
        let Some((last, others)) = streams.split_last() else {
            return;
        };
        let event = Event {
            trace: self.context.trace,
            span,
            invocation: self.invocation,
            time_ms,
            sequence: self.sequence.get(),
            body: body(),
        };
        self.sequence.set(event.sequence + 1);
        for stream in others {
            stream.write(event.clone(), bytes);
        }
        last.write(event, bytes);
    }

    /// The time, which stands still once the event has ended.
    fn time(&self) -> f64 {
        self.ended_ms.get().unwrap_or_else(now_ms)
    }

    /// A console message. `message` is a JSON array of its arguments.
    pub fn log(
        &self,
        span: Option<u64>,
        level: &'static str,
        message: String,
        errors: Option<Vec<Option<ErrorInfo>>>,
    ) {
        let time_ms = self.time();
        let each = errors.iter().flatten().flatten();
        let bytes = message.len() + each.map(ErrorInfo::bytes).sum::<usize>();
        let log = Log {
            time_ms,
            level,
            message,
            errors,
            truncated: false,
        };
        self.report(
            Some(span.unwrap_or(self.context.span)),
            time_ms,
            bytes,
            || {
                let mut log = log.clone();
                if log.message.len() > MAX_TRACE_BYTES {
                    log.truncated = true;
                    let end = log.message.floor_char_boundary(MAX_TRACE_BYTES);
                    log.message.truncate(end);
                }
                Body::Log(log)
            },
        );
        if self.limits.logs.get() {
            return;
        }
        let mut trace = self.trace.borrow_mut();
        if self.limits.take(RECORD_BYTES + bytes) {
            trace.logs.push(log);
        } else {
            self.limits.logs.set(true);
            trace.truncated = true;
            trace.logs.push(Log {
                level: "warn",
                message: LOG_LIMIT.to_owned(),
                errors: None,
                ..log
            });
        }
    }

    /// An exception that nobody caught.
    pub fn exception(&self, span: Option<u64>, error: ErrorInfo) {
        let time_ms = self.time();
        let bytes = error.bytes();
        let exception = Exception { time_ms, error };
        self.report(
            Some(span.unwrap_or(self.context.span)),
            time_ms,
            bytes,
            || {
                Body::Exception(Exception {
                    time_ms,
                    error: exception.error.trimmed(),
                })
            },
        );
        if self.limits.exceptions.get() {
            return;
        }
        let mut trace = self.trace.borrow_mut();
        if self.limits.take(RECORD_BYTES + bytes) {
            trace.exceptions.push(exception);
        } else {
            self.limits.exceptions.set(true);
            trace.truncated = true;
            let error = ErrorInfo {
                name: "Error".to_owned(),
                message: EXCEPTION_LIMIT.to_owned(),
                stack: None,
            };
            trace.exceptions.push(Exception { time_ms, error });
        }
    }

    /// A message on a diagnostics channel, in V8's wire format.
    pub fn diagnostic(&self, span: Option<u64>, channel: String, message: Bytes) {
        let time_ms = self.time();
        let bytes = RECORD_BYTES + channel.len() + message.len();
        let diagnostic = Diagnostic {
            time_ms,
            channel,
            message,
        };
        if bytes <= MAX_TRACE_BYTES {
            self.report(
                Some(span.unwrap_or(self.context.span)),
                time_ms,
                bytes,
                || Body::Diagnostic(diagnostic.clone()),
            );
        }
        if self.limits.diagnostics.get() {
            return;
        }
        let mut trace = self.trace.borrow_mut();
        if self.limits.take(bytes) {
            trace.diagnostics.push(diagnostic);
        } else {
            self.limits.diagnostics.set(true);
            trace.truncated = true;
            trace.diagnostics.push(Diagnostic {
                time_ms,
                channel: DIAGNOSTIC_LIMIT.to_owned(),
                message: Bytes::new(),
            });
        }
    }

    /// The event's own span.
    pub fn root(&self) -> Span {
        Span {
            tracer: self.this.clone(),
            number: ROOT,
            context: self.context,
        }
    }

    /// A number that tells it from other tracers.
    pub fn key(&self) -> u32 {
        self.invocation as u32
    }

    /// Opens a span below another one, or below the event's own. None beyond what an event may have.
    pub fn open_span(&self, parent: Option<u64>, name: String) -> Option<Span> {
        if self.spans.borrow().len() >= MAX_OPEN_SPANS {
            return None;
        }
        let span = span_id();
        let number = self.last_span.get().wrapping_add(1);
        self.last_span.set(number);
        let mut spans = self.spans.borrow_mut();
        spans.insert(number, (span, Attributes::new()));
        drop(spans);
        let parent = parent.unwrap_or(self.context.span);
        self.report(Some(parent), self.time(), name.len(), || Body::SpanOpen {
            span,
            name,
        });
        let context = SpanContext {
            trace: self.context.trace,
            span,
        };
        Some(Span {
            tracer: self.this.clone(),
            number,
            context,
        })
    }

    fn close_span(&self, number: u32) {
        let Some((span, attributes)) = self.spans.borrow_mut().remove(&number) else {
            return;
        };
        let time_ms = self.time();
        let each = attributes.iter();
        let bytes = each.map(|(name, value)| name.len() + value.bytes()).sum();
        if !attributes.is_empty() && bytes <= MAX_TRACE_BYTES {
            self.report(Some(span), time_ms, bytes, || Body::Attributes(attributes));
        }
        self.report(Some(span), time_ms, 0, || Body::SpanClose);
    }

    /// The method that an RPC event calls.
    pub fn rpc_method(&self, method: &str) {
        if let Info::Rpc { method: known } = &mut self.trace.borrow_mut().info {
            known.replace_range(.., method);
        }
        self.report(Some(self.context.span), self.time(), method.len(), || {
            let value = Value::Text(method.to_owned());
            Body::Attributes(vec![("jsrpc.method".to_owned(), value)])
        });
    }

    /// The handler has returned; a fetch handler with a response's status.
    pub fn returned(&self, status: Option<u16>) {
        self.trace.borrow_mut().status = status;
        self.report(Some(self.context.span), self.time(), 0, || {
            Body::Return(status)
        });
    }

    /// The event ended otherwise than well; the first way counts.
    pub fn failed(&self, outcome: EventOutcome) {
        let mut trace = self.trace.borrow_mut();
        if trace.outcome == EventOutcome::Ok {
            trace.outcome = outcome;
        }
    }

    /// `waitUntil` work has failed, for which some events answer.
    pub fn background_failed(&self) {
        let answers = self.trace.borrow().info.answers_for_background();
        if answers {
            self.failed(EventOutcome::Exception);
        }
    }

    /// The handler of an event without a response has ended.
    pub fn done(&self) {
        let returns = self.trace.borrow().info.returns();
        if returns {
            self.returned(None);
        }
    }

    /// The handler has thrown.
    pub fn threw(&self) {
        let trace = self.trace.borrow();
        let (returns, fails) = (
            trace.info.returns_by_throwing(),
            trace.info.fails_by_throwing(),
        );
        drop(trace);
        if returns {
            self.returned(None);
        }
        if fails {
            self.failed(EventOutcome::Exception);
        }
    }

    /// The event's own work is over, though what answers it may still be on its way.
    pub fn finish(&self) {
        if self.ended_ms.get().is_none() {
            self.ended_ms.set(Some(now_ms()));
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if !self.opened.get() {
            return;
        }
        self.finish();
        let open: Vec<u32> = self.spans.get_mut().keys().copied().collect();
        for span in open.into_iter().rev() {
            self.close_span(span);
        }
        let outcome = self.trace.borrow().outcome;
        self.report(Some(self.context.span), self.time(), 0, || {
            Body::Outcome(outcome)
        });
        let tails = self.tails.buffered(&self.ancestors);
        if tails.is_empty() {
            return;
        }
        let nothing = Trace {
            subject: Subject::default(),
            info: Info::Custom,
            time_ms: 0.0,
            logs: Vec::new(),
            exceptions: Vec::new(),
            diagnostics: Vec::new(),
            status: None,
            outcome,
            truncated: false,
        };
        let trace = Rc::new(std::mem::replace(self.trace.get_mut(), nothing));
        for service in tails {
            let told = Told::Trace(trace.clone());
            let ancestors = self.ancestors.clone();
            tell(service, Tail { told, ancestors });
        }
    }
}

/// A span that is open; it closes when it is dropped, and with its event at the latest.
pub struct Span {
    tracer: Weak<Tracer>,
    /// Tells it from others of its event.
    number: u32,
    context: SpanContext,
}

/// The event's own span, which the worker does not close.
const ROOT: u32 = 0;

impl Span {
    /// Its number in the trace.
    pub fn id(&self) -> u64 {
        self.context.span
    }

    /// What an event is begun with that it causes.
    pub fn context(&self) -> SpanContext {
        self.context
    }

    /// What records it; none after its event.
    pub fn tracer(&self) -> Option<Rc<Tracer>> {
        self.tracer.upgrade()
    }

    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        let tracer = self.tracer.upgrade();
        tracer.is_some_and(|tracer| {
            self.number == ROOT || tracer.spans.borrow().contains_key(&self.number)
        })
    }

    /// Sets an attribute; the last value of a name counts.
    pub fn set(&self, name: String, value: Value) {
        let Some(tracer) = self.tracer.upgrade() else {
            return;
        };
        if self.number == ROOT {
            let bytes = name.len() + value.bytes();
            let time_ms = tracer.time();
            tracer.report(Some(self.id()), time_ms, bytes, || {
                Body::Attributes(vec![(name, value)])
            });
            return;
        }
        let mut spans = tracer.spans.borrow_mut();
        let Some((_, attributes)) = spans.get_mut(&self.number) else {
            return;
        };
        match attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => attributes.push((name, value)),
        }
    }

    /// Tells the streams something else of the span.
    pub fn tell(&self, body: Body) {
        if let Some(tracer) = self.tracer.upgrade() {
            let time_ms = tracer.time();
            tracer.report(Some(self.id()), time_ms, body.told_bytes(), || body);
        }
    }

    /// Ends it.
    pub fn close(&self) {
        if let Some(tracer) = self.tracer.upgrade() {
            tracer.close_span(self.number);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.close();
    }
}
