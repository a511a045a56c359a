//! What an op may ask of the request that is running: the capabilities of a request context, as a trait.
//!
//! `request` implements it; `api` and `bindings` use it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use op_macro::op;

use super::args::intern;
use super::error::{OpError, throw};
use super::state::IsolateState;
use crate::service::trace::Tracer;
use crate::service::websocket::{Hibernation, Socket};
use crate::service::{self, ActorId, Channels, Identity, Me, ResourceTable, Service, processor};
use crate::storage::{Committed, Storage};

/// What runs in the isolate when an async op has its result.
pub type Completion = Box<dyn FnOnce(&mut v8::PinScope<'_, '_>)>;

/// The request (or other event) on whose behalf JavaScript runs. An op takes what it needs of it: one of these traits.
pub trait IoContext: Keep + Timers + Lifecycle + Account {
    /// Identifies the context among those of its isolate.
    fn id(&self) -> u64;
    /// Runs an op's future; its completion is run in the isolate, in this context. Dropped with the context.
    fn spawn(&self, op: LocalBoxFuture<'static, Completion>);
    /// Native resources that JavaScript holds by number: bodies, sockets.
    fn resources(&self) -> &ResourceTable;
    /// Where subrequests go.
    fn channels(&self) -> Rc<dyn Channels>;
    /// A way for others to run turns in this context, when it lets them; what they run is dropped once it has ended.
    fn entrance(&self) -> Entrance;
    /// Tells its isolate from others.
    fn isolate(&self) -> usize {
        0
    }
    /// What to wait for before anything is sent out: an object's writes before it. Taken while JavaScript runs, awaited
    /// after.
    fn output_gate(&self) -> Option<Gate> {
        None
    }
    /// The Durable Object that this context is of.
    fn actor(&self) -> Option<Rc<dyn ActorIo>> {
        None
    }
}

/// What keeps a context alive after its event has an answer, each for as long as it is held.
pub trait Keep {
    /// Keeps the context alive until [`Keep::release`] (`waitUntil`), for a bounded time after its outcome.
    fn retain(&self);
    fn release(&self);
    /// The same for a body that JavaScript writes, for as long as somebody reads it.
    fn retain_body(&self);
    fn release_body(&self);
    /// A WebSocket that JavaScript holds keeps the context alive, or does no more: an object that has to leave its process
    /// does not wait for it.
    fn count_socket(&self, _held: bool) {}
    /// Something outside leads into the context until [`Keep::release_export`]: it does not count as hung. As a
    /// `result` of an event it keeps the context alive as well.
    fn retain_export(&self, result: bool);
    fn release_export(&self, result: bool);
}

/// The timers of a context.
pub trait Timers {
    /// Starts a timer that calls JavaScript's `timers.fire(id)` after `millis`; returns its id.
    fn start_timer(&self, millis: f64, repeat: bool) -> u32;
    /// Stops a timer; unknown ids are ignored.
    fn clear_timer(&self, id: u32);
}

/// The events of a context: how they begin, who waits for them, how they end.
pub trait Lifecycle {
    /// The number of the event that begins in this turn, where a context has several.
    fn event(&self) -> u32 {
        0
    }
    /// Runs this in the isolate if the caller of an event goes away before it has the answer; the last one counts.
    fn on_gone(&self, event: u32, turn: Completion);
    /// The turn is run if nothing of the context can go on by itself, before it ends for that; once what it is about is no
    /// more, it may be dropped. Objects wait for other events.
    fn on_stuck(&self, _about: Weak<dyn Any>, _turn: Completion) {}
    /// Ends the context at once, with all that belongs to it; whoever waits for it is told the error.
    fn abort(&self, error: service::Error);
    /// Why it was ended so, if it was. Outlives the context.
    fn aborted(&self) -> Rc<RefCell<Option<service::Error>>>;
    /// Completes an event with a value of the context's own kind; the first call counts. `event` is the number that the
    /// handler was called with: an object's events share one context.
    fn respond(&self, event: u32, outcome: Outcome);
}

/// What is written down of a context: its use of the processor, and what tail workers are told.
pub trait Account {
    /// Processor time that has been used for the event, where there may be a limit of it.
    fn cpu_time(&self) -> Option<&Cell<Duration>> {
        None
    }
    /// The most of it that the event may use.
    fn cpu_limit(&self) -> Option<Duration> {
        processor::limit()
    }
    /// Counts a request to another service: whether the event may make it.
    fn may_request(&self) -> bool {
        true
    }
    /// What records the event for tail workers; none where the worker has none.
    fn tracer(&self) -> Option<Rc<Tracer>> {
        None
    }
    /// Code of the context has run in another one's turn.
    fn visited(&self) {}
}

/// See [`IoContext::entrance`].
pub type Entrance = Box<dyn Fn(Completion)>;

/// Ends when what it guards may go on; an error if it never may.
pub use crate::service::websocket::Gate;

/// The first turn of a critical section.
pub type SectionTurn = Box<dyn FnOnce(&mut v8::PinScope<'_, '_>, Result<u32, service::Error>)>;

/// What an op may ask of the Durable Object that runs.
pub trait ActorIo {
    /// The object's id; none if it is told by text.
    fn id(&self) -> Option<ActorId>;
    /// What `ctx.restore()` finds it again by, if anything.
    fn me(&self) -> Option<Me>;
    /// Objects of its own.
    fn facets(&self) -> Option<Rc<dyn FacetIo>>;
    /// What the object has stored; none if its namespace stores nothing.
    fn storage(&self) -> Option<Rc<Storage>>;
    /// Adds a hibernatable WebSocket, by a number that nothing else of the process has; false where it has the most that it
    /// may have.
    fn hibernate(&self, number: u32, socket: Rc<Socket>, tags: Vec<String>) -> bool;
    /// The object's hibernatable WebSockets.
    fn sockets(&self) -> Rc<Hibernation>;
    /// Commits what the turn has written so far, as its end would.
    fn commit(&self);
    /// What leaves the object from here on waits for these writes.
    fn hold_output(&self, committed: Committed);
    /// Resets the object: what it has under way fails with this error, its next use starts it anew.
    fn abort(&self, error: service::Error);
    /// Holds all events back but what the section itself starts. `entered` is a turn of the section, with its number.
    fn enter_section(&self, entered: SectionTurn);
    fn leave_section(&self, section: u32);
}

/// What an op may ask of an object's facets.
pub trait FacetIo {
    /// The facet of that name; it is started by the first call if it is not running.
    ///
    /// # Errors
    /// It would be too deep.
    fn get(&self, name: String, start: FacetStart) -> Result<Rc<dyn Service>, service::Error>;
    /// Ends a facet if it runs; who calls it is told the error.
    fn abort(&self, name: &str, error: service::Error);
    /// Ends a facet and deletes what it has stored.
    fn delete(&self, name: &str);
    /// Ends `to`, and makes what it has stored a copy of what `from` has.
    fn copy(&self, from: &str, to: &str);
    /// Deletes every facet.
    fn delete_all(&self);
}

/// Asks the parent what a facet is to be.
pub type FacetStart =
    Box<dyn FnOnce() -> LocalBoxFuture<'static, Result<FacetInfo, service::Error>>>;

/// What a facet is.
pub struct FacetInfo {
    /// An entrypoint that is a class of Durable Objects.
    pub class: Rc<dyn Service>,
    pub id: Identity,
}

/// How an event ended, as JavaScript reports it.
pub enum Outcome {
    /// A fetch handler's response.
    Response(service::Response),
    /// A handler without a result ended.
    Done,
    /// The handler threw: text for the log and for the caller.
    Failed(service::Error),
}

/// The context that runs now, or none at global scope.
///
/// A promise that one event settles may run code of another that waits for it: what that code does is the other's.
pub fn current(scope: &mut v8::PinScope) -> Option<Rc<dyn IoContext>> {
    let running = IsolateState::get(scope).current.borrow().clone()?;
    let owner = owner(scope);
    if owner == 0.0 || owner == running.id() as f64 {
        return Some(running);
    }
    let owner = CONTEXTS.with(|all| all.borrow().get(&(owner as u64))?.upgrade())?;
    owner.visited();
    Some(owner)
}

thread_local! {
    static NEXT_ID: Cell<u64> = const { Cell::new(1) };
    static CONTEXTS: RefCell<HashMap<u64, Weak<dyn IoContext>>> = RefCell::default();
}

/// A number for a context; no other has it in this process.
pub fn next_id() -> u64 {
    NEXT_ID.with(|next| next.replace(next.get() + 1))
}

/// Whether the process has no other context than the one that runs.
pub fn is_alone() -> bool {
    CONTEXTS.with(|all| all.borrow().len() <= 1)
}

/// The contexts of an isolate.
pub fn all_in(isolate: usize) -> Vec<Rc<dyn IoContext>> {
    CONTEXTS.with(|all| {
        let all = all.borrow();
        let live = all.values().filter_map(Weak::upgrade);
        live.filter(|context| context.isolate() == isolate)
            .collect()
    })
}

/// A context can be found by its number while this is held.
pub struct Known(u64);

impl Known {
    pub fn new(id: u64, context: Weak<dyn IoContext>) -> Self {
        CONTEXTS.with(|all| all.borrow_mut().insert(id, context));
        Self(id)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        // At the thread's end there is nothing to look up.
        let _ = CONTEXTS.try_with(|all| all.borrow_mut().remove(&self.0));
    }
}

/* V8 carries a value along with every promise reaction: the number of the context that the code is of, and with it the
frame of `async_context` where there is one, as `[number, frame]`. */

/// The number of the context that the code that runs now is of; 0 where nothing says so.
fn owner(scope: &mut v8::PinScope) -> f64 {
    let carried = scope.get_continuation_preserved_embedder_data();
    if carried.is_number() {
        return carried.number_value(scope).unwrap_or(0.0);
    }
    let Ok(pair) = v8::Local::<v8::Array>::try_from(carried) else {
        return 0.0;
    };
    let number = pair.get_index(scope, 0);
    number
        .and_then(|number| number.number_value(scope))
        .unwrap_or(0.0)
}

/// The frame of `async_context`, or undefined.
pub fn frame<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
    let carried = scope.get_continuation_preserved_embedder_data();
    let pair = v8::Local::<v8::Array>::try_from(carried).ok();
    let frame = pair.and_then(|pair| pair.get_index(scope, 1));
    frame.unwrap_or_else(|| v8::undefined(scope).into())
}

