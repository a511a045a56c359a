//! Linking and evaluation, and V8's questions about imports: static, dynamic and source-phase, and `import.meta`.

use super::error::Error;
use super::fallback::Question;
use super::load::load;
use super::map::map;
use super::names::Naming;
use super::resolve::{BUILTIN, Resolved, Way, complain, resolve};
use super::values::value;
use crate::glue::args::{string, to_string};
use crate::glue::code::Source;
use crate::glue::state::IsolateState;

pub(super) fn install(isolate: &mut v8::Isolate, naming: Naming) {
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
    isolate.set_host_initialize_import_meta_object_callback(initialize_import_meta);
    if naming == Naming::Urls {
        // Without it V8 refuses `import.source()`.
        isolate.set_host_import_module_with_phase_dynamically_callback(import_in_phase);
    }
}

/// Elements for each attribute: key and value, and for static imports where in the text it is.
const STATIC_STRIDE: usize = 3;
const DYNAMIC_STRIDE: usize = 2;

fn find<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    question: Question<'_>,
) -> Option<(v8::Local<'s, v8::Module>, String)> {
    match resolve(scope, question)? {
        Resolved::Found(full) => Some((load(scope, &full)?, full)),
        missing => complain(scope, question, &missing).throw(scope),
    }
}

/// V8's question for the module of a static import.
fn resolve_module<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls this with the context of the module that is linked.
    #[allow(unsafe_code)]
    {
        v8::callback_scope!(unsafe scope, context);
        import_statically(scope, specifier, attributes, referrer).map(|(module, _)| module)
    }
}

/// The same for `import source`: a Wasm module's `WebAssembly.Module`.
fn resolve_source<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Object>> {
    // SAFETY: V8 calls this with the context of the module that is linked.
    #[allow(unsafe_code)]
    {
        v8::callback_scope!(unsafe scope, context);
        let (_, full) = import_statically(scope, specifier, attributes, referrer)?;
        if let Some(source) = source_object(scope, &full)? {
            return Some(source);
        }
        let naming = map(scope).borrow().naming;
        let error = match naming {
            Naming::Urls => Error::NoSource {
                name: specifier.to_rust_string_lossy(scope),
            },
            Naming::Paths => Error::NoSourceImport {
                name: full.strip_prefix(BUILTIN).unwrap_or(&full).to_owned(),
                referrer: map(scope).borrow().name_of(scope, referrer),
            },
        };
        error.throw(scope)
    }
}

/// What a source-phase import of a module gives: only Wasm has something. The outer option is empty if an exception
/// is pending.
fn source_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<Option<v8::Local<'s, v8::Object>>> {
    if !map(scope)
        .borrow()
        .source_of(full)
        .is_some_and(Source::is_wasm)
    {
        return Some(None);
    }
    let module = value(scope, full)?;
    Some(v8::Local::<v8::Object>::try_from(module).ok())
}

fn import_statically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<(v8::Local<'s, v8::Module>, String)> {
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer = map(scope).borrow().name_of(scope, referrer);
    let kind = attributes_type(scope, attributes, STATIC_STRIDE)?;
    let question = Question {
        specifier: &specifier,
        referrer: &referrer,
        way: Way::Static,
        kind: kind.as_deref(),
    };
    let (module, full) = find(scope, question)?;
    let naming = map(scope).borrow().naming;
    if naming == Naming::Urls && module.get_status() == v8::ModuleStatus::Evaluating {
        return Error::Circular { name: specifier }.throw(scope);
    }
    check_type(scope, kind, &full, &specifier)?;
    Some((module, full))
}

/// The `type` of import attributes. Where names are paths attributes mean nothing, and a flag refuses them.
/// The outer option is empty if an exception is pending.
fn attributes_type<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    attributes: v8::Local<'s, v8::FixedArray>,
    stride: usize,
) -> Option<Option<String>> {
    if attributes.length() == 0 {
        return Some(None);
    }
    let naming = map(scope).borrow().naming;
    if naming == Naming::Paths {
        let state = IsolateState::get(scope);
        let check = state.internal(scope, "modules", "checkAttributes")?;
        let this = v8::undefined(scope).into();
        check.call(scope, this, &[])?;
        return Some(None);
    }
    let mut kind = None;
    let mut index = 0;
    while index + 1 < attributes.length() {
        let [key, value] = [index, index + 1].map(|at| {
            let text = attributes.get(scope, at);
            let text = text.and_then(|text| v8::Local::<v8::Value>::try_from(text).ok());
            text.map(|text| to_string(scope, text)).unwrap_or_default()
        });
        let error = match (key.as_str(), value.as_str()) {
            ("type", "json" | "text" | "bytes") => None,
            ("type", _) => Some(Error::UnsupportedType {
                kind: value.clone(),
            }),
            _ => Some(Error::UnsupportedAttribute { key }),
        };
        if let Some(error) = error {
            return error.throw(scope);
        }
        kind = Some(value);
        index += stride;
    }
    Some(kind)
}

