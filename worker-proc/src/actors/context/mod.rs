//! A live object: its instance in the isolate, and the one context that all of its events share.
//!
//! `namespace` makes one when an object is called that is not live, and drops it when the object is idle or broken.
//! Relies on `request::Io` for what is under way, on `gates` for when it may go on, on `storage` for its writes. `drive` is its
//! task, `state` what its JavaScript asks of it beside what any event may.

mod drive;
mod state;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesOrdered;
use ipc::metrics::EventKind;
use tokio::sync::{Notify, oneshot};

use super::caller::{Called, Caller};
use super::class::Class;
use super::gates::{Held, InputGate, OutputGate, SectionClock, Tag};
use super::store::{Store, broken_by};
use super::traces::Traces;
use crate::glue::context::{
    Account, ActorIo, Completion, Entrance, FacetIo, Gate, IoContext, Keep, Known, Lifecycle,
    Outcome, Timers,
};
use crate::isolate::Isolate;
use crate::request::{Io, Op, ending};
use crate::service::trace::Tracer;
use crate::service::websocket::{Hibernated, Hibernation};
use crate::service::{
    ActorId, Body, Channels, End, Error, Identity, Kind, Limits, Me, ResourceTable, processor,
};

/// The section that a timer was started in.
struct TimerTag {
    tag: Tag,
    repeat: bool,
}

/// Writes on their way to the disk; ends when they are safe.
pub type Safe = LocalBoxFuture<'static, Result<(), Error>>;

/// Who is told of an object's end.
pub trait Owner {
    /// It takes no more events.
    fn broken(&self, context: &Rc<ActorContext>);
    /// Its storage is closed: it can be started anew.
    fn ended(&self, context: &Rc<ActorContext>);
    /// It has accepted a hibernatable WebSocket, whose events are to be delivered.
    fn accepted(&self, context: &Rc<ActorContext>, socket: Rc<Hibernated>);
}

/// The objects of a live object's own, which end with it at the latest.
pub trait Inner: FacetIo {
    /// Whether somebody uses one of them.
    fn are_busy(&self) -> bool;
    /// Whether their object may leave a process that is to end, as far as they go.
    fn are_at_rest(&self) -> bool;
    /// See [`ActorContext::close_sockets`].
    fn close_sockets(&self);
    /// Ends all of them: their parent has ended.
    fn end(&self, error: &Error);
    /// Ends when no file of theirs is open or about to be deleted.
    fn closed(&self) -> LocalBoxFuture<'static, ()>;
}

/// See the module.
pub struct ActorContext {
    this: Weak<Self>,
    _known: Known,
    /// Whether a turn of its own follows what ran in another one's.
    follows: Cell<bool>,
    number: u64,
    /// Of a facet, its root's.
    id: ActorId,
    identity: Identity,
    isolate: Rc<Isolate>,
    channels: Rc<dyn Channels>,
    owner: Weak<dyn Owner>,
    io: Io,
    gate: Rc<InputGate>,
    output: Rc<OutputGate>,
    /// The section of the turn that runs.
    tag: RefCell<Tag>,
    timer_tags: RefCell<HashMap<u32, TimerTag>>,
    /// Timers that are due but held back.
    due: RefCell<VecDeque<u32>>,
    /// What records its events for tail workers.
    traces: Traces,
    events: RefCell<HashMap<u32, oneshot::Sender<Result<Outcome, Error>>>>,
    last_event: Cell<u32>,
    /// The event that begins in the turn that runs, or 0.
    beginning: Cell<u32>,
    /// Of the newest event and what has gone on since it began.
    cpu_time: Cell<Duration>,
    limits: Limits,
    /// Requests that the event has made.
    subrequests: Cell<u32>,
    /// What is to be done if the caller of an event goes away.
    on_gone: RefCell<HashMap<u32, Completion>>,
    retained: Cell<usize>,
    /// Ops that have their result and wait for the input gate.
    held: Cell<usize>,
    store: RefCell<Option<Store>>,
    sockets: Rc<Hibernation>,
    commits: RefCell<FuturesOrdered<Safe>>,
    broken: Rc<RefCell<Option<Error>>>,
    /// What others hold that leads into it; of that, what it has given to its callers.
    exports: Cell<usize>,
    results: Cell<usize>,
    /// WebSockets among what keeps it.
    held_sockets: Cell<usize>,
    instance: RefCell<Option<v8::Global<v8::Object>>>,
    section_clock: RefCell<SectionClock>,
    facets: OnceCell<Rc<dyn Inner>>,
    /// What `ctx.restore()` finds it again by.
    me: RefCell<Option<Me>>,
    /// Whether its storage is closed after its end.
    closed: Cell<bool>,
    closing: Notify,
}

