//! reportError, and what becomes of errors that nobody catches.

use crate::glue::args::to_string;
use crate::glue::{Api, JsArray, Ops, op};
use crate::isolate::{inspector, modules};
use crate::js;
use crate::log;

pub const API: Api = Api {
    name: "report_error",
    modules: &[js!("report_error.js")],
    lazy: &[],
    uses: &["events", "trace", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[locate, log_error, inspect]);
    ops.share::<Located>();
}

/// An error as V8 would report it.
#[derive(JsArray)]
struct Located<'s> {
    message: v8::Local<'s, v8::String>,
    file: String,
    line: u32,
    column: u32,
}

/// `locate(error)`: as V8 would report it here.
#[op]
fn locate<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Value>) -> Located<'s> {
    let message = v8::Exception::create_message(scope, error);
    let at = place(scope, message);
    Located {
        message: message.get(scope),
        file: at.file,
        line: at.line,
        column: at.column,
    }
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

/// `inspect(error, what)`: tells the inspector's clients, if there are any, of an error that nobody caught.
#[op]
fn inspect<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Value>, what: &str) {
    if let Some(inspector) = inspector::of(scope) {
        inspector.exception(scope, error, what);
    }
}

/// `log(text, callerIsTold)`: an error of the worker's code. What its stack names is told as places in the sources, where there
/// are source maps.
#[op(log)]
fn log_error(scope: &mut v8::PinScope, text: &str, caller_is_told: bool) {
    log::uncaught(modules::mapped(scope, text), caller_is_told);
}
