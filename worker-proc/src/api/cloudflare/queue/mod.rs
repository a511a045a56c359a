//! Batches of a queue's messages: how a worker gives them to another one, and how that one says what becomes of them.

use crate::api::web::structured_clone::stored;
use crate::glue::{Api, Ops, Thrown, op};
use crate::js;

pub const API: Api = Api {
    name: "queue",
    modules: &[],
    lazy: &[js!("queue.js")],
    uses: &["console", "events", "fetch", "structured_clone", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(r: &mut Ops) {
    r.add_all(&[copy, serialize, deserialize]);
}

/// `copy(bytes)`: the bytes of a buffer or view in a Uint8Array of their own.
#[op]
fn copy(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// The version of V8's format that queues are given. A later one says the same of buffers under 4 GiB.
const VERSION: u8 = 15;

/// `serialize(value)`: the bytes of a message's body.
#[op]
fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Vec<u8>, Thrown> {
    let mut bytes = stored::serialize(scope, value).ok_or(Thrown)?;
    // After the tag of the header.
    if let Some(version) = bytes.get_mut(1) {
        *version = VERSION;
    }
    Ok(bytes)
}

/// `deserialize(bytes)`.
#[op]
fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    stored::deserialize(scope, &bytes).ok_or(Thrown)
}
