//! Blob and File.

use crate::glue::{Api, Maybe, Ops, op};
use crate::js;

pub const API: Api = Api {
    name: "blob",
    modules: &[js!("blob.js")],
    lazy: &[],
    uses: &["encoding", "structured_clone", "webidl"],
    lazy_uses: &[("streams", "only blob.stream() needs them")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[as_uint8_array, is_resizable]);
}

/// `asUint8Array(view)`: the same bytes as a Uint8Array, whatever the view's class.
#[op]
pub fn as_uint8_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    view: v8::Local<'s, v8::ArrayBufferView>,
) -> Maybe<v8::Local<'s, v8::Uint8Array>> {
    if let Ok(bytes) = view.try_into() {
        return Maybe(Some(bytes));
    }
    // A view that its buffer has shrunk away from still tells where it began.
    let (offset, length) = match view.byte_length() {
        0 => (0, 0),
        length => (view.byte_offset(), length),
    };
    let bytes = |buffer| v8::Uint8Array::new(scope, buffer, offset, length);
    Maybe(view.buffer(scope).and_then(bytes))
}

/// `isResizable(value)`: whether it is a resizable ArrayBuffer or a view of one.
#[op]
fn is_resizable<'s>(scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> bool {
    let buffer = match v8::Local::<v8::ArrayBufferView>::try_from(value) {
        Ok(view) => view.buffer(scope),
        Err(_) => v8::Local::<v8::ArrayBuffer>::try_from(value).ok(),
    };
    buffer.is_some_and(|buffer| buffer.get_backing_store().is_resizable_by_user_javascript())
}