/// Puts a frame in place of the current one.
pub fn set_frame(scope: &mut v8::PinScope, frame: v8::Local<v8::Value>) {
    let owner = owner(scope);
    let number: v8::Local<v8::Value> = v8::Number::new(scope, owner).into();
    let carried = if frame.is_undefined() {
        number
    } else {
        v8::Array::new_with_elements(scope, &[number, frame]).into()
    };
    scope.set_continuation_preserved_embedder_data(carried);
}

/// The code that runs from now on is of that context; of none for 0.
pub fn set_owner(scope: &mut v8::PinScope, id: u64) {
    let number = v8::Number::new(scope, id as f64).into();
    scope.set_continuation_preserved_embedder_data(number);
}

/// The op `inEvent()`: false at global scope.
#[op]
pub fn in_event(context: Option<Rc<dyn IoContext>>) -> bool {
    context.is_some()
}

/// The op `contextId()`: the running context's number, 0 at global scope.
#[op]
pub fn context_id(context: Option<Rc<dyn IoContext>>) -> f64 {
    context.map_or(0.0, |context| context.id() as f64)
}

/// Ends the JavaScript that calls the op: no code of the turn runs any more, no `finally` either.
pub fn terminate(scope: &mut v8::PinScope) {
    scope.terminate_execution();
    // V8 looks at the next call of a function: this one.
    let nothing = intern(scope, "0");
    if let Some(script) = v8::Script::compile(scope, nothing, None) {
        let _ = script.run(scope);
    }
}

/// What workerd says of I/O outside a request.
pub const GLOBAL_SCOPE: &str = "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

/// The running context; at global scope throws workerd's error and returns none.
pub fn require_context(scope: &mut v8::PinScope) -> Option<Rc<dyn IoContext>> {
    let context = current(scope);
    if context.is_none() {
        throw(scope, &OpError::error(GLOBAL_SCOPE));
    }
    context
}
