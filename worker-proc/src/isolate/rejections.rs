//! Promise rejections that nobody handles: collected while a turn runs, reported to JavaScript at its end.

use std::cell::RefCell;
use std::rc::Rc;

use crate::glue::context::{frame, set_frame};
use crate::glue::state::IsolateState;

struct Entry {
    promise: v8::Global<v8::Promise>,
    reason: v8::Global<v8::Value>,
    /// The frame of `async_context` in which it was rejected: its listeners run there.
    frame: v8::Global<v8::Value>,
}

/// Rejected and so far unhandled in this turn, and rejections that were handled after they were reported.
#[derive(Default)]
struct Pending {
    rejected: Vec<Entry>,
    handled_late: Vec<Entry>,
    reported: Vec<Entry>,
}

/// Reported rejections remembered so that a late handler can be announced.
const MAX_REPORTED_REJECTIONS: usize = 1024;

pub(super) fn install(isolate: &mut v8::Isolate) {
    isolate.set_slot(Rc::new(RefCell::new(Pending::default())));
    isolate.set_promise_reject_callback(on_reject);
}

pub(super) fn clear(isolate: &mut v8::Isolate) {
    isolate.remove_slot::<Rc<RefCell<Pending>>>();
}

fn pending(isolate: &v8::Isolate) -> Option<Rc<RefCell<Pending>>> {
    isolate.get_slot::<Rc<RefCell<Pending>>>().cloned()
}

#[allow(unsafe_code)]
unsafe extern "C" fn on_reject(message: v8::PromiseRejectMessage) {
    // SAFETY: V8 calls this inside the isolate, with a live message.
    v8::callback_scope!(unsafe scope, &message);
    let Some(pending) = pending(scope) else {
        return;
    };
    let mut pending = pending.borrow_mut();
    let promise = message.get_promise();
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let reason = message
                .get_value()
                .unwrap_or_else(|| v8::undefined(scope).into());
            let frame = frame(scope);
            let entry = Entry {
                promise: v8::Global::new(scope, promise),
                reason: v8::Global::new(scope, reason),
                frame: v8::Global::new(scope, frame),
            };
            pending.rejected.push(entry);
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            let promise = v8::Global::new(scope, promise);
            if let Some(index) = pending
                .rejected
                .iter()
                .position(|entry| entry.promise == promise)
            {
                pending.rejected.swap_remove(index);
            } else if let Some(index) = pending
                .reported
                .iter()
                .position(|entry| entry.promise == promise)
            {
                let entry = pending.reported.swap_remove(index);
                pending.handled_late.push(entry);
            }
        }
        _ => {}
    }
}

/// Tells the `events` API of what is still unhandled; its `unhandledrejection` listeners may reject again.
pub(super) fn report(scope: &mut v8::PinScope) {
    /// Rounds of listeners that reject in turn before the rest waits for the next turn.
    const MAX_ROUNDS: usize = 16;
    let Some(pending) = pending(scope) else {
        return;
    };
    for _ in 0..MAX_ROUNDS {
        let (rejected, late) = {
            let mut pending = pending.borrow_mut();
            if pending.rejected.is_empty() && pending.handled_late.is_empty() {
                return;
            }
            (
                std::mem::take(&mut pending.rejected),
                std::mem::take(&mut pending.handled_late),
            )
        };
        let state = IsolateState::get(scope);
        for (name, entries) in [("unhandledrejection", rejected), ("rejectionhandled", late)] {
            for entry in entries {
                let promise = v8::Local::new(scope, &entry.promise);
                let reason = v8::Local::new(scope, &entry.reason);
                let (before, its_own) = (frame(scope), v8::Local::new(scope, &entry.frame));
                // A listener may handle it at once.
                if name == "unhandledrejection" {
                    let mut pending = pending.borrow_mut();
                    if pending.reported.len() >= MAX_REPORTED_REJECTIONS {
                        pending.reported.remove(0);
                    }
                    pending.reported.push(entry);
                }
                v8::tc_scope!(let scope, scope);
                if let Some(report) = state.internal(scope, "events", "reportRejection") {
                    let kind = crate::glue::intern(scope, name).into();
                    let this = v8::undefined(scope).into();
                    set_frame(scope, its_own);
                    let _ = report.call(scope, this, &[kind, promise.into(), reason]);
                    set_frame(scope, before);
                }
            }
        }
        scope.perform_microtask_checkpoint();
    }
}
