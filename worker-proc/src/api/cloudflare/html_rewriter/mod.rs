//! HTMLRewriter: the ops that drive a parser and change what its handlers are called with.

mod depth;
mod rewriter;
mod tokens;

use std::rc::Rc;

use encoding_rs::Encoding;
use lol_html::{AsciiCompatibleEncoding, Selector};

use crate::glue::{
    Api, Ops, bool_arg, bytes_arg, native_arg, native_object, native_value, str_arg,
    throw_type_error, uint8_array,
};
use crate::js;
use rewriter::{Handlers, Rewriter, Step};

pub const API: Api = Api {
    name: "html_rewriter",
    modules: &[],
    lazy: &[
        js!("html_rewriter.js").defining(&["HTMLRewriter"]),
        js!("tokens.js"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("parseSelector", parse_selector);
    ops.add("open", open);
    ops.add("write", write);
    ops.add("end", end);
    ops.add("proceed", proceed);
    ops.add("stop", stop);
    ops.add("takeOutput", take_output);
    tokens::ops(ops);
}

/// Throws what the parser complains of, as workerd words it.
fn complain(scope: &mut v8::PinScope, error: &dyn std::fmt::Display) {
    throw_type_error(scope, &format!("Parser error: {error}"));
}

/// `parseSelector(text)`: an object that owns the selector.
fn parse_selector(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    str_arg(scope, &args, 0, |scope, text| {
        if depth::is_too_deep(text) {
            return complain(scope, &"Unsupported syntax in selector.");
        }
        match text.parse::<Selector>() {
            Ok(selector) => rv.set(native_object(scope, selector).into()),
            Err(error) => complain(scope, &error),
        }
    });
}

/// `open(charset, esiTags, sets)`: an object that owns a rewriter. `sets` has two values for each set of handlers: its
/// selector or null, and a bit for each of element, comments, text, doctype and end that there is.
fn open(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let encoding = str_arg(scope, &args, 0, |scope, label| {
        let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) else {
            complain(scope, &"Unknown character encoding has been provided.");
            return None;
        };
        let encoding = AsciiCompatibleEncoding::new(encoding);
        if encoding.is_none() {
            complain(scope, &"Expected ASCII-compatible encoding.");
        }
        encoding
    });
    let Some(encoding) = encoding else { return };
    let handlers = handlers_arg(scope, args.get(2));
    match Rewriter::new(encoding, bool_arg(&args, 1), &handlers) {
        Ok(rewriter) => rv.set(native_object(scope, rewriter).into()),
        Err(error) => complain(scope, &error),
    }
}

fn handlers_arg(scope: &mut v8::PinScope, sets: v8::Local<v8::Value>) -> Vec<Handlers> {
    let Ok(sets) = v8::Local::<v8::Array>::try_from(sets) else {
        return Vec::new();
    };
    let mut handlers = Vec::new();
    for index in (0..sets.length()).step_by(2) {
        let selector = sets.get_index(scope, index);
        let selector: Option<Rc<Selector>> =
            selector.and_then(|selector| native_value(scope, selector));
        let bits = sets.get_index(scope, index + 1);
        let bits = bits.and_then(|bits| bits.uint32_value(scope)).unwrap_or(0);
        let has = |bit: u32| bits & (1 << bit) != 0;
        handlers.push(Handlers {
            selector,
            element: has(0),
            comments: has(1),
            text: has(2),
            doctype: has(3),
            end: has(4),
        });
    }
    handlers
}

/// `write(rewriter, bytes)`: the number of the handler that is due, or -1 for more input.
fn write(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    let bytes = bytes_arg(&args, 1);
    drive(scope, &args, rv, |rewriter| rewriter.write(bytes.into()));
}

/// `end(rewriter)`: the same at the document's end.
fn end(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    drive(scope, &args, rv, Rewriter::end);
}

/// `proceed(rewriter)`: the same after a handler.
fn proceed(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, rv: v8::ReturnValue) {
    drive(scope, &args, rv, Rewriter::proceed);
}

fn drive(
    scope: &mut v8::PinScope,
    args: &v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
    go_on: impl FnOnce(&Rewriter) -> Result<Step, lol_html::errors::RewritingError>,
) {
    let Some(rewriter) = native_arg::<Rewriter>(scope, args, 0) else {
        return;
    };
    match go_on(&rewriter) {
        Ok(Step::Idle) => rv.set_int32(-1),
        Ok(Step::Due(number)) => rv.set_uint32(number),
        Err(error) => complain(scope, &error),
    }
}

/// `stop(rewriter)`: ends the parser wherever it is.
fn stop(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    if let Some(rewriter) = native_arg::<Rewriter>(scope, &args, 0) {
        rewriter.stop();
    }
}

/// `takeOutput(rewriter)`: what has been rewritten since the last call, or undefined for nothing.
fn take_output(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let Some(rewriter) = native_arg::<Rewriter>(scope, &args, 0) else {
        return;
    };
    let output = rewriter.take_output();
    if !output.is_empty() {
        rv.set(uint8_array(scope, output).into());
    }
}
