//! reportError, and what becomes of errors that nobody catches.

use crate::glue::{Api, Ops, string_arg};
use crate::js;

pub const API: Api = Api {
    name: "report_error",
    modules: &[js!("report_error.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("locate", locate);
    ops.add("log", log);
}

/// `locate(error)`: [message, file name, line, column] as V8 would report it here.
fn locate(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let message = v8::Exception::create_message(scope, args.get(0));
    let text = message.get(scope);
    let file = message
        .get_script_resource_name(scope)
        .and_then(|name| name.to_string(scope))
        .unwrap_or_else(|| v8::String::empty(scope));
    let line = message
        .get_line_number(scope)
        .and_then(|line| i32::try_from(line).ok())
        .unwrap_or(0);
    let line = v8::Integer::new(scope, line);
    let column = v8::Integer::new(
        scope,
        i32::try_from(message.get_start_column()).unwrap_or(0),
    );
    let parts = [text.into(), file.into(), line.into(), column.into()];
    rv.set(v8::Array::new_with_elements(scope, &parts).into());
}

/// `log(text)`: a line on standard error.
fn log(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    eprintln!("uncaught exception; desc = {}", string_arg(scope, &args, 0));
}
