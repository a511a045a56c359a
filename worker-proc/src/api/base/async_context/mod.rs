//! Async context: the current frame, which V8 carries through promises for the embedder.

use crate::glue::context::{frame, set_frame};
use crate::glue::{Api, Ops, context_id};
use crate::js;

pub const API: Api = Api {
    name: "async_context",
    modules: &[js!("async_context.js")],
    lazy: &[js!("async_local_storage.js")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("get", get);
    ops.add("set", set);
    ops.add("contextId", context_id);
}

/// `get()`: the current frame, undefined where there is none.
fn get(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set(frame(scope));
}

/// `set(frame)`.
fn set(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    set_frame(scope, args.get(0));
}
