//! Timers of the running request, and microtasks: setTimeout, setInterval, queueMicrotask, scheduler.wait.
//!
//! The request context keeps time and calls `fire`; callbacks are kept here, for as long as their context lives.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::glue::{
    Api, IoContext, IsolateState, OpError, Ops, bool_arg, current, f64_arg, require_context, throw,
    u32_arg,
};
use crate::js;

pub const API: Api = Api {
    name: "timers",
    modules: &[js!("timers.js")],
    lazy: &[],
    ops,
};

/// Timers that one request may have at a time.
const MAX_ACTIVE_TIMERS: usize = 10_000;

fn ops(ops: &mut Ops) {
    ops.add("start", start);
    ops.add("clear", clear);
    ops.add("take", take);
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
fn start(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = require_context(scope) else {
        return;
    };
    let Ok(callback) = v8::Local::<v8::Function>::try_from(args.get(0)) else {
        return;
    };
    let callbacks = callbacks_of(scope, &*context);
    if callbacks.by_id.borrow().len() >= MAX_ACTIVE_TIMERS {
        let message = format!(
            "You have exceeded the number of active timeouts you may set. max active timeouts: {MAX_ACTIVE_TIMERS}, current active timeouts: {MAX_ACTIVE_TIMERS}, finished timeouts: 0"
        );
        return throw(scope, &OpError::dom("QuotaExceededError", message));
    }
    let repeats = bool_arg(&args, 2);
    let id = context.start_timer(f64_arg(scope, &args, 1), repeats);
    let timer = Timer {
        callback: v8::Global::new(scope, callback),
        repeats,
    };
    callbacks.by_id.borrow_mut().insert(id, timer);
    rv.set_uint32(id);
}

/// `clear(id)`: an id that is none is ignored.
fn clear(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let Some(context) = current(scope) else {
        return;
    };
    let id = u32_arg(scope, &args, 0);
    context.clear_timer(id);
    callbacks_of(scope, &*context)
        .by_id
        .borrow_mut()
        .remove(&id);
}

/// `take(id)`: the function to call for a timer that is due, or undefined.
fn take(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(context) = current(scope) else {
        return;
    };
    let id = u32_arg(scope, &args, 0);
    let callbacks = callbacks_of(scope, &*context);
    let mut by_id = callbacks.by_id.borrow_mut();
    let Some(timer) = by_id.get(&id) else { return };
    rv.set(v8::Local::new(scope, &timer.callback).into());
    if !timer.repeats {
        by_id.remove(&id);
    }
}
