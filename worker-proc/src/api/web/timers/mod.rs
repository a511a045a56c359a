//! Timers of the running request, and microtasks: setTimeout, setInterval, queueMicrotask, scheduler.wait.
//!
//! The request context keeps time and calls `fire`; callbacks are kept here, for as long as their context lives.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::glue::{Api, IoContext, IsolateState, JsError, Maybe, Ops, op};
use crate::isolate::inspector::{self, Step};
use crate::js;
use crate::request::timer_key;

pub const API: Api = Api {
    name: "timers",
    modules: &[js!("timers.js")],
    lazy: &[],
    uses: &["async_context", "webidl"],
    lazy_uses: &[("report_error", "only an error of a callback needs it")],
    ops,
};

/// Timers that one request may have at a time.
const MAX_ACTIVE_TIMERS: usize = 10_000;

#[derive(JsError)]
enum TooManyTimers {
    #[dom(
        QuotaExceededError,
        "You have exceeded the number of active timeouts you may set. max active timeouts: {MAX_ACTIVE_TIMERS}, current active timeouts: {MAX_ACTIVE_TIMERS}, finished timeouts: 0"
    )]
    Active {},
}

fn ops(ops: &mut Ops) {
    ops.add_all(&[start, clear, take]);
}

struct Timer {
    callback: v8::Global<v8::Function>,
    repeats: bool,
}

/// The callbacks of one context, among whose resources they are.
#[derive(Default)]
struct Callbacks {
    by_id: RefCell<HashMap<u32, Timer>>,
}

/// Finds the callbacks of a context by its id.
#[derive(Default)]
struct ByContext {
    callbacks: RefCell<HashMap<u64, Weak<Callbacks>>>,
    /// How many entries there may be before those of contexts that are gone are dropped.
    sweep_at: Cell<usize>,
}

fn callbacks_of(scope: &v8::Isolate, context: &dyn IoContext) -> Rc<Callbacks> {
    const FIRST_SWEEP_ENTRIES: usize = 64;
    let all = IsolateState::get(scope).extension::<ByContext>();
    let mut map = all.callbacks.borrow_mut();
    if let Some(callbacks) = map.get(&context.id()).and_then(Weak::upgrade) {
        return callbacks;
    }
    if map.len() >= all.sweep_at.get().max(FIRST_SWEEP_ENTRIES) {
        map.retain(|_, callbacks| callbacks.strong_count() > 0);
        all.sweep_at.set(map.len() * 2);
    }
    let callbacks = Rc::new(Callbacks::default());
    context.resources().insert(callbacks.clone());
    map.insert(context.id(), Rc::downgrade(&callbacks));
    callbacks
}

/// `start(callback, millis, repeats)`: the timer's id. Throws at global scope.
#[op]
fn start<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Rc<dyn IoContext>,
    callback: v8::Local<'s, v8::Function>,
    millis: f64,
    repeats: bool,
) -> Result<u32, TooManyTimers> {
    let callbacks = callbacks_of(scope, &*context);
    if callbacks.by_id.borrow().len() >= MAX_ACTIVE_TIMERS {
        return Err(TooManyTimers::Active {});
    }
    let id = context.start_timer(millis, repeats);
    if let Some(inspector) = inspector::of(scope) {
        let name = if repeats { "setInterval" } else { "setTimeout" };
        inspector.task(timer_key(&*context, id), Step::Scheduled { name, repeats });
    }
    let timer = Timer {
        callback: v8::Global::new(scope, callback),
        repeats,
    };
    callbacks.by_id.borrow_mut().insert(id, timer);
    Ok(id)
}

/// `clear(id)`: an id that is none is ignored.
#[op]
fn clear(scope: &mut v8::PinScope, context: Option<Rc<dyn IoContext>>, id: u32) {
    let Some(context) = context else { return };
    context.clear_timer(id);
    if let Some(inspector) = inspector::of(scope) {
        inspector.task(timer_key(&*context, id), Step::Canceled);
    }
    callbacks_of(scope, &*context)
        .by_id
        .borrow_mut()
        .remove(&id);
}

/// `take(id)`: the function to call for a timer that is due, or undefined.
#[op]
fn take<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    context: Option<Rc<dyn IoContext>>,
    id: u32,
) -> Maybe<v8::Local<'s, v8::Function>> {
    let Some(context) = context else {
        return Maybe(None);
    };
    let callbacks = callbacks_of(scope, &*context);
    let mut by_id = callbacks.by_id.borrow_mut();
    let Some(timer) = by_id.get(&id) else {
        return Maybe(None);
    };
    let callback = v8::Local::new(scope, &timer.callback);
    if !timer.repeats {
        by_id.remove(&id);
    }
    Maybe(Some(callback))
}
