//! What is under way for the events of one context: ops, timers, resources, and the task to wake when more comes.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, Stream};

use super::timers::Timers;
use crate::glue::context::{Completion, IoContext};
use crate::glue::state::IsolateState;
use crate::isolate::inspector::{self, Step};
use crate::service::ResourceTable;

pub type Op = LocalBoxFuture<'static, Completion>;

/// See the module.
#[derive(Default)]
pub struct Io {
    pub resources: ResourceTable,
    ops: RefCell<FuturesUnordered<Op>>,
    /// Ops started since the last poll: an op may start another while it is polled.
    started: RefCell<Vec<Op>>,
    timers: RefCell<Timers>,
    waker: RefCell<Option<Waker>>,
    /// A turn was given out since the task was last polled from outside.
    ran: Cell<bool>,
    ended: Cell<bool>,
}

impl Io {
    pub fn spawn(&self, op: Op) {
        if self.ended.get() {
            return;
        }
        self.started.borrow_mut().push(op);
        self.wake();
    }

    pub fn start_timer(&self, millis: f64, repeat: bool) -> u32 {
        let id = self.timers.borrow_mut().start(millis, repeat);
        self.wake();
        id
    }

    pub fn clear_timer(&self, id: u32) {
        self.timers.borrow_mut().clear(id);
    }

    /// Nothing can happen any more by itself.
    pub fn is_idle(&self) -> bool {
        self.ops.borrow().is_empty()
            && self.started.borrow().is_empty()
            && self.timers.borrow().is_empty()
    }

    /// Ops under way.
    pub fn op_count(&self) -> usize {
        self.ops.borrow().len() + self.started.borrow().len()
    }

    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The task to wake when there is more to do.
    pub fn park(&self, cx: &Context<'_>) {
        self.ran.set(false);
        *self.waker.borrow_mut() = Some(cx.waker().clone());
    }

    /// The next op that has its result.
    pub fn poll_op(&self, cx: &mut Context<'_>) -> Option<Completion> {
        loop {
            let started = std::mem::take(&mut *self.started.borrow_mut());
            let mut ops = self.ops.borrow_mut();
            for op in started {
                ops.push(op);
            }
            if let Poll::Ready(Some(turn)) = Pin::new(&mut *ops).poll_next(cx) {
                self.ran.set(true);
                return Some(turn);
            }
            if self.started.borrow().is_empty() {
                return None;
            }
        }
    }

    /// The next timer that is due. A turn's timer of no time at all comes after what others had to do by then.
    pub fn poll_timer(&self, cx: &mut Context<'_>) -> Option<u32> {
        if self.ran.get() && self.timers.borrow().is_due() {
            cx.waker().wake_by_ref();
            return None;
        }
        match self.timers.borrow_mut().poll(cx) {
            Poll::Ready(id) => {
                self.ran.set(true);
                Some(id)
            }
            Poll::Pending => None,
        }
    }

    /// Drops what is under way and all that is still to come: it may hold the context that holds it.
    pub fn clear(&self) {
        self.ended.set(true);
        let ops = std::mem::take(&mut *self.ops.borrow_mut());
        drop(ops);
        let started = std::mem::take(&mut *self.started.borrow_mut());
        drop(started);
        *self.timers.borrow_mut() = Timers::default();
    }
}

/// Runs a timer's callback.
fn fire_timer(scope: &mut v8::PinScope<'_, '_>, timer: u32) {
    let state = IsolateState::get(scope);
    let Some(fire) = state.internal(scope, "timers", "fire") else {
        return;
    };
    let id = v8::Integer::new_from_unsigned(scope, timer).into();
    let key = state
        .current
        .borrow()
        .as_deref()
        .map(|context| timer_key(context, timer));
    let inspector = inspector::of(scope).zip(key);
    if let Some((inspector, key)) = &inspector {
        inspector.task(*key, Step::Started);
    }
    call_timer(scope, fire, id);
    if let Some((inspector, key)) = &inspector {
        inspector.task(*key, Step::Finished);
    }
}

/// What the inspector calls a timer.
pub fn timer_key(context: &dyn IoContext, timer: u32) -> usize {
    (context.id() as usize) << 32 | (timer as usize) << 1
}

fn call_timer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    fire: v8::Local<'s, v8::Function>,
    id: v8::Local<'s, v8::Value>,
) {
    let state = IsolateState::get(scope);
    let this = v8::undefined(scope).into();
    v8::tc_scope!(let scope, scope);
    if fire.call(scope, this, &[id]).is_some() || scope.has_terminated() {
        return;
    }
    if let Some(exception) = scope.exception() {
        scope.reset();
        // The event goes on without it, as on the published binary.
        if let Some(report) = state.internal(scope, "report_error", "reportTimer") {
            let _ = report.call(scope, this, &[exception]);
        }
    }
}

/// The same as a turn.
pub fn timer_turn(id: u32) -> Completion {
    Box::new(move |scope: &mut v8::PinScope<'_, '_>| fire_timer(scope, id))
}
