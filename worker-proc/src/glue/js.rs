//! Loads internal JavaScript: the bootstrap script, `require`, and the function wrapper of every module.
//!
//! The snapshot builder runs [`bootstrap`]; afterwards only lazy modules are compiled, when first required.

use std::collections::HashSet;
use std::sync::OnceLock;

use v8::MapFnTo;

use super::args::{intern, string, string_arg};
use super::error::throw_error;
use super::registry::{JsSource, Registry};
use super::state::IsolateState;

/// A function by name; the address is known at run time only.
type Native = (&'static str, fn() -> v8::FunctionCallback);

/// The functions that the bootstrap script itself is given, beside the APIs' ops.
pub const NATIVE: [Native; 4] = [
    ("compile", || compile.map_fn_to()),
    ("defineLazy", || define_lazy.map_fn_to()),
    ("makeOps", || make_ops.map_fn_to()),
    ("isUsed", || is_used.map_fn_to()),
];

/// The scripts that are no module: the bootstrap script and what makes the copies of built-ins.
pub const OWN: [JsSource; 2] = [BOOTSTRAP, PRIMORDIALS];
const BOOTSTRAP: JsSource = crate::js!("bootstrap.js");
const PRIMORDIALS: JsSource = crate::js!("primordials.js");

/// Evaluates the bootstrap script and every eager module in the current context; returns the internals object.
///
/// `flag_names` are all compat flags in the order of the bits that `start` takes.
pub fn bootstrap<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    flag_names: &[&'static str],
) -> Option<v8::Local<'s, v8::Object>> {
    let registry = Registry::get();
    let native = v8::Object::new(scope);
    for (name, callback) in NATIVE {
        let function = v8::Function::new_raw(scope, callback())?;
        let key = intern(scope, name);
        native.set(scope, key.into(), function.into());
    }
    let names: Vec<v8::Local<v8::Value>> = registry
        .eager
        .iter()
        .map(|name| intern(scope, name).into())
        .collect();
    let names = v8::Array::new_with_elements(scope, &names);
    let make_primordials = compile_wrapper(
        scope,
        "internal:primordials",
        &PRIMORDIALS,
        &["primordials", "native"],
    )?;
    let bootstrap = compile_wrapper(
        scope,
        "internal:bootstrap",
        &BOOTSTRAP,
        &[
            "internals",
            "native",
            "eager",
            "lazyGlobals",
            "flagNames",
            "primordials",
        ],
    )?;
    let this = v8::undefined(scope).into();
    let primordials = v8::Object::new(scope);
    make_primordials.call(scope, this, &[primordials.into(), native.into()])?;
    let lazy = registry.lazy_globals.iter();
    let lazy: Vec<v8::Local<v8::Value>> = lazy
        .flat_map(|(name, module)| [*name, module.as_str()])
        .map(|name| intern(scope, name).into())
        .collect();
    let lazy = v8::Array::new_with_elements(scope, &lazy);
    let flag_names: Vec<v8::Local<v8::Value>> = flag_names
        .iter()
        .map(|name| intern(scope, name).into())
        .collect();
    let flag_names = v8::Array::new_with_elements(scope, &flag_names);
    let internals = v8::Object::new(scope);
    bootstrap.call(
        scope,
        this,
        &[
            internals.into(),
            native.into(),
            names.into(),
            lazy.into(),
            flag_names.into(),
            primordials.into(),
        ],
    )?;
    Some(internals)
}

/// `native.defineLazy(holder, name, module)`: a global of a lazy module, an ordinary property but for being made when it is
/// first read.
fn define_lazy(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, _: v8::ReturnValue) {
    let holder = v8::Local::<v8::Object>::try_from(args.get(0));
    let name = v8::Local::<v8::Name>::try_from(args.get(1));
    let (Ok(holder), Ok(name)) = (holder, name) else {
        return;
    };
    let attributes = match args.get(1).to_rust_string_lossy(scope).as_str() {
        // V8's own, whose place it takes, is not enumerable.
        "console" => v8::PropertyAttribute::DONT_ENUM,
        _ => v8::PropertyAttribute::NONE,
    };
    let _ = holder.delete(scope, name.into());
    let _ = holder.set_lazy_data_property_with_data(
        scope,
        name,
        lazy_global,
        args.get(2),
        attributes,
        v8::SideEffectType::HasNoSideEffect,
        v8::SideEffectType::HasSideEffect,
    );
}

