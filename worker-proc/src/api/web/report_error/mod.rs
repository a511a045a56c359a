//! reportError, and what becomes of errors that nobody catches.

use crate::glue::args::to_string;
use crate::glue::{Api, Ops, string, string_arg};
use crate::js;
use crate::log;

pub const API: Api = Api {
    name: "report_error",
    modules: &[js!("report_error.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("locate", locate);
    ops.add("log", log_error);
}

/// `locate(error)`: [message, file name, line, column] as V8 would report it here.
fn locate(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let message = v8::Exception::create_message(scope, args.get(0));
    let text = message.get(scope);
    let at = place(scope, message);
    let file = string(scope, &at.file);
    let line = v8::Integer::new_from_unsigned(scope, at.line);
    let column = v8::Integer::new_from_unsigned(scope, at.column);
    let parts = [text.into(), file.into(), line.into(), column.into()];
    rv.set(v8::Array::new_with_elements(scope, &parts).into());
}

#[derive(Default)]
struct SourcePlace {
    file: String,
    line: u32,
    column: u32,
}

/// Where an error is from: users' code, not the internal JavaScript that reports a value without a stack.
fn place(scope: &mut v8::PinScope, message: v8::Local<v8::Message>) -> SourcePlace {
    const MAX_FRAMES: usize = 10;
    let file = message
        .get_script_resource_name(scope)
        .map(|name| to_string(scope, name))
        .unwrap_or_default();
    if !file.starts_with(INTERNAL) {
        let line = message
            .get_line_number(scope)
            .and_then(|line| u32::try_from(line).ok())
            .unwrap_or(0);
        return SourcePlace {
            file,
            line,
            column: u32::try_from(message.get_start_column()).unwrap_or(0),
        };
    }
    let Some(stack) = v8::StackTrace::current_stack_trace(scope, MAX_FRAMES) else {
        return SourcePlace::default();
    };
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            break;
        };
        let file = frame
            .get_script_name(scope)
            .map(|name| name.to_rust_string_lossy(scope))
            .unwrap_or_default();
        if !file.starts_with(INTERNAL) {
            return SourcePlace {
                file,
                line: u32::try_from(frame.get_line_number()).unwrap_or(0),
                column: u32::try_from(frame.get_column()).unwrap_or(0),
            };
        }
    }
    SourcePlace::default()
}

/// What the names of internal scripts begin with.
const INTERNAL: &str = "internal:";

/// `log(text)`: an error of the worker's code.
fn log_error(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    log::error(format_args!(
        "uncaught exception; {}",
        string_arg(scope, &args, 0)
    ));
}