impl ActorContext {
    pub fn new(
        number: u64,
        id: ActorId,
        identity: Identity,
        class: &Class,
        owner: Weak<dyn Owner>,
        store: Option<Store>,
        sockets: Rc<Hibernation>,
    ) -> Rc<Self> {
        let context = Rc::new_cyclic(|this: &Weak<Self>| Self {
            this: this.clone(),
            _known: Known::new(number, this.clone()),
            follows: Cell::new(false),
            number,
            id,
            identity,
            isolate: class.home.isolate(),
            channels: class.channels.clone(),
            owner,
            io: Io::default(),
            gate: Rc::default(),
            output: Rc::default(),
            tag: RefCell::new(None),
            timer_tags: RefCell::default(),
            due: RefCell::default(),
            traces: Traces::default(),
            events: RefCell::default(),
            last_event: Cell::new(0),
            beginning: Cell::new(0),
            cpu_time: Cell::default(),
            limits: class.limits,
            subrequests: Cell::new(0),
            on_gone: RefCell::default(),
            retained: Cell::new(0),
            held: Cell::new(0),
            store: RefCell::new(store),
            sockets,
            commits: RefCell::default(),
            broken: Rc::default(),
            exports: Cell::new(0),
            results: Cell::new(0),
            held_sockets: Cell::new(0),
            instance: RefCell::new(None),
            section_clock: RefCell::default(),
            facets: OnceCell::new(),
            me: RefCell::new(None),
            closed: Cell::new(false),
            closing: Notify::new(),
        });
        tokio::task::spawn_local(context.clone().drive());
        context
    }

