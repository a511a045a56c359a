//! A worker's modules: what there is, compilation and evaluation.
//!
//! `dispatch` adds the config's modules and evaluates the main one. Built-in modules come from internal JavaScript, whose
//! `modules` module says which specifier is there under the worker's flags. From the bottom up: `names` says what modules are
//! called, `error` what is wrong with them, `map` holds them, `resolve` finds them, `fallback` those that are elsewhere, `values` makes JSON and Wasm; `load` compiles, `import` evaluates and answers
//! V8's questions, `require` runs CommonJS: these three need each other, as modules of all kinds import each other. `source_maps` is for logs.

mod error;
mod fallback;
mod import;
mod load;
mod map;
mod names;
mod require;
mod resolve;
mod source_maps;
mod values;

use std::cell::RefCell;
use std::rc::Rc;

use crate::glue::code::Text;

use error::Error;
use import::run;
use load::{load, origin, source_text};
use map::{Definition, ModuleMap, Shared, map};
use names::Naming;

pub use crate::glue::code::Source;
pub use error::TOO_LONG;
pub use fallback::{Fallback, FallbackAnswer, Wanted};
pub use map::Scope;
pub use names::normalize_path;
pub use require::{builtin_namespace, create_require};
pub use source_maps::{mapped, place};
pub use values::compile_wasm;

pub(super) fn install(isolate: &mut v8::Isolate, flags: &schema::compat::Flags) {
    let naming = if flags.get(schema::compat::field::NEW_MODULE_REGISTRY) {
        Naming::Urls
    } else {
        Naming::Paths
    };
    isolate.set_slot(Shared::new(RefCell::new(ModuleMap {
        naming,
        ..ModuleMap::default()
    })));
    import::install(isolate, naming);
}

pub(super) fn clear(isolate: &mut v8::Isolate) {
    isolate.remove_slot::<Shared>();
}

/// Adds a module of the config. Empty if its name is taken or none, with an exception pending.
pub fn add(scope: &mut v8::PinScope, name: &str, source: Source, visible: Scope) -> Option<()> {
    let shared = map(scope);
    let naming = shared.borrow().naming;
    let named = match visible {
        Scope::Worker => naming.of_module(name),
        Scope::Extension | Scope::Internal => Ok(naming.of_extension(name)),
    };
    let name = match named {
        Ok(name) => name,
        Err(error) => {
            return error.throw(scope);
        }
    };
    let taken = shared.borrow().scope_of(&name) == Some(visible);
    if taken && visible == Scope::Worker {
        return Error::AlreadyAdded { name }.throw(scope);
    }
    let definition = Definition {
        source,
        scope: visible,
    };
    if visible == Scope::Worker {
        shared.borrow_mut().own.push(name.clone());
    }
    shared.borrow_mut().definitions.insert(name, definition);
    Some(())
}

/// Says who is asked for modules that are not here.
pub fn set_fallback(isolate: &v8::Isolate, fallback: Rc<dyn Fallback>) {
    map(isolate).borrow_mut().fallback = Some(fallback);
}

/// The paths of the worker's own modules in its bundle, in the config's order; none for one that is no file.
pub fn bundle(isolate: &v8::Isolate) -> Vec<Option<String>> {
    let shared = map(isolate);
    let map = shared.borrow();
    let script = map.script.iter().map(|(name, _)| name);
    let names = script.chain(&map.own);
    names.map(|name| names::path_in_bundle(name)).collect()
}

/// One of them, by its place in [`bundle`].
pub fn bundled(isolate: &v8::Isolate, index: usize) -> Option<Source> {
    let shared = map(isolate);
    let map = shared.borrow();
    match &map.script {
        Some((_, text)) => (index == 0).then(|| Source::Es(text.clone())),
        None => map.source_of(map.own.get(index)?).cloned(),
    }
}

/// Compiles a module of the config before anything imports it, where errors of a module that nothing imports are the
/// worker's: where names are paths.
pub fn prepare(scope: &mut v8::PinScope, name: &str) -> Option<()> {
    let shared = map(scope);
    let naming = shared.borrow().naming;
    if naming == Naming::Urls {
        return Some(());
    }
    let full = naming.of_module(name).unwrap_or_default();
    let source = shared.borrow().source_of(&full).cloned();
    match source {
        Some(Source::Json(_) | Source::Wasm(_) | Source::Compiled(_)) => {
            values::value(scope, &full).map(|_| ())
        }
        Some(_) => load(scope, &full).map(|_| ()),
        None => Some(()),
    }
}

/// Runs service-worker syntax: a classic script in the global scope.
pub fn run_script(scope: &mut v8::PinScope, name: &str, text: &'static str) -> Option<()> {
    map(scope).borrow_mut().script = Some((name.to_owned(), Text::Mapped(text)));
    let code = source_text(scope, &Text::Mapped(text))?;
    let origin = origin(scope, name, false);
    v8::Script::compile(scope, code, Some(&origin))?
        .run(scope)
        .map(|_| ())
}

/// Loads, links and evaluates the worker's main module; the promise is that of its evaluation.
pub fn evaluate_main<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Promise>)> {
    let shared = map(scope);
    let naming = shared.borrow().naming;
    let full = naming.of_module(name).unwrap_or_default();
    shared.borrow_mut().main = Some(full.clone());
    let source = shared.borrow().source_of(&full).cloned();
    if source.is_some_and(|source| !matches!(source, Source::Es(_))) {
        return Error::MainIsNoEsModule.throw(scope);
    }
    evaluate_named(scope, &full)
}

/// The same for the module of an extension, or for a built-in one that extensions may use.
pub fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Promise>)> {
    let shared = map(scope);
    let full = shared.borrow().naming.of_extension(name);
    let is_known = shared.borrow().scope_of(&full).is_some();
    let builtin = match is_known {
        true => None,
        false => resolve::builtin(scope, name, true)?,
    };
    evaluate_named(scope, &builtin.unwrap_or(full))
}

fn evaluate_named<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Promise>)> {
    if map(scope).borrow().scope_of(full).is_none() {
        let name = full.to_owned();
        return Error::NoSuchModule { name }.throw(scope);
    }
    let module = load(scope, full)?;
    run(scope, module).map(|promise| (module, promise))
}
