//! Batches of a queue's messages: how a worker gives them to another one, and how that one says what becomes of them.

use crate::api::web::structured_clone::stored;
use crate::glue::{Api, Ops, uint8_array, with_bytes};
use crate::js;

pub const API: Api = Api {
    name: "queue",
    modules: &[],
    lazy: &[js!("queue.js")],
    ops,
};

fn ops(r: &mut Ops) {
    r.add("copy", copy);
    r.add("serialize", serialize);
    r.add("deserialize", deserialize);
}

/// `copy(bytes)`: the bytes of a buffer or view in a Uint8Array of their own.
fn copy(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    rv.set(uint8_array(scope, bytes).into());
}

/// `serialize(value)`: the bytes of a message's body.
fn serialize(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if let Some(bytes) = stored::serialize(scope, args.get(0)) {
        rv.set(uint8_array(scope, bytes).into());
    }
}

/// `deserialize(bytes)`.
fn deserialize(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    if let Some(value) = stored::deserialize(scope, &bytes) {
        rv.set(value);
    }
}