/// Reads a global of a lazy module for the first time; the data is the module's name.
fn lazy_global(
    scope: &mut v8::PinScope,
    name: v8::Local<v8::Name>,
    args: v8::PropertyCallbackArguments,
    mut rv: v8::ReturnValue<v8::Value>,
) {
    let internals = IsolateState::get(scope).internals.borrow().clone();
    let Some(internals) = internals else { return };
    let internals = v8::Local::new(scope, internals);
    let key = intern(scope, "global");
    let made = internals
        .get(scope, key.into())
        .and_then(|global| v8::Local::<v8::Function>::try_from(global).ok())
        .and_then(|global| global.call(scope, internals.into(), &[args.data(), name.into()]));
    if let Some(value) = made {
        rv.set(value);
    }
}

/// The address of [`lazy_global`] for the snapshot.
pub fn lazy_global_reference() -> v8::ExternalReference {
    let getter: v8::AccessorNameGetterCallback = lazy_global.map_fn_to();
    v8::ExternalReference {
        pointer: getter as *mut std::ffi::c_void,
    }
}

/// `native.isUsed(name)`: whether internal JavaScript mentions a name. Asked while the snapshot is made.
fn is_used(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    static USED: OnceLock<HashSet<String>> = OnceLock::new();
    let used = USED.get_or_init(|| {
        let modules = Registry::get().modules.values();
        let sources = modules.map(|module| &module.source).chain(&OWN);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names = |source: &JsSource| {
            let text = source.read();
            let names = text.split(|c| !is_part(c)).map(str::to_owned);
            names.collect::<Vec<_>>()
        };
        sources.flat_map(names).collect()
    });
    rv.set_bool(used.contains(&string_arg(scope, &args, 0)));
}

/// `native.compile(name)`: the module's function and its API's name, or undefined for a module that is not there.
fn compile(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let name = string_arg(scope, &args, 0);
    let Some(module) = Registry::get().modules.get(&name) else {
        return;
    };
    let origin = format!("internal:{name}");
    let parameters = ["exports", "require", "ops", "primordials"];
    let Some(function) = compile_wrapper(scope, &origin, &module.source, &parameters) else {
        return;
    };
    let api = intern(scope, Registry::get().apis[module.api].name);
    let pair = v8::Array::new_with_elements(scope, &[function.into(), api.into()]);
    rv.set(pair.into());
}

/// `native.makeOps(api)`: the API's functions and layouts by name, asked for once. Those of an API whose modules are all lazy are made
/// with the first of them: most isolates have no need of them.
fn make_ops(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = string_arg(scope, &args, 0);
    let registry = Registry::get();
    let Some(index) = registry.apis.iter().position(|api| api.name == name) else {
        return;
    };
    let object = v8::Object::new(scope);
    for entry in &registry.ops[index].list {
        let function = v8::Function::builder_raw(entry.callback)
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope);
        let Some(function) = function else { return };
        let key = intern(scope, entry.name);
        function.set_name(key);
        object.set(scope, key.into(), function.into());
    }
    for (name, constants) in &registry.ops[index].shared {
        let group = v8::Object::new(scope);
        for (number, constant) in constants.iter().enumerate() {
            let key = intern(scope, constant);
            let number = v8::Integer::new(scope, number as i32);
            group.create_data_property(scope, key.into(), number.into());
        }
        let key = intern(scope, name);
        object.set(scope, key.into(), group.into());
    }
    rv.set(object.into());
}

fn compile_wrapper<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    source: &JsSource,
    parameters: &[&str],
) -> Option<v8::Local<'s, v8::Function>> {
    let Some(code) = source.to_v8(scope) else {
        throw_error(scope, "internal module is too long");
        return None;
    };
    let resource = string(scope, name);
    let origin = v8::ScriptOrigin::new(
        scope,
        resource.into(),
        0,
        0,
        false,
        -1,
        None,
        false,
        false,
        false,
        None,
    );
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let parameters: Vec<_> = parameters.iter().map(|name| intern(scope, name)).collect();
    v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters,
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )
}