    /// Identifies this life of the object in its process.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn actor_id(&self) -> ActorId {
        self.id
    }

    /// Memory of its database.
    pub fn storage_bytes(&self) -> u64 {
        let store = self.store.borrow();
        store
            .as_ref()
            .map_or(0, |store| store.storage().memory_bytes())
    }

    /// Why it is over, if it is.
    pub fn broken(&self) -> Option<Error> {
        self.broken.borrow().clone()
    }

    /// Whether anything is under way that no caller waits for: timers, `waitUntil` work, WebSockets; with `ops` any op.
    pub fn is_working(&self, ops: bool) -> bool {
        let timers = !self.timer_tags.borrow().is_empty();
        timers || self.retained.get() > 0 || ops && !self.io.is_idle()
    }

    /// Whether it may leave a process that is to end: callers hold nothing of it, no `waitUntil` work or body is under way.
    /// WebSockets, timers, and ops that nobody waits for, end with it.
    pub fn is_at_rest(&self) -> bool {
        let facets = self.facets.get();
        self.results.get() + self.retained.get() <= self.held_sockets.get()
            && facets.is_none_or(|facets| facets.are_at_rest())
    }

    /// Whether callers hold objects of it, or use its facets.
    pub fn is_held(&self) -> bool {
        self.results.get() > 0 || self.facets.get().is_some_and(|facets| facets.are_busy())
    }

    /// The process is to end: the clients of its hibernatable WebSockets, and of its facets', are told to go away.
    pub fn close_sockets(&self) {
        self.sockets.go_away();
        if let Some(facets) = self.facets.get() {
            facets.close_sockets();
        }
    }

    /// The objects of its own, set once.
    pub fn set_facets(&self, facets: Rc<dyn Inner>) {
        let _ = self.facets.set(facets);
    }

    /// Says what it is found again by.
    pub fn set_me(&self, me: Option<Me>) {
        *self.me.borrow_mut() = me;
    }

    /// Waits until it has ended and its storage is closed.
    pub async fn closed(&self) {
        while !self.closed.get() {
            self.closing.notified().await;
        }
    }

    /// What leaves the object from here on waits for this; its failure breaks the object.
    pub fn hold_until(&self, safe: Safe) {
        self.output.lock();
        self.commits.borrow_mut().push_back(safe);
        self.io.wake();
    }

    /// What records its events.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// Runs the constructor: `make` returns the instance, or none after it has thrown.
    ///
    /// # Errors
    /// What the constructor threw, which also breaks the object.
    pub fn construct(
        &self,
        make: impl for<'s> FnOnce(&mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Object>, Error>,
    ) -> Result<(), Error> {
        let made = self.turn(None, |scope| {
            make(scope).map(|instance| v8::Global::new(scope, instance))
        });
        match made {
            Ok(instance) => {
                *self.instance.borrow_mut() = Some(instance);
                Ok(())
            }
            Err(error) => {
                // It may have broken before, which is why there is no instance.
                self.break_with(error.clone());
                Err(self.broken().unwrap_or(error))
            }
        }
    }

    /// Waits until an event may be delivered: no critical section holds it back.
    pub async fn open(&self) -> Result<(), Error> {
        self.gate.admits().await
    }

    /// Begins an event, and returns what it ends with. Called when the object is [`open`](Self::open), with no await in
    /// between. The event goes on if the future is dropped.
    pub fn deliver(
        self: &Rc<Self>,
        tracer: Option<Rc<Tracer>>,
        start: impl for<'s> FnOnce(&mut v8::PinScope<'s, '_>, &Rc<Self>, v8::Local<'s, v8::Object>, u32),
    ) -> LocalBoxFuture<'static, Result<Outcome, Error>> {
        let event = self.last_event.get().wrapping_add(1).max(1);
        self.last_event.set(event);
        let (sender, receiver) = oneshot::channel();
        self.events.borrow_mut().insert(event, sender);
        if let Some(tracer) = tracer {
            self.traces.begin(event, tracer);
        }
        self.beginning.set(event);
        self.cpu_time.set(Duration::ZERO);
        self.subrequests.set(0);
        self.turn(None, |scope| {
            let instance = self.instance.borrow();
            if let Some(instance) = &*instance {
                let instance = v8::Local::new(scope, instance);
                start(scope, self, instance, event);
            }
        });
        self.beginning.set(0);
        let context = self.clone();
        let counted = self.isolate.worker().event(EventKind::Object);
        let caller = Caller::new(self.this.clone(), event);
        Box::pin(async move {
            let mut outcome = match receiver.await {
                Ok(outcome) => outcome,
                Err(_) => Err(context.broken().unwrap_or_else(Error::object_shut_down)),
            };
            context.output.passed().await?;
            match &mut outcome {
                Ok(Outcome::Response(response))
                    if matches!(response.body, Body::Stream(_))
                        && context.on_gone.borrow().contains_key(&event) =>
                {
                    let body = std::mem::take(&mut response.body);
                    response.body =
                        body.watched(move |end| caller.part(!matches!(end, End::Left(_))));
                }
                _ => caller.part(true),
            }
            counted.ended(ending(&outcome));
            outcome
        })
    }

    /// Ends an event that needs no JavaScript.
    pub fn complete(&self, event: u32, outcome: Result<(), Error>) {
        self.respond(
            event,
            match outcome {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(error),
            },
        );
    }

    /// A turn in the isolate on behalf of a section, and what it leaves to do.
    fn turn<R>(&self, tag: Tag, run: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R) -> R {
        let before = self.tag.replace(tag);
        let this = self.this.upgrade().map(|this| this as Rc<dyn IoContext>);
        let result = self.isolate.run(this, run);
        self.tag.replace(before);
        self.end_turn();
        result
    }

    /// Ends this life of the object: what is under way fails, nothing it has not committed is kept. Whoever waits for
    /// anything of it learns of it here: at either gate, for an event's outcome, in the queue (the owner), in the task.
    pub fn break_with(&self, error: Error) {
        if self.broken.borrow().is_some() {
            return;
        }
        *self.broken.borrow_mut() = Some(error.clone());
        if let Some(store) = &*self.store.borrow() {
            store.undo();
        }
        self.gate.fail(error.clone());
        self.output.fail(error.clone());
        let broke = (error.kind != Kind::Disconnected).then_some(&error);
        self.traces.end(broke);
        if let Some(facets) = self.facets.get() {
            facets.end(&error);
        }
        for (_, sender) in self.events.take() {
            let _ = sender.send(Err(error.clone()));
        }
        if let (Some(owner), Some(this)) = (self.owner.upgrade(), self.this.upgrade()) {
            owner.broken(&this);
        }
        self.io.wake();
    }

    /// Ends this life of the object quietly: it is idle.
    pub fn end(&self) {
        self.break_with(Error::object_shut_down());
    }

    fn end_turn(&self) {
        let Some(storage) = ActorIo::storage(self) else {
            return;
        };
        if self.broken.borrow().is_some() {
            return;
        }
        let committed = storage.commit();
        if let Some(error) = storage.broken() {
            self.break_with(broken_by(&error));
            return;
        }
        match committed {
            Ok(committed) => self.hold_output(committed),
            Err(error) => self.break_with(broken_by(&error)),
        }
    }
}

impl Called for ActorContext {
    fn part(&self, event: u32, is_answered: bool) {
        let turn = self.on_gone.borrow_mut().remove(&event);
        if let Some(turn) = turn
            && !is_answered
        {
            let before = self.tag.replace(None);
            self.spawn(Box::pin(async move { turn }));
            self.tag.replace(before);
        }
    }
}

impl IoContext for ActorContext {
    fn id(&self) -> u64 {
        self.number
    }

