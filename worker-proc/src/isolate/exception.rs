//! What an exception says, for logs and for start-up errors.

use super::modules;
use crate::glue::args::intern;
use crate::glue::state::IsolateState;

/// An exception in words.
#[derive(Clone, Debug)]
pub struct Described {
    /// `TypeError: message`, as `String(error)` gives it.
    pub summary: String,
    /// The summary and the stack below it.
    pub stack: String,
    /// Where it was thrown: `main.js:1:21`, and the frames in workerd's start-up form (`  at main.js:1:21 in f`). Where there is a
    /// source map, the places are those of the sources.
    pub frames: Vec<String>,
}

/// Describes an exception. Getters and `toString` of hostile values may run; what they throw is swallowed.
pub fn describe<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exception: v8::Local<'s, v8::Value>,
) -> Described {
    v8::tc_scope!(let scope, scope);
    let message = v8::Exception::create_message(scope, exception);
    let mut frames = match message.get_stack_trace(scope) {
        Some(stack) => frames(scope, &stack),
        None => Vec::new(),
    };
    let mut class = "Error".to_owned();
    let mut stack = None;
    if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
        class = property(scope, object, "name").unwrap_or(class);
        stack = property(scope, object, "stack");
    }
    let summary = match exception.to_string(scope) {
        Some(summary) => summary.to_rust_string_lossy(scope),
        None => class.clone(),
    };
    if frames.is_empty() && class == "SyntaxError" {
        frames.extend(position(scope, &message));
    }
    let stack = match stack {
        Some(stack) if !stack.is_empty() => stack,
        _ => summary.clone(),
    };
    Described {
        summary,
        stack,
        frames,
    }
}

fn property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &str,
) -> Option<String> {
    let key = intern(scope, name);
    let value = object.get(scope, key.into())?;
    let value = v8::Local::<v8::String>::try_from(value).ok()?;
    Some(value.to_rust_string_lossy(scope))
}

fn position(scope: &mut v8::PinScope, message: &v8::Message) -> Option<String> {
    let name = message.get_script_resource_name(scope);
    let name = name.and_then(|name| v8::Local::<v8::String>::try_from(name).ok());
    let name = match name {
        Some(name) if name.length() > 0 => format!("  at {}", name.to_rust_string_lossy(scope)),
        _ => String::new(),
    };
    // As in workerd, columns count from 0 here, and 0 is left out.
    let (line, column) = (message.get_line_number(scope)?, message.get_start_column());
    match (line, column) {
        (0, _) => (!name.is_empty()).then_some(name),
        (line, 0) => Some(format!("{name}:{line}")),
        (line, column) => Some(format!("{name}:{line}:{column}")),
    }
}

/// A stack, in workerd's start-up form, without what is internal.
pub(super) fn frames(scope: &mut v8::PinScope, stack: &v8::StackTrace) -> Vec<String> {
    let mut all = Vec::new();
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            continue;
        };
        let Some(script) = frame.get_script_name_or_source_url(scope) else {
            continue;
        };
        let script = script.to_rust_string_lossy(scope);
        if script.starts_with("internal:") {
            continue;
        }
        let (number, column) = (frame.get_line_number(), frame.get_column());
        let at = u32::try_from(number).ok().zip(u32::try_from(column).ok());
        let at = at.and_then(|(number, column)| modules::place(scope, &script, number, column));
        let at = at.unwrap_or_else(|| format!("{script}:{number}:{column}"));
        let mut line = format!("  at {at}");
        if let Some(function) = frame.get_function_name(scope) {
            let function = function.to_rust_string_lossy(scope);
            if !function.is_empty() {
                line.push_str(" in ");
                line.push_str(&function);
            }
        }
        all.push(line);
    }
    all
}

/// Leaves internal frames out of `error.stack`.
pub(super) fn prepare_stack_trace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let state = IsolateState::get(scope);
    let this = v8::undefined(scope).into();
    let prepared = state
        .internal(scope, "stack_trace", "prepare")
        .and_then(|prepare| prepare.call(scope, this, &[error, sites.into()]));
    // V8 takes no empty answer, even with an exception pending.
    prepared.unwrap_or(this)
}