/// Refuses a module that is not what its import's attributes say. Empty if an exception is pending.
fn check_type(
    scope: &mut v8::PinScope,
    kind: Option<String>,
    full: &str,
    specifier: &str,
) -> Option<()> {
    let error = match kind.as_deref() {
        None => return Some(()),
        Some("json") if matches!(map(scope).borrow().source_of(full), Some(Source::Json(_))) => {
            return Some(());
        }
        Some("json") => Error::NotJson {
            specifier: specifier.to_owned(),
        },
        Some(kind) => Error::TypeOfNothing {
            kind: kind.to_owned(),
        },
    };
    error.throw(scope)
}

fn import_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _options: v8::Local<'s, v8::Data>,
    resource: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    dynamic(scope, resource, specifier, attributes, false)
}

fn import_in_phase<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _options: v8::Local<'s, v8::Data>,
    resource: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    phase: v8::ModuleImportPhase,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let source = phase == v8::ModuleImportPhase::kSource;
    dynamic(scope, resource, specifier, attributes, source)
}

/// `import()`: the promise of a namespace, or of a module's source.
fn dynamic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    resource: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    source: bool,
) -> Option<v8::Local<'s, v8::Promise>> {
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer = to_string(scope, resource);
    settle(scope, |scope| {
        let kind = attributes_type(scope, attributes, DYNAMIC_STRIDE)?;
        let question = Question {
            specifier: &specifier,
            referrer: &referrer,
            way: Way::Dynamic,
            kind: kind.as_deref(),
        };
        let (module, full) = find(scope, question)?;
        check_type(scope, kind, &full, &specifier)?;
        if !source {
            return evaluate_soon(scope, module, &full);
        }
        match source_object(scope, &full)? {
            Some(object) => Some(object.into()),
            None => Error::NoSource { name: full }.throw(scope),
        }
    })
}

/// A promise of what `make` gives, rejected with what it throws.
fn settle<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    make: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    v8::tc_scope!(let scope, scope);
    match make(scope) {
        Some(value) => resolver.resolve(scope, value),
        None => {
            let exception = scope.exception()?;
            scope.reset();
            resolver.reject(scope, exception)
        }
    };
    Some(resolver.get_promise(scope))
}

/// Evaluates a module for `import()`. While another is being evaluated it has to wait for its turn.
fn evaluate_soon<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
    full: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let (evaluating, naming) = {
        let shared = map(scope);
        let map = shared.borrow();
        (map.evaluating, map.naming)
    };
    let begun = matches!(
        module.get_status(),
        v8::ModuleStatus::Evaluating | v8::ModuleStatus::Evaluated
    );
    if naming == Naming::Paths && begun {
        // As in workerd's older registry, which lets a module import itself while it waits.
        return Some(module.get_module_namespace());
    }
    if evaluating == 0 {
        return evaluate(scope, module);
    }
    let data = string(scope, full);
    let later = v8::Function::builder(evaluate_later)
        .data(data.into())
        .build(scope)?;
    let now = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    now.resolve(scope, undefined)?;
    let promise = now.get_promise(scope).then(scope, later)?;
    Some(promise.into())
}

fn evaluate_later(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let data = args.data();
    let full = to_string(scope, data);
    let namespace = load(scope, &full).and_then(|module| evaluate(scope, module));
    if let Some(namespace) = namespace {
        rv.set(namespace);
    }
}

/// The namespace of a module, or a promise of it. Empty if an exception is pending.
fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    if module.get_status() == v8::ModuleStatus::Errored {
        let exception = module.get_exception();
        scope.throw_exception(exception);
        return None;
    }
    let promise = run_outside(scope, module)?;
    let namespace = module.get_module_namespace();
    let state = IsolateState::get(scope);
    let follow = state.internal(scope, "modules", "namespaceAfter")?;
    let this = v8::undefined(scope).into();
    follow.call(scope, this, &[promise.into(), namespace])
}

#[allow(unsafe_code)]
unsafe extern "C" fn initialize_import_meta(
    context: v8::Local<v8::Context>,
    module: v8::Local<v8::Module>,
    meta: v8::Local<v8::Object>,
) {
    // SAFETY: V8 calls this with the context of the module whose meta is asked for.
    v8::callback_scope!(unsafe scope, context);
    let shared = map(scope);
    let naming = shared.borrow().naming;
    if naming == Naming::Paths {
        // Paths are no URLs: there is nothing to say.
        return;
    }
    let full = shared.borrow().name_of(scope, module);
    let main = shared.borrow().main.as_deref() == Some(full.as_str());
    let state = IsolateState::get(scope);
    let Some(fill) = state.internal(scope, "modules", "fillImportMeta") else {
        return;
    };
    let name = string(scope, &full).into();
    let main = v8::Boolean::new(scope, main).into();
    let this = v8::undefined(scope).into();
    if fill.call(scope, this, &[meta.into(), name, main]).is_none() {
        Error::NoMeta.throw::<()>(scope);
    }
}

/// Links a module unless it is linked.
pub(super) fn link(scope: &mut v8::PinScope, module: v8::Local<v8::Module>) -> Option<()> {
    if module.get_status() == v8::ModuleStatus::Uninstantiated {
        module.instantiate_module2(scope, resolve_module, resolve_source)?;
    }
    Some(())
}

/// Links and evaluates a module; never one that is being evaluated.
pub(super) fn run<'s>(
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
pub(super) fn run_outside<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let state = IsolateState::get(scope);
    let request = state.current.borrow_mut().take();
    let evaluated = run(scope, module);
    *state.current.borrow_mut() = request;
    evaluated
}
