//! The context of one event: its pending ops, timers, resources and outcome, and the task that drives them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::io::{Io, Op, timer_turn};
use super::trace;
use crate::glue::context::{
    Account, Completion, Entrance, IoContext, Keep, Known, Lifecycle, Outcome, Timers, next_id,
};
use crate::isolate::Isolate;
use crate::log;
use crate::service::trace::Tracer;
use crate::service::{Body, Channels, End, Error, Kind, Limits, ResourceTable, processor};

/// How long `waitUntil` work may go on after the response, as on Cloudflare.
const MAX_WAIT_UNTIL: Duration = Duration::from_secs(30);

/// How long an event waits for what only other events could settle. They may in turn wait for it, in ways that nobody sees.
const MAX_WAIT_FOR_OTHERS: Duration = Duration::from_secs(30);

/// What a hung request is told; workerd's text.
const HUNG: &str = "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

/// See the module. Shared by the task that drives it and the ops that run in it.
pub struct RequestContext {
    this: Weak<Self>,
    _known: Known,
    id: u64,
    /// The event that has caused this one in its process; 0 for none.
    caller: u64,
    isolate: Rc<Isolate>,
    channels: Rc<dyn Channels>,
    io: Io,
    /// Records the event for tail workers, until it ends.
    tracer: RefCell<Option<Rc<Tracer>>>,
    outcome: RefCell<Option<oneshot::Sender<Result<Outcome, Error>>>>,
    retained: Cell<usize>,
    bodies: Cell<usize>,
    /// Objects that others can call, and those of them that the event gave out as its result.
    exports: Cell<usize>,
    results: Cell<usize>,
    aborted: Rc<RefCell<Option<Error>>>,
    cpu_time: Cell<Duration>,
    limits: Limits,
    /// Requests that it has made.
    subrequests: Cell<u32>,
    abandoned: Cell<bool>,
    /// What JavaScript wants done when the event is abandoned.
    on_gone: RefCell<Option<Completion>>,
    /// The same for when it has answered and is stuck.
    on_stuck: RefCell<Stuck>,
    deadline: RefCell<Option<Pin<Box<tokio::time::Sleep>>>>,
    /// Runs while it can only wait for other events.
    patience: RefCell<Option<Pin<Box<tokio::time::Sleep>>>>,
}

/// Turns for when the event is stuck, each with what it is about.
#[derive(Default)]
struct Stuck {
    turns: Vec<(Weak<dyn Any>, Completion)>,
    /// How many were about something when the others were last dropped.
    needed: usize,
}

/// Turns that are about nothing any more are dropped when there are more than this, and twice as many as were needed before.
const MAX_IDLE_TURNS: usize = 16;

impl Stuck {
    fn add(&mut self, about: Weak<dyn Any>, turn: Completion) {
        if self.turns.len() >= MAX_IDLE_TURNS + 2 * self.needed {
            self.turns.retain(|(about, _)| about.strong_count() > 0);
            self.needed = self.turns.len();
        }
        self.turns.push((about, turn));
    }
}

/// The contexts of this process.
#[derive(Default)]
struct Contexts {
    count: Cell<usize>,
    /// Events that have not ended in their first turn.
    driven: RefCell<HashMap<u64, Weak<RequestContext>>>,
    /// Those of them that only another event can help.
    waiting: RefCell<HashMap<u64, Weak<RequestContext>>>,
    none: Notify,
}

thread_local! {
    static LIVE: Rc<Contexts> = Rc::default();
    /// The event whose ops are being polled.
    static CALLER: Cell<u64> = const { Cell::new(0) };
}

/// Ends when no event is under way any more, `waitUntil` work included.
pub async fn all_ended() {
    let live = LIVE.with(Rc::clone);
    while live.count.get() > 0 {
        live.none.notified().await;
    }
}

/// The work of the event whose op calls this, wherever that is polled: what it begins is that event's doing.
pub fn on_behalf<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let caller = CALLER.get();
    async move {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| as_caller(caller, || work.as_mut().poll(cx))).await
    }
}