    fn spawn(&self, op: Op) {
        let tag = self.tag.borrow().clone();
        let gate = self.gate.clone();
        let this = self.this.clone();
        self.io.spawn(Box::pin(async move {
            let turn = op.await;
            if !gate.is_open(&tag)
                && let Some(this) = this.upgrade()
            {
                let _held = Held::new(&this.held);
                gate.opened(&tag).await;
            }
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    *this.tag.borrow_mut() = tag;
                }
                turn(scope);
            }) as Completion
        }));
    }

    fn resources(&self) -> &ResourceTable {
        &self.io.resources
    }

    fn channels(&self) -> Rc<dyn Channels> {
        self.channels.clone()
    }

    fn entrance(&self) -> Entrance {
        let this = self.this.clone();
        // What a critical section gives out leads back into it.
        let tag = self.tag.borrow().clone();
        Box::new(move |turn| {
            let Some(this) = this.upgrade() else { return };
            let before = this.tag.replace(tag.clone());
            this.spawn(Box::pin(async move { turn }));
            this.tag.replace(before);
        })
    }

    fn isolate(&self) -> usize {
        self.isolate.number()
    }

    fn output_gate(&self) -> Option<Gate> {
        let storage = ActorIo::storage(self);
        let has_written = storage.is_some_and(|storage| storage.has_uncommitted());
        if !has_written && self.output.is_open() {
            return None;
        }
        let output = self.output.clone();
        Some(Box::pin(async move { output.passed().await }))
    }

    fn actor(&self) -> Option<Rc<dyn ActorIo>> {
        self.this.upgrade().map(|this| this as Rc<dyn ActorIo>)
    }
}

impl Keep for ActorContext {
    fn retain(&self) {
        self.retained.set(self.retained.get() + 1);
    }

    fn release(&self) {
        let left = self.retained.get().saturating_sub(1);
        self.retained.set(left);
        if left == 0 {
            self.traces.sweep(false);
        }
    }

    fn retain_body(&self) {
        self.retain();
    }

    fn release_body(&self) {
        self.release();
    }

    fn count_socket(&self, held: bool) {
        let held_before = self.held_sockets.get();
        self.held_sockets.set(match held {
            true => held_before + 1,
            false => held_before.saturating_sub(1),
        });
    }

    fn retain_export(&self, result: bool) {
        self.exports.set(self.exports.get() + 1);
        self.results.set(self.results.get() + usize::from(result));
    }

    fn release_export(&self, result: bool) {
        self.exports.set(self.exports.get().saturating_sub(1));
        let left = self.results.get().saturating_sub(usize::from(result));
        self.results.set(left);
    }
}

impl Timers for ActorContext {
    fn start_timer(&self, millis: f64, repeat: bool) -> u32 {
        let id = self.io.start_timer(millis, repeat);
        self.timer_tags.borrow_mut().insert(
            id,
            TimerTag {
                tag: self.tag.borrow().clone(),
                repeat,
            },
        );
        id
    }

    fn clear_timer(&self, id: u32) {
        self.io.clear_timer(id);
        self.timer_tags.borrow_mut().remove(&id);
        self.due.borrow_mut().retain(|due| *due != id);
    }
}

impl Lifecycle for ActorContext {
    fn event(&self) -> u32 {
        self.beginning.get()
    }

    fn on_gone(&self, event: u32, turn: Completion) {
        let gone = self
            .events
            .borrow()
            .get(&event)
            .map(oneshot::Sender::is_closed);
        // An event that has its outcome waits for nobody.
        if let Some(gone) = gone {
            self.on_gone.borrow_mut().insert(event, turn);
            if gone {
                self.part(event, false);
            }
        }
    }

    fn abort(&self, error: Error) {
        self.break_with(error);
    }

    fn aborted(&self) -> Rc<RefCell<Option<Error>>> {
        self.broken.clone()
    }

    fn respond(&self, event: u32, mut outcome: Outcome) {
        if self.isolate.is_overdue(self.number) {
            return;
        }
        let waits = self
            .events
            .borrow()
            .get(&event)
            .map(|sender| !sender.is_closed());
        let busy = self.retained.get() > 0;
        self.traces
            .answer(event, waits.unwrap_or(false).then_some(&mut outcome), busy);
        let outcome = match outcome {
            Outcome::Failed(error) => Err(error),
            outcome => Ok(outcome),
        };
        let sender = self.events.borrow_mut().remove(&event);
        if let Some(sender) = sender {
            let _ = sender.send(outcome);
        }
    }
}

impl Account for ActorContext {
    fn visited(&self) {
        if self.follows.replace(true) {
            return;
        }
        let this = self.this.clone();
        // What it has written is committed at the end of a turn.
        self.spawn(Box::pin(async move {
            Box::new(move |_: &mut v8::PinScope<'_, '_>| {
                if let Some(this) = this.upgrade() {
                    this.follows.set(false);
                }
            }) as Completion
        }));
    }

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
        self.traces.current()
    }
}

/// An error that resets the object.
pub fn reset(message: &str) -> Error {
    let mut error = Error::new(Kind::Worker, message);
    error.flags.durable_object_reset = true;
    error
}
