//! Compilation, and the exports of modules that are no ES modules: V8 asks for the names when it links, for the values when it
//! evaluates.

use super::error::Error;
use super::map::map;
use super::require::run_common_js;
use super::values::value;
use crate::glue::args::{intern, string, to_string};
use crate::glue::code::{Source, Text};
use crate::glue::state::IsolateState;

const DEFAULT: &str = "default";

/// The module of that full name, compiled when it is first asked for.
pub(super) fn load<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<v8::Local<'s, v8::Module>> {
    let shared = map(scope);
    let (source, definition) = {
        let map = shared.borrow();
        if let Some(module) = map.modules.get(full) {
            return Some(v8::Local::new(scope, module));
        }
        let definition = map.naming.definition(full).to_owned();
        (map.source_of(full)?.clone(), definition)
    };
    let module = match &source {
        Source::Es(text) => {
            let code = source_text(scope, text)?;
            let origin = origin(scope, &definition, true);
            let mut source = v8::script_compiler::Source::new(code, Some(&origin));
            v8::script_compiler::compile_module(scope, &mut source)?
        }
        other => {
            let names = export_names(scope, other)?;
            let names: Vec<_> = names.iter().map(|name| intern(scope, name)).collect();
            let name = string(scope, &definition);
            v8::Module::create_synthetic_module(scope, name, &names, evaluate)
        }
    };
    let global = v8::Global::new(scope, module);
    let mut map = shared.borrow_mut();
    map.names.insert(global.clone(), full.to_owned());
    map.modules.insert(full.to_owned(), global);
    Some(module)
}

/// Source text as a V8 string: ASCII of the config is used in place, without a copy.
pub(super) fn source_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: &Text,
) -> Option<v8::Local<'s, v8::String>> {
    let made = match text {
        Text::Mapped(text) if text.is_ascii() && !text.is_empty() => {
            v8::String::new_external_onebyte_static(scope, text.as_bytes())
        }
        text => v8::String::new(scope, text),
    };
    if made.is_none() {
        return Error::TooLong.throw(scope);
    }
    made
}

pub(super) fn origin<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    is_module: bool,
) -> v8::ScriptOrigin<'s> {
    let name = string(scope, name);
    v8::ScriptOrigin::new(
        scope,
        name.into(),
        0,
        0,
        false,
        -1,
        None,
        false,
        false,
        is_module,
        None,
    )
}

/// What a module exports: V8 takes no name twice.
fn export_names(scope: &mut v8::PinScope, source: &Source) -> Option<Vec<String>> {
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
fn evaluate<'s>(
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
            let exports = run_common_js(scope, &full)?;
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
