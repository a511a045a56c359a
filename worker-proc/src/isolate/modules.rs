//! A worker's modules: resolution, compilation, evaluation, `require` and dynamic import.
//!
//! `dispatch` adds the config's modules and evaluates the main one. Built-in modules come from internal JavaScript, whose
//! `modules` module says which specifier is there under the worker's flags.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::glue::args::{intern, string, string_arg, to_string};
use crate::glue::error::{OpError, throw, throw_error};
use crate::glue::state::IsolateState;

/// Where a module's exports come from. Text and bytes live in the mapped config, for as long as the process.
#[derive(Clone, Debug)]
pub enum Source {
    Es(&'static str),
    CommonJs {
        text: &'static str,
        named_exports: Vec<String>,
    },
    Text(&'static str),
    Data(&'static [u8]),
    Wasm(&'static [u8]),
    Json(&'static str),
    /// An internal module, by its internal name.
    Builtin(String),
}

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

struct Entry {
    source: Source,
    scope: Scope,
    module: Option<v8::Global<v8::Module>>,
    /// `module` of a CommonJS module that has begun to run.
    common_js: Option<v8::Global<v8::Object>>,
}

/// The modules of one isolate, by name.
#[derive(Default)]
pub struct ModuleMap {
    entries: HashMap<String, Entry>,
    names: HashMap<v8::Global<v8::Module>, String>,
}

impl ModuleMap {
    /// Whether code of the module `referrer` may import the module `name`.
    fn visible(&self, name: &str, referrer: &str) -> bool {
        let of = |name: &str| self.entries.get(name).map(|entry| entry.scope);
        match of(name) {
            None => false,
            Some(Scope::Internal) => {
                matches!(of(referrer), Some(Scope::Extension | Scope::Internal))
            }
            Some(_) => true,
        }
    }
}

type Shared = Rc<RefCell<ModuleMap>>;

pub(super) fn install(isolate: &mut v8::Isolate) {
    isolate.set_slot(Shared::default());
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
    isolate.set_host_initialize_import_meta_object_callback(initialize_import_meta);
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

/// Adds a module of the config; a later one of the same name replaces the earlier.
pub fn add(scope: &mut v8::PinScope, name: &str, source: Source, visible: Scope) {
    let entry = Entry {
        source,
        scope: visible,
        module: None,
        common_js: None,
    };
    map(scope)
        .borrow_mut()
        .entries
        .insert(name.to_owned(), entry);
}

/// Source text as a V8 string: ASCII is used in place, without a copy.
pub fn source_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: &'static str,
) -> Option<v8::Local<'s, v8::String>> {
    let made = if text.is_ascii() && !text.is_empty() {
        v8::String::new_external_onebyte_static(scope, text.as_bytes())
    } else {
        v8::String::new(scope, text)
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
    let code = source_text(scope, text)?;
    let origin = origin(scope, name, false);
    v8::Script::compile(scope, code, Some(&origin))?
        .run(scope)
        .map(|_| ())
}

/// Loads, links and evaluates a module of the config; the promise is that of its evaluation.
pub fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<(v8::Local<'s, v8::Module>, v8::Local<'s, v8::Promise>)> {
    let Some(module) = load(scope, name) else {
        if !map(scope).borrow().entries.contains_key(name) {
            throw_error(scope, &format!("No such module \"{name}\"."));
        }
        return None;
    };
    evaluate_module(scope, module).map(|promise| (module, promise))
}

fn evaluate_module<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_import)?;
    }
    v8::Local::<v8::Promise>::try_from(module.evaluate(scope)?).ok()
}

/// The namespace of an internal module's ES view, for what must look like an import.
fn load<'s>(scope: &mut v8::PinScope<'s, '_>, name: &str) -> Option<v8::Local<'s, v8::Module>> {
    let shared = map(scope);
    let source = {
        let map = shared.borrow();
        let entry = map.entries.get(name)?;
        if let Some(module) = &entry.module {
            return Some(v8::Local::new(scope, module));
        }
        entry.source.clone()
    };
    let module = match &source {
        Source::Es(text) => {
            let code = source_text(scope, text)?;
            let origin = origin(scope, name, true);
            let mut source = v8::script_compiler::Source::new(code, Some(&origin));
            v8::script_compiler::compile_module(scope, &mut source)?
        }
        other => {
            let names = export_names(scope, other)?;
            let names: Vec<_> = names.iter().map(|name| intern(scope, name)).collect();
            let name = string(scope, name);
            v8::Module::create_synthetic_module(scope, name, &names, evaluate_synthetic)
        }
    };
    let global = v8::Global::new(scope, module);
    let mut map = shared.borrow_mut();
    map.names.insert(global.clone(), name.to_owned());
    if let Some(entry) = map.entries.get_mut(name) {
        entry.module = Some(global);
    }
    Some(module)
}

fn export_names(scope: &mut v8::PinScope, source: &Source) -> Option<Vec<String>> {
    let mut names = Vec::new();
    match source {
        Source::CommonJs { named_exports, .. } => {
            let named = named_exports.iter().filter(|name| *name != "default");
            names.extend(named.cloned());
        }
        Source::Builtin(internal) => return builtin_names(scope, internal),
        _ => {}
    }
    names.push("default".to_owned());
    Some(names)
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

fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: V8 calls this with the context of the module that is evaluated.
    #[allow(unsafe_code)]
    {
        v8::callback_scope!(unsafe scope, context);
        run_synthetic(scope, module)?;
        let resolver = v8::PromiseResolver::new(scope)?;
        let undefined = v8::undefined(scope).into();
        resolver.resolve(scope, undefined)?;
        Some(resolver.get_promise(scope).into())
    }
}

fn run_synthetic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<()> {
    let shared = map(scope);
    let (name, source) = {
        let key = v8::Global::new(scope, module);
        let map = shared.borrow();
        let name = map.names.get(&key)?.clone();
        let source = map.entries.get(&name)?.source.clone();
        (name, source)
    };
    let default: v8::Local<v8::Value> = match source {
        Source::Es(_) => return None,
        Source::Text(text) => string(scope, text).into(),
        Source::Data(data) => crate::glue::bytes::array_buffer(scope, data.to_vec()).into(),
        Source::Json(text) => {
            let text = string(scope, text);
            v8::json::parse(scope, text)?
        }
        Source::Wasm(bytes) => compile_wasm(scope, bytes)?,
        Source::CommonJs { named_exports, .. } => {
            let exports = run_common_js(scope, &name)?;
            if let Some(object) = exports.to_object(scope).filter(|_| exports.is_object()) {
                for export in named_exports.iter().filter(|name| *name != "default") {
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
    let key = intern(scope, "default");
    module
        .set_synthetic_module_export(scope, key, default)
        .map(|_| ())
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

fn run_common_js<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let exports_key = intern(scope, "exports");
    let shared = map(scope);
    let (text, begun) = {
        let map = shared.borrow();
        let entry = map.entries.get(name)?;
        let Source::CommonJs { text, .. } = &entry.source else {
            return None;
        };
        (
            *text,
            entry
                .common_js
                .as_ref()
                .map(|module| v8::Local::new(scope, module)),
        )
    };
    if let Some(module) = begun {
        return module.get(scope, exports_key.into());
    }
    let code = source_text(scope, text)?;
    let origin = origin(scope, name, false);
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let parameters =
        ["exports", "require", "module", "__filename", "__dirname"].map(|name| intern(scope, name));
    let wrapper = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters,
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    let module = v8::Object::new(scope);
    let exports = v8::Object::new(scope);
    module.set(scope, exports_key.into(), exports.into())?;
    if let Some(entry) = shared.borrow_mut().entries.get_mut(name) {
        entry.common_js = Some(v8::Global::new(scope, module));
    }
    let require = make_require(scope, name)?;
    let file = string(scope, name);
    let directory = string(
        scope,
        name.rsplit_once('/').map_or("", |(directory, _)| directory),
    );
    let called = wrapper.call(
        scope,
        exports.into(),
        &[
            exports.into(),
            require.into(),
            module.into(),
            file.into(),
            directory.into(),
        ],
    );
    if called.is_none() {
        if let Some(entry) = shared.borrow_mut().entries.get_mut(name) {
            entry.common_js = None;
        }
        return None;
    }
    module.get(scope, exports_key.into())
}

/// A `require` function for code of the named module.
pub fn make_require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    referrer: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let data = string(scope, referrer);
    let require = v8::Function::builder(require)
        .data(data.into())
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)?;
    let name = intern(scope, "require");
    require.set_name(name);
    Some(require)
}

fn require(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let specifier = string_arg(scope, &args, 0);
    let data = args.data();
    let referrer = to_string(scope, data);
    if let Some(value) = require_from(scope, &specifier, &referrer) {
        rv.set(value);
    }
}

fn require_from<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: &str,
    referrer: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let Some(name) = resolve(scope, specifier, referrer)? else {
        throw_error(
            scope,
            &format!("No such module \"{}\".", missing_name(specifier, referrer)),
        );
        return None;
    };
    let source = map(scope)
        .borrow()
        .entries
        .get(&name)
        .map(|entry| entry.source.clone())?;
    if let Source::CommonJs { .. } = source {
        let exports = run_common_js(scope, &name)?;
        if ask(scope, "requireGivesExports")? {
            return Some(exports);
        }
    }
    let module = load(scope, &name)?;
    evaluate_now(scope, module)?;
    let state = IsolateState::get(scope);
    let choose = state.internal(scope, "modules", "requireResult")?;
    let this = v8::undefined(scope).into();
    choose.call(scope, this, &[module.get_module_namespace()])
}

/// A yes or no of JavaScript's `modules`.
fn ask(scope: &mut v8::PinScope, question: &'static str) -> Option<bool> {
    let state = IsolateState::get(scope);
    let question = state.internal(scope, "modules", question)?;
    let this = v8::undefined(scope).into();
    Some(question.call(scope, this, &[])?.is_true())
}

/// Evaluates a module for `require`, which cannot wait.
fn evaluate_now<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<()> {
    if module.get_status() == v8::ModuleStatus::Evaluating {
        // A circle: what it exports so far.
        return Some(());
    }
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module(scope, resolve_import)?;
    }
    if module.is_graph_async() && ask(scope, "requireRefusesAwait")? {
        throw_error(
            scope,
            "Top-level await in module is not permitted at this time.",
        );
        return None;
    }
    let promise = evaluate_module(scope, module)?;
    let in_event = IsolateState::get(scope).current.borrow().is_some();
    if promise.state() == v8::PromiseState::Pending && in_event {
        scope.perform_microtask_checkpoint();
    }
    match promise.state() {
        v8::PromiseState::Fulfilled => Some(()),
        v8::PromiseState::Rejected => {
            promise.mark_as_handled();
            let reason = promise.result(scope);
            scope.throw_exception(reason);
            None
        }
        v8::PromiseState::Pending => {
            throw_error(scope, "Top-level await in module is unsettled.");
            None
        }
    }
}

/// The name of the module that a specifier means: of the config, or a built-in one, which is added.
/// The outer option is empty if an exception is pending.
fn resolve(scope: &mut v8::PinScope, specifier: &str, referrer: &str) -> Option<Option<String>> {
    let shared = map(scope);
    if !specifier.contains(':') {
        let relative = join(referrer, specifier);
        let map = shared.borrow();
        for name in [relative.as_str(), specifier] {
            if map.visible(name, referrer) {
                return Some(Some(name.to_owned()));
            }
        }
    } else if shared.borrow().visible(specifier, referrer) {
        return Some(Some(specifier.to_owned()));
    }
    let state = IsolateState::get(scope);
    let find = state.internal(scope, "modules", "resolve")?;
    let argument = string(scope, specifier).into();
    let this = v8::undefined(scope).into();
    let internal = find.call(scope, this, &[argument])?;
    if !internal.is_string() {
        return Some(None);
    }
    let internal = to_string(scope, internal);
    let name = format!("builtin:{internal}");
    let mut map = shared.borrow_mut();
    map.entries.entry(name.clone()).or_insert(Entry {
        source: Source::Builtin(internal),
        scope: Scope::Worker,
        module: None,
        common_js: None,
    });
    Some(Some(name))
}

/// Resolves a path against the folder of the module that names it.
fn join(referrer: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !specifier.starts_with('/') {
        parts.extend(
            referrer
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .split('/'),
        );
    }
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("/")
}

fn missing_name(specifier: &str, referrer: &str) -> String {
    if specifier.contains(':') {
        specifier.to_owned()
    } else {
        join(referrer, specifier)
    }
}

fn resolve_import<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls this with the context of the module that is linked.
    #[allow(unsafe_code)]
    {
        v8::callback_scope!(unsafe scope, context);
        let specifier = specifier.to_rust_string_lossy(scope);
        let key = v8::Global::new(scope, referrer);
        let referrer = map(scope)
            .borrow()
            .names
            .get(&key)
            .cloned()
            .unwrap_or_default();
        import(scope, &specifier, &referrer, attributes, 3)
    }
}

fn import<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: &str,
    referrer: &str,
    attributes: v8::Local<'s, v8::FixedArray>,
    stride: usize,
) -> Option<v8::Local<'s, v8::Module>> {
    check_attributes(scope, attributes, stride)?;
    match resolve(scope, specifier, referrer)? {
        Some(name) => load(scope, &name),
        None => {
            let missing = missing_name(specifier, referrer);
            throw_error(
                scope,
                &format!("No such module \"{missing}\".\n  imported from \"{referrer}\""),
            );
            None
        }
    }
}

