//! The context of one event: its pending ops, timers, resources and outcome, and the task that drives them.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::io::{Io, Op, timer_turn};
use crate::glue::context::{Completion, Entrance, IoContext, Outcome};
use crate::isolate::Isolate;
use crate::log;
use crate::service::{Body, BodyStream, Channels, Error, Kind, ResourceTable};

/// How long `waitUntil` work may go on after the response, as on Cloudflare.
const MAX_WAIT_UNTIL: Duration = Duration::from_secs(30);

/// What a hung request is told; workerd's text.
const HUNG: &str = "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

/// See the module. Shared by the task that drives it and the ops that run in it.
pub struct RequestContext {
    this: Weak<Self>,
    id: u64,
    isolate: Rc<Isolate>,
    channels: Rc<dyn Channels>,
    io: Io,
    outcome: RefCell<Option<oneshot::Sender<Result<Outcome, Error>>>>,
    retained: Cell<usize>,
    bodies: Cell<usize>,
    /// Objects that others can call, and those of them that the event gave out as its result.
    exports: Cell<usize>,
    results: Cell<usize>,
    aborted: Rc<RefCell<Option<Error>>>,
    abandoned: Cell<bool>,
    /// What JavaScript wants done when the event is abandoned.
    on_gone: RefCell<Option<Completion>>,
    deadline: RefCell<Option<Pin<Box<tokio::time::Sleep>>>>,
}

/// The contexts of this process.
#[derive(Default)]
struct Live {
    count: Cell<usize>,
    none: Notify,
}

thread_local! {
    static NEXT_ID: Cell<u64> = const { Cell::new(1) };
    static LIVE: Rc<Live> = Rc::default();
}

/// Ends when no event is under way any more, `waitUntil` work included.
pub async fn all_ended() {
    let live = LIVE.with(Rc::clone);
    while live.count.get() > 0 {
        live.none.notified().await;
    }
}

impl Drop for RequestContext {
    fn drop(&mut self) {
        // At the thread's end there is nobody to tell.
        let _ = LIVE.try_with(|live| {
            live.count.set(live.count.get() - 1);
            if live.count.get() == 0 {
                live.none.notify_one();
            }
        });
    }
}

impl RequestContext {
    pub(super) fn new(
        isolate: Rc<Isolate>,
        channels: Rc<dyn Channels>,
        outcome: oneshot::Sender<Result<Outcome, Error>>,
    ) -> Rc<Self> {
        let id = NEXT_ID.with(|next| next.replace(next.get() + 1));
        LIVE.with(|live| live.count.set(live.count.get() + 1));
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            id,
            isolate,
            channels,
            io: Io::default(),
            outcome: RefCell::new(Some(outcome)),
            retained: Cell::new(0),
            bodies: Cell::new(0),
            exports: Cell::new(0),
            results: Cell::new(0),
            aborted: Rc::default(),
            abandoned: Cell::new(false),
            on_gone: RefCell::default(),
            deadline: RefCell::new(None),
        })
    }

    /// Whether the event has an outcome and nothing is left to do for it.
    pub(super) fn is_idle(&self) -> bool {
        self.outcome.borrow().is_none() && !self.is_retained()
    }

    fn is_retained(&self) -> bool {
        self.retained.get() + self.bodies.get() + self.results.get() > 0
    }

    /// The caller has gone: the event ends, but for what `waitUntil` keeps.
    pub(super) fn abandon(&self) {
        self.abandoned.set(true);
        self.io.wake();
    }

    /// Drives the event to its end.
    pub(super) async fn drive(self: Rc<Self>) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
        self.io.clear();
        let on_gone = self.on_gone.take();
        drop(on_gone);
    }

    fn poll(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.abandoned.get()
                && let Some(turn) = self.on_gone.take()
            {
                self.isolate.run(Some(self.clone()), turn);
            }
            // Whoever is abandoned learns nothing more.
            if self.is_over() {
                return Poll::Ready(());
            }
            let turns = self.collect(cx);
            if turns.is_empty() {
                break;
            }
            for turn in turns {
                self.isolate.run(Some(self.clone()), turn);
                if self.is_over() {
                    return Poll::Ready(());
                }
            }
        }
        if self.is_over() || self.is_too_late(cx) {
            return Poll::Ready(());
        }
        if self.io.is_idle() && self.exports.get() == 0 {
            // Nothing can happen any more.
            if let Some(outcome) = self.outcome.borrow_mut().take() {
                log::error(format_args!("uncaught exception; exception = {HUNG}"));
                let _ = outcome.send(Err(Error::new(Kind::Worker, HUNG)));
            }
            return Poll::Ready(());
        }
        self.io.park(cx);
        Poll::Pending
    }

    fn is_over(&self) -> bool {
        if self.aborted.borrow().is_some() {
            return true;
        }
        let settled = self.outcome.borrow().is_none() || self.abandoned.get();
        settled && !self.is_retained()
    }

    fn is_too_late(&self, cx: &mut Context<'_>) -> bool {
        let answered = self.outcome.borrow().is_none() || self.abandoned.get();
        if !answered || self.bodies.get() + self.results.get() > 0 {
            return false;
        }
        let mut deadline = self.deadline.borrow_mut();
        let deadline = deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(MAX_WAIT_UNTIL)));
        deadline.as_mut().poll(cx).is_ready()
    }

    /// What is ready to run in the isolate, each a turn of its own.
    fn collect(&self, cx: &mut Context<'_>) -> Vec<Completion> {
        let mut turns = Vec::new();
        while let Some(turn) = self.io.poll_op(cx) {
            turns.push(turn);
        }
        if turns.is_empty()
            && let Some(id) = self.io.poll_timer(cx)
        {
            turns.push(timer_turn(id));
        }
        turns
    }
}

