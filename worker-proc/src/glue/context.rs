//! What an op may ask of the request that is running: the capabilities of a request context, as a trait.
//!
//! `request` implements it; `api` and `bindings` use it.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::error::{OpError, throw};
use super::state::IsolateState;
use crate::service::websocket::{Hibernation, Socket};
use crate::service::{self, ActorId, Channels, ResourceTable};
use crate::storage::{Committed, Storage};

/// What runs in the isolate when an async op has its result.
pub type Completion = Box<dyn FnOnce(&mut v8::PinScope<'_, '_>)>;

/// The request (or other event) on whose behalf JavaScript runs.
pub trait IoContext {
    /// Identifies the context among those of its isolate.
    fn id(&self) -> u64;
    /// Runs an op's future; its completion is run in the isolate, in this context. Dropped with the context.
    fn spawn(&self, op: LocalBoxFuture<'static, Completion>);
    /// Native resources that JavaScript holds by number: bodies, sockets.
    fn resources(&self) -> &ResourceTable;
    /// Where subrequests go.
    fn channels(&self) -> Rc<dyn Channels>;
    /// Starts a timer that calls JavaScript's `timers.fire(id)` after `millis`; returns its id.
    fn start_timer(&self, millis: f64, repeat: bool) -> u32;
    /// Stops a timer; unknown ids are ignored.
    fn clear_timer(&self, id: u32);
    /// Keeps the context alive until [`IoContext::release`] (`waitUntil`), for a bounded time after its outcome.
    fn retain(&self);
    fn release(&self);
    /// The same for a body that JavaScript writes, for as long as somebody reads it.
    fn retain_body(&self);
    fn release_body(&self);
    /// The number of the event that begins in this turn, where a context has several.
    fn event(&self) -> u32 {
        0
    }
    /// Runs this in the isolate if the caller of an event goes away before it has the answer; the last one counts.
    fn on_gone(&self, event: u32, turn: Completion);
    /// A way for others to run turns in this context, when it lets them; what they run is dropped once it has ended.
    fn entrance(&self) -> Entrance;
    /// Something outside leads into the context until [`IoContext::release_export`]: it does not count as hung. As a
    /// `result` of an event it keeps the context alive as well.
    fn retain_export(&self, result: bool);
    fn release_export(&self, result: bool);
    /// Ends the context at once, with all that belongs to it; whoever waits for it is told the error.
    fn abort(&self, error: service::Error);
    /// Why it was ended so, if it was. Outlives the context.
    fn aborted(&self) -> Rc<RefCell<Option<service::Error>>>;
    /// Completes an event with a value of the context's own kind; the first call counts. `event` is the number that the
    /// handler was called with: an object's events share one context.
    fn respond(&self, event: u32, outcome: Outcome);
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

/// See [`IoContext::entrance`].
pub type Entrance = Box<dyn Fn(Completion)>;

/// Ends when what it guards may go on; an error if it never may.
pub use crate::service::websocket::Gate;

/// The first turn of a critical section.
pub type SectionTurn = Box<dyn FnOnce(&mut v8::PinScope<'_, '_>, Result<u32, service::Error>)>;

/// What an op may ask of the Durable Object that runs.
pub trait ActorIo {
    /// The object's id.
    fn id(&self) -> ActorId;
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
pub fn current(scope: &mut v8::PinScope) -> Option<Rc<dyn IoContext>> {
    IsolateState::get(scope).current.borrow().clone()
}

/// The op `inEvent()`: false at global scope.
pub fn in_event(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(current(scope).is_some());
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