/// Refuses import attributes, as workerd does where its flag says so.
fn check_attributes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    attributes: v8::Local<'s, v8::FixedArray>,
    stride: usize,
) -> Option<()> {
    if attributes.length() < stride.min(2) {
        return Some(());
    }
    let state = IsolateState::get(scope);
    let check = state.internal(scope, "modules", "checkAttributes")?;
    let mut pairs = Vec::new();
    let mut index = 0;
    while index + 1 < attributes.length() {
        for offset in 0..2 {
            let data = attributes.get(scope, index + offset)?;
            pairs.push(v8::Local::<v8::Value>::try_from(data).ok()?);
        }
        index += stride;
    }
    let pairs = v8::Array::new_with_elements(scope, &pairs);
    let this = v8::undefined(scope).into();
    check.call(scope, this, &[pairs.into()]).map(|_| ())
}

fn import_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _options: v8::Local<'s, v8::Data>,
    resource: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer = to_string(scope, resource);
    let resolver = v8::PromiseResolver::new(scope)?;
    v8::tc_scope!(let scope, scope);
    let loaded = import(scope, &specifier, &referrer, attributes, 2)
        .and_then(|module| Some((module, evaluate_module(scope, module)?)));
    match loaded {
        Some((module, evaluated)) => {
            let namespace = module.get_module_namespace();
            let then = v8::Function::builder(return_data)
                .data(namespace)
                .build(scope)?;
            return evaluated.then(scope, then);
        }
        None => {
            let exception = scope.exception().unwrap_or_else(|| {
                OpError::error(format!("No such module \"{specifier}\".")).to_exception(scope)
            });
            scope.reset();
            resolver.reject(scope, exception);
        }
    }
    Some(resolver.get_promise(scope))
}

fn return_data(_: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set(args.data());
}

#[allow(unsafe_code)]
unsafe extern "C" fn initialize_import_meta(
    context: v8::Local<v8::Context>,
    module: v8::Local<v8::Module>,
    meta: v8::Local<v8::Object>,
) {
    // SAFETY: V8 calls this with the context of the module whose meta is asked for.
    v8::callback_scope!(unsafe scope, context);
    let key = v8::Global::new(scope, module);
    let name = map(scope)
        .borrow()
        .names
        .get(&key)
        .cloned()
        .unwrap_or_default();
    let state = IsolateState::get(scope);
    let Some(fill) = state.internal(scope, "modules", "fillImportMeta") else {
        return;
    };
    let name = string(scope, &name).into();
    let this = v8::undefined(scope).into();
    if fill.call(scope, this, &[meta.into(), name]).is_none() {
        throw(scope, &OpError::error("import.meta could not be filled"));
    }
}
