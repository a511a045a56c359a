//! CompressionStream and DecompressionStream: the ops that feed a coder. The streams around it are JavaScript.

mod body;
mod coder;
mod content;

use std::cell::RefCell;
use std::rc::Rc;

use super::streams::{give_body, take_body};
use crate::glue::bytes::most_buffer_bytes;
use crate::glue::{
    Api, Ops, bool_arg, current, native_arg, native_object, string_arg, throw_type_error, u32_arg,
    uint8_array, with_bytes,
};
use crate::js;
use crate::service::Body;
use body::{AnyCoder, CodedBody};
use coder::{Coder, Format};
use content::{Coding, ContentCoder};

pub const API: Api = Api {
    name: "compression",
    modules: &[],
    lazy: &[
        js!("compression.js").defining(&["CompressionStream", "DecompressionStream"]),
        js!("content.js"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("compressor", compressor);
    ops.add("decompressor", decompressor);
    ops.add("push", push);
    ops.add("codeBody", code_body);
    ops.add("codeContent", code_content);
    ops.add("encodeContent", encode_content);
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
    let most = most_buffer_bytes(scope);
    let pushed = with_bytes(args.get(1), |bytes| {
        coder.borrow_mut().push(bytes, last, most)
    });
    match pushed {
        Ok(output) => rv.set(uint8_array(scope, output).into()),
        Err(error) => throw_type_error(scope, error.message()),
    }
}

/// `codeBody(number, coder)`: the number of a body that is the coded form of that one.
fn code_body(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let Some(coder) = native_arg::<RefCell<Coder>>(scope, &args, 1) else {
        return;
    };
    let Some(source) = take_body(scope, number) else {
        return;
    };
    let body = coded(scope, source, AnyCoder::Stream(coder));
    if let Some(number) = give_body(scope, body) {
        rv.set_uint32(number);
    }
}

/// The coded form of a body, whose processor time the event that runs pays for.
fn coded(scope: &mut v8::PinScope, source: Body, coder: AnyCoder) -> Body {
    let payer = current(scope).map(|context| Rc::downgrade(&context));
    Body::Stream(Box::new(CodedBody::new(source, coder, payer)))
}

/// `codeContent(number, coding, encode)`: the number of a body that is that one encoded, or decoded.
fn code_content(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let number = u32_arg(scope, &args, 0);
    let coding = Coding::of(&string_arg(scope, &args, 1));
    let coder = match bool_arg(&args, 2) {
        true => ContentCoder::encoder(coding),
        false => ContentCoder::decoder(coding),
    };
    let Some(source) = take_body(scope, number) else {
        return;
    };
    let body = coded(scope, source, AnyCoder::Content(coder));
    if let Some(number) = give_body(scope, body) {
        rv.set_uint32(number);
    }
}

/// `encodeContent(bytes, coding)`: the same for bytes in memory.
fn encode_content(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let encoder = ContentCoder::encoder(Coding::of(&string_arg(scope, &args, 1)));
    match with_bytes(args.get(0), |bytes| encoder.all(bytes)) {
        Ok(output) => rv.set(uint8_array(scope, output).into()),
        Err(error) => throw_type_error(scope, error.message()),
    }
}
