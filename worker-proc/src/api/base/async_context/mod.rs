//! Async context: the current frame, which V8 carries through promises for the embedder.

use crate::glue::context::{frame, set_frame};
use crate::glue::{Api, Ops, context_id, op};
use crate::js;

pub const API: Api = Api {
    name: "async_context",
    modules: &[js!("async_context.js")],
    lazy: &[js!("async_local_storage.js")],
    uses: &["webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[get, set, context_id]);
}

/// `get()`: the current frame, undefined where there is none.
#[op]
fn get<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
    frame(scope)
}

/// `set(frame)`.
#[op]
fn set<'s>(scope: &mut v8::PinScope<'s, '_>, frame: v8::Local<'s, v8::Value>) {
    set_frame(scope, frame);
}
