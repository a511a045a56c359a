//! Blob and File.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "blob",
    modules: &[js!("blob.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("asUint8Array", as_uint8_array);
}

/// `asUint8Array(view)`: the same bytes as a Uint8Array, whatever the view's class.
fn as_uint8_array(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    if args.get(0).is_uint8_array() {
        return rv.set(args.get(0));
    }
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else {
        return;
    };
    let Some(buffer) = view.buffer(scope) else {
        return;
    };
    if let Some(bytes) = v8::Uint8Array::new(scope, buffer, view.byte_offset(), view.byte_length())
    {
        rv.set(bytes.into());
    }
}
