//! What modules of JSON and Wasm are made into.

use super::map::map;
use crate::glue::args::string;
use crate::glue::code::Source;
use crate::glue::state::IsolateState;

/// What a JSON or Wasm module is made into, once.
pub(super) fn value<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let shared = map(scope);
    let source = {
        let map = shared.borrow();
        if let Some(value) = map.values.get(full) {
            return Some(v8::Local::new(scope, value));
        }
        map.source_of(full)?.clone()
    };
    let value = match source {
        Source::Json(text) => {
            let text = string(scope, &text);
            v8::json::parse(scope, text)?
        }
        Source::Wasm(bytes) => compile_wasm(scope, &bytes)?,
        Source::Compiled(module) => module.object(scope)?.into(),
        _ => return None,
    };
    let kept = v8::Global::new(scope, value);
    shared.borrow_mut().values.insert(full.to_owned(), kept);
    Some(value)
}

/// Compiles Wasm bytes into a `WebAssembly.Module`.
pub fn compile_wasm<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    let state = IsolateState::get(scope);
    let before = state.allow_eval.replace(true);
    let module = v8::WasmModuleObject::compile(scope, bytes);
    state.allow_eval.set(before);
    module.map(Into::into)
}
