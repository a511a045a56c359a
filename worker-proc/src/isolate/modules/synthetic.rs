//! The exports of modules that are no ES modules. V8 asks for the names when it links, for the values when it evaluates.

use super::{Source, map, require};
use crate::glue::args::{intern, string, to_string};
use crate::glue::state::IsolateState;

const DEFAULT: &str = "default";

/// What a module exports: V8 takes no name twice.
pub(super) fn export_names(scope: &mut v8::PinScope, source: &Source) -> Option<Vec<String>> {
    match source {
        Source::CommonJs { named_exports, .. } => {
            let mut names = vec![DEFAULT.to_owned()];
            for name in named_exports {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            Some(names)
        }
        Source::Builtin(internal) => builtin_names(scope, internal),
        _ => Some(vec![DEFAULT.to_owned()]),
    }
}

fn builtin_names(scope: &mut v8::PinScope, internal: &str) -> Option<Vec<String>> {
    let exports = builtin_exports(scope, internal)?;
    let keys = exports.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    let mut names = Vec::new();
    for index in 0..keys.length() {
        let key = keys.get_index(scope, index)?;
        names.push(to_string(scope, key));
    }
    Some(names)
}

fn builtin_exports<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    internal: &str,
) -> Option<v8::Local<'s, v8::Object>> {
    let state = IsolateState::get(scope);
    let load = state.internal(scope, "modules", "load")?;
    let name = string(scope, internal).into();
    let this = v8::undefined(scope).into();
    load.call(scope, this, &[name])?.to_object(scope)
}

/// V8's question for a module's exports.
pub(super) fn evaluate<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: V8 calls this with the context of the module that is evaluated.
    #[allow(unsafe_code)]
    {
        v8::callback_scope!(unsafe scope, context);
        set_exports(scope, module)?;
        let resolver = v8::PromiseResolver::new(scope)?;
        let undefined = v8::undefined(scope).into();
        resolver.resolve(scope, undefined)?;
        Some(resolver.get_promise(scope).into())
    }
}

fn set_exports<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<()> {
    let shared = map(scope);
    let full = shared.borrow().name_of(scope, module);
    let source = shared.borrow().source_of(&full).cloned()?;
    let default: v8::Local<v8::Value> = match source {
        Source::Es(_) => return None,
        Source::Text(text) => string(scope, &text).into(),
        Source::Data(data) => crate::glue::bytes::array_buffer(scope, data.to_vec()).into(),
        Source::Json(_) | Source::Wasm(_) | Source::Compiled(_) => value(scope, &full)?,
        Source::CommonJs { named_exports, .. } => {
            let exports = require::run_common_js(scope, &full)?;
            if let Some(object) = exports.to_object(scope).filter(|_| exports.is_object()) {
                for export in named_exports.iter().filter(|name| *name != DEFAULT) {
                    let key = intern(scope, export);
                    let value = object.get(scope, key.into())?;
                    module.set_synthetic_module_export(scope, key, value)?;
                }
            }
            exports
        }
        Source::Builtin(internal) => {
            let exports = builtin_exports(scope, &internal)?;
            for export in builtin_names(scope, &internal)? {
                let key = intern(scope, &export);
                let value = exports.get(scope, key.into())?;
                module.set_synthetic_module_export(scope, key, value)?;
            }
            return Some(());
        }
    };
    let key = intern(scope, DEFAULT);
    module
        .set_synthetic_module_export(scope, key, default)
        .map(|_| ())
}

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
