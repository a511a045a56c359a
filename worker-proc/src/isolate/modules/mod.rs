//! A worker's modules: what there is, compilation and evaluation.
//!
//! `dispatch` adds the config's modules and evaluates the main one. Built-in modules come from internal JavaScript, whose
//! `modules` module says which specifier is there under the worker's flags. `names` says what modules are called, `import`
//! answers V8's questions, `require` runs CommonJS, `synthetic` makes the exports of all that is no ES module.

mod import;
mod names;
mod require;
mod synthetic;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::glue::args::{intern, string};
use crate::glue::code::Text;
use crate::glue::error::{throw_error, throw_type_error};
use crate::glue::state::IsolateState;

use names::Naming;

pub use crate::glue::code::Source;
pub use require::create_require;
pub use synthetic::compile_wasm;

/// Who may import a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The worker's own modules, importable by all.
    Worker,
    /// An extension's module that workers may import.
    Extension,
    /// An extension's module for other extension modules.
    Internal,
}

struct Definition {
    source: Source,
    scope: Scope,
}

/// The modules of one isolate.
///
/// A full name is that of an instance; where names are URLs, those that differ in query and fragment have one definition.
#[derive(Default)]
struct ModuleMap {
    naming: Naming,
    /// The full name of the module that the worker starts with.
    main: Option<String>,
    definitions: HashMap<String, Definition>,
    /// By full name.
    modules: HashMap<String, v8::Global<v8::Module>>,
    names: HashMap<v8::Global<v8::Module>, String>,
    /// `module` of the CommonJS modules that have begun to run, by full name.
    common_js: HashMap<String, v8::Global<v8::Object>>,
    /// What JSON and Wasm modules were made into, by full name.
    values: HashMap<String, v8::Global<v8::Value>>,
    /// Evaluations that are under way on the stack.
    evaluating: u32,
}

impl ModuleMap {
    fn scope_of(&self, full: &str) -> Option<Scope> {
        let definition = self.definitions.get(self.naming.definition(full))?;
        Some(definition.scope)
    }

    fn source_of(&self, full: &str) -> Option<&Source> {
        let definition = self.definitions.get(self.naming.definition(full))?;
        Some(&definition.source)
    }

    /// Whether code of the module `referrer` may import the module `full`.
    fn visible(&self, full: &str, referrer: &str) -> bool {
        match self.scope_of(full) {
            None => false,
            Some(Scope::Internal) => self.is_extension(referrer),
            Some(_) => true,
        }
    }

    fn is_extension(&self, full: &str) -> bool {
        matches!(
            self.scope_of(full),
            Some(Scope::Extension | Scope::Internal)
        )
    }

    fn name_of(&self, scope: &mut v8::PinScope, module: v8::Local<v8::Module>) -> String {
        let key = v8::Global::new(scope, module);
        self.names.get(&key).cloned().unwrap_or_default()
    }
}

type Shared = Rc<RefCell<ModuleMap>>;

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

fn map(isolate: &v8::Isolate) -> Shared {
    isolate
        .get_slot::<Shared>()
        .expect("the isolate wrapper installs the map")
        .clone()
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
            throw_error(scope, &error);
            return None;
        }
    };
    let taken = shared.borrow().scope_of(&name) == Some(visible);
    if taken && visible == Scope::Worker {
        throw_error(scope, &format!("Module \"{name}\" already added to bundle"));
        return None;
    }
    let definition = Definition {
        source,
        scope: visible,
    };
    shared.borrow_mut().definitions.insert(name, definition);
    Some(())
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
            synthetic::value(scope, &full).map(|_| ())
        }
        Some(_) => load(scope, &full).map(|_| ()),
        None => Some(()),
    }
}

/// Source text as a V8 string: ASCII of the config is used in place, without a copy.
fn source_text<'s>(
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
        throw_error(scope, "The script is too long.");
    }
    made
}

fn origin<'s>(
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

/// Runs service-worker syntax: a classic script in the global scope.
pub fn run_script(scope: &mut v8::PinScope, name: &str, text: &'static str) -> Option<()> {
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
        throw_type_error(scope, "Main module must be an ES module.");
        return None;
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
        false => import::builtin(scope, name, true)?,
    };
    evaluate_named(scope, &builtin.unwrap_or(full))
}

fn evaluate_named<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Promise>)> {
    if map(scope).borrow().scope_of(full).is_none() {
        throw_error(scope, &format!("No such module \"{full}\"."));
        return None;
    }
    let module = load(scope, full)?;
    run(scope, module).map(|promise| (module, promise))
}

/// Links a module unless it is linked.
fn link(scope: &mut v8::PinScope, module: v8::Local<v8::Module>) -> Option<()> {
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module2(scope, import::resolve_module, import::resolve_source)?;
    }
    Some(())
}

/// Links and evaluates a module; never one that is being evaluated.
fn run<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    link(scope, module)?;
    let shared = map(scope);
    shared.borrow_mut().evaluating += 1;
    let evaluated = module.evaluate(scope);
    shared.borrow_mut().evaluating -= 1;
    v8::Local::<v8::Promise>::try_from(evaluated?).ok()
}

/// The same as if no request were there: what a module does while it starts is no part of the request that imports it.
fn run_outside<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let state = IsolateState::get(scope);
    let request = state.current.borrow_mut().take();
    let evaluated = run(scope, module);
    *state.current.borrow_mut() = request;
    evaluated
}

/// The module of that full name, compiled when it is first asked for.
fn load<'s>(scope: &mut v8::PinScope<'s, '_>, full: &str) -> Option<v8::Local<'s, v8::Module>> {
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
            let names = synthetic::export_names(scope, other)?;
            let names: Vec<_> = names.iter().map(|name| intern(scope, name)).collect();
            let name = string(scope, &definition);
            v8::Module::create_synthetic_module(scope, name, &names, synthetic::evaluate)
        }
    };
    let global = v8::Global::new(scope, module);
    let mut map = shared.borrow_mut();
    map.names.insert(global.clone(), full.to_owned());
    map.modules.insert(full.to_owned(), global);
    Some(module)
}
