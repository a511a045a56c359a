//! CompressionStream and DecompressionStream: the ops that feed a coder. The streams around it are JavaScript.

mod coder;

use std::cell::RefCell;

use crate::glue::{
    Api, Ops, bool_arg, native_arg, native_object, string_arg, throw, uint8_array, with_bytes,
};
use crate::js;
use coder::{Coder, Format};

pub const API: Api = Api {
    name: "compression",
    modules: &[js!("compression.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("compressor", compressor);
    ops.add("decompressor", decompressor);
    ops.add("push", push);
}

/// `compressor(format)`: an object that owns the coder.
fn compressor(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let format = Format::of(&string_arg(scope, &args, 0));
    rv.set(native_object(scope, RefCell::new(Coder::compressor(format))).into());
}

/// `decompressor(format, strict)`: an object that owns the coder.
fn decompressor(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let format = Format::of(&string_arg(scope, &args, 0));
    let coder = Coder::decompressor(format, bool_arg(&args, 1));
    rv.set(native_object(scope, RefCell::new(coder)).into());
}

/// `push(coder, bytes, last)`: the output that these bytes yield.
fn push(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let Some(coder) = native_arg::<RefCell<Coder>>(scope, &args, 0) else {
        return;
    };
    let last = bool_arg(&args, 2);
    let result = with_bytes(args.get(1), |bytes| coder.borrow_mut().push(bytes, last));
    match result {
        Ok(output) => rv.set(uint8_array(scope, output).into()),
        Err(error) => throw(scope, &error.into()),
    }
}