impl IoContext for RequestContext {
    fn id(&self) -> u64 {
        self.id
    }

    fn spawn(&self, op: Op) {
        self.io.spawn(op);
    }

    fn resources(&self) -> &ResourceTable {
        &self.io.resources
    }

    fn channels(&self) -> Rc<dyn Channels> {
        self.channels.clone()
    }

    fn start_timer(&self, millis: f64, repeat: bool) -> u32 {
        self.io.start_timer(millis, repeat)
    }

    fn clear_timer(&self, id: u32) {
        self.io.clear_timer(id);
    }

    fn retain(&self) {
        self.retained.set(self.retained.get() + 1);
    }

    fn release(&self) {
        self.retained.set(self.retained.get().saturating_sub(1));
        self.io.wake();
    }

    fn retain_body(&self) {
        self.bodies.set(self.bodies.get() + 1);
    }

    fn release_body(&self) {
        self.bodies.set(self.bodies.get().saturating_sub(1));
        self.io.wake();
    }

    fn on_gone(&self, _: u32, turn: Completion) {
        *self.on_gone.borrow_mut() = Some(turn);
    }

    fn entrance(&self) -> Entrance {
        let this = self.this.clone();
        Box::new(move |turn| {
            if let Some(this) = this.upgrade() {
                this.spawn(Box::pin(async move { turn }));
            }
        })
    }

    fn retain_export(&self, result: bool) {
        self.exports.set(self.exports.get() + 1);
        self.results.set(self.results.get() + usize::from(result));
    }

    fn release_export(&self, result: bool) {
        self.exports.set(self.exports.get().saturating_sub(1));
        let results = self.results.get().saturating_sub(usize::from(result));
        self.results.set(results);
        self.io.wake();
    }

    fn abort(&self, error: Error) {
        self.aborted.borrow_mut().get_or_insert(error.clone());
        self.respond(0, Outcome::Failed(error));
        self.io.wake();
    }

    fn aborted(&self) -> Rc<RefCell<Option<Error>>> {
        self.aborted.clone()
    }

    fn respond(&self, _event: u32, mut outcome: Outcome) {
        if let Outcome::Response(response) = &mut outcome
            && matches!(response.body, Body::Stream(_))
            && self.on_gone.borrow().is_some()
            && let Some(context) = self.this.upgrade()
        {
            let body = std::mem::take(&mut response.body);
            response.body = Body::Stream(Box::new(Heard::new(body, context)));
        }
        if let Some(sender) = self.outcome.borrow_mut().take() {
            let _ = sender.send(match outcome {
                Outcome::Failed(error) => Err(error),
                outcome => Ok(outcome),
            });
        }
    }
}

/// A response's body of an event that wants to know whether it is read to its end.
struct Heard {
    body: Body,
    context: Rc<RequestContext>,
    ended: bool,
}

impl Heard {
    fn new(body: Body, context: Rc<RequestContext>) -> Self {
        context.retain_body();
        Self {
            body,
            context,
            ended: false,
        }
    }
}

impl BodyStream for Heard {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let polled = self.body.poll_chunk(cx);
        self.ended |= matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        if !self.ended && self.body.length() != Some(0) {
            self.context.abandon();
        }
        self.context.release_body();
    }
}
