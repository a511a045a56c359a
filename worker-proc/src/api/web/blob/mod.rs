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
    ops.add("isResizable", is_resizable);
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

/// `isResizable(value)`: whether it is a resizable ArrayBuffer or a view of one.
fn is_resizable(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let buffer = match v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) {
        Ok(view) => view.buffer(scope),
        Err(_) => v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)).ok(),
    };
    rv.set_bool(
        buffer.is_some_and(|buffer| buffer.get_backing_store().is_resizable_by_user_javascript()),
    );
}