fn as_caller<R>(caller: u64, run: impl FnOnce() -> R) -> R {
    let before = CALLER.replace(caller);
    let result = run();
    CALLER.set(before);
    result
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
        tracer: Option<Rc<Tracer>>,
        outcome: oneshot::Sender<Result<Outcome, Error>>,
    ) -> Rc<Self> {
        let id = next_id();
        LIVE.with(|live| live.count.set(live.count.get() + 1));
        Rc::new_cyclic(|this: &Weak<Self>| Self {
            this: this.clone(),
            _known: Known::new(id, this.clone()),
            id,
            caller: CALLER.get(),
            isolate,
            limits: channels.limits(),
            channels,
            io: Io::default(),
            tracer: RefCell::new(tracer),
            outcome: RefCell::new(Some(outcome)),
            retained: Cell::new(0),
            bodies: Cell::new(0),
            exports: Cell::new(0),
            results: Cell::new(0),
            aborted: Rc::default(),
            cpu_time: Cell::default(),
            subrequests: Cell::new(0),
            abandoned: Cell::new(false),
            on_gone: RefCell::default(),
            on_stuck: RefCell::default(),
            deadline: RefCell::new(None),
            patience: RefCell::new(None),
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
    pub(super) fn drive(self: Rc<Self>) -> impl Future<Output = ()> {
        LIVE.with(|live| {
            let mut driven = live.driven.borrow_mut();
            driven.insert(self.id, Rc::downgrade(&self));
        });
        async move {
            std::future::poll_fn(|cx| self.poll(cx)).await;
            self.io.clear();
            self.end_trace();
            drop((self.on_gone.take(), self.on_stuck.take()));
            LIVE.with(|live| {
                live.driven.borrow_mut().remove(&self.id);
                let mut waiting = live.waiting.borrow_mut();
                waiting.remove(&self.id);
                // They may have waited for this one.
                for other in waiting.values().filter_map(Weak::upgrade) {
                    other.io.wake();
                }
            });
        }
    }

    /// The event is over: its trace ends, once its body is through.
    fn end_trace(&self) {
        if let Some(tracer) = self.tracer.take() {
            tracer.finish();
        }
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
        if self.is_hung(cx) {
            // Nothing can happen any more.
            if let Some(outcome) = self.outcome.borrow_mut().take() {
                log::uncaught(format_args!("exception = {HUNG}"), true);
                let hung = Error::new(Kind::Worker, HUNG);
                if let Some(tracer) = &*self.tracer.borrow() {
                    trace::ended_with(tracer, &hung);
                }
                let _ = outcome.send(Err(hung));
                return Poll::Ready(());
            }
            let turns = self.on_stuck.take().turns;
            if turns.is_empty() {
                return Poll::Ready(());
            }
            for (_, turn) in turns {
                self.isolate.run(Some(self.clone()), turn);
            }
            return self.poll(cx);
        }
        self.io.park(cx);
        Poll::Pending
    }

    /// Whether nothing can settle what it waits for. Another event of the worker may, but for those that wait for this one.
    fn is_hung(&self, cx: &mut Context<'_>) -> bool {
        let mut patience = self.patience.borrow_mut();
        if !self.is_stuck() {
            if patience.take().is_some() {
                LIVE.with(|live| live.waiting.borrow_mut().remove(&self.id));
            }
            return false;
        }
        let callers = self.callers();
        let may_help = |other: &Rc<Self>| other.goes_on() && !callers.contains(&other.id);
        if !self.others().iter().any(may_help) {
            return true;
        }
        let patience = patience.get_or_insert_with(|| {
            LIVE.with(|live| {
                let mut waiting = live.waiting.borrow_mut();
                waiting.insert(self.id, self.this.clone());
            });
            Box::pin(tokio::time::sleep(MAX_WAIT_FOR_OTHERS))
        });
        patience.as_mut().poll(cx).is_ready()
    }

    /// The events that wait for this one: its caller, and that one's.
    fn callers(&self) -> Vec<u64> {
        LIVE.with(|live| {
            let driven = live.driven.borrow();
            let above = |id: &u64| Some(driven.get(id)?.upgrade()?.caller);
            std::iter::successors(Some(self.caller), above).collect()
        })
    }

    /// Whether nothing of its own is under way.
    fn is_stuck(&self) -> bool {
        self.io.is_idle() && self.exports.get() == 0
    }

    /// Whether it may do more by itself. One that has answered and is only held by what it gave out does nothing until it is
    /// called, mostly by whoever asks.
    fn goes_on(&self) -> bool {
        let is_answered = self.outcome.borrow().is_none();
        !(self.is_stuck() || is_answered && self.io.is_idle())
    }

    /// The other driven events of its isolate.
    fn others(&self) -> Vec<Rc<Self>> {
        LIVE.with(|live| {
            let driven = live.driven.borrow();
            let others = driven.values().filter_map(Weak::upgrade);
            others
                .filter(|other| other.id != self.id && Rc::ptr_eq(&other.isolate, &self.isolate))
                .collect()
        })
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
        while let Some(turn) = as_caller(self.id, || self.io.poll_op(cx)) {
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

    fn entrance(&self) -> Entrance {
        let this = self.this.clone();
        Box::new(move |turn| {
            if let Some(this) = this.upgrade() {
                this.spawn(Box::pin(async move { turn }));
            }
        })
    }

    fn isolate(&self) -> usize {
        self.isolate.number()
    }
}

impl Keep for RequestContext {
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
}

impl Timers for RequestContext {
    fn start_timer(&self, millis: f64, repeat: bool) -> u32 {
        self.io.start_timer(millis, repeat)
    }

    fn clear_timer(&self, id: u32) {
        self.io.clear_timer(id);
    }
}

impl Lifecycle for RequestContext {
    fn on_gone(&self, _: u32, turn: Completion) {
        *self.on_gone.borrow_mut() = Some(turn);
    }

    fn on_stuck(&self, about: Weak<dyn Any>, turn: Completion) {
        self.on_stuck.borrow_mut().add(about, turn);
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
        if self.isolate.is_overdue(self.id) {
            return;
        }
        // Nobody is answered where the caller has gone.
        if let Some(tracer) = &*self.tracer.borrow()
            && self.outcome.borrow().is_some()
            && !self.abandoned.get()
        {
            trace::answered(tracer, &mut outcome, self.bodies.get() > 0);
        }
        if let Outcome::Response(response) = &mut outcome
            && matches!(response.body, Body::Stream(_))
            && self.on_gone.borrow().is_some()
            && let Some(context) = self.this.upgrade()
        {
            context.retain_body();
            let body = std::mem::take(&mut response.body);
            response.body = body.watched(move |end| {
                if matches!(end, End::Left(_)) {
                    context.abandon();
                }
                context.release_body();
            });
        }
        // It may be another one's turn.
        self.io.wake();
        if let Some(sender) = self.outcome.borrow_mut().take() {
            let _ = sender.send(match outcome {
                Outcome::Failed(error) => Err(error),
                outcome => Ok(outcome),
            });
        }
    }
}

impl Account for RequestContext {
    fn cpu_time(&self) -> Option<&Cell<Duration>> {
        Some(&self.cpu_time)
    }

    fn cpu_limit(&self) -> Option<Duration> {
        self.limits.cpu_within(processor::limit())
    }

    fn may_request(&self) -> bool {
        self.limits.may_request(&self.subrequests)
    }

    fn tracer(&self) -> Option<Rc<Tracer>> {
        self.tracer.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_that_are_about_nothing_are_dropped() {
        let mut stuck = Stuck::default();
        let lasting: Rc<dyn Any> = Rc::new(());
        let about = Rc::downgrade(&lasting);
        for _ in 0..1000 {
            stuck.add(about.clone(), Box::new(|_| ()));
            for _ in 0..10 {
                stuck.add(Weak::<()>::new(), Box::new(|_| ()));
            }
        }
        assert!(stuck.turns.len() <= 3000, "{}", stuck.turns.len());
        let about = |(about, _): &&(Weak<dyn Any>, Completion)| about.strong_count() > 0;
        assert_eq!(stuck.turns.iter().filter(about).count(), 1000);
    }
}
