//! CommonJS: running a module's code, and `require`.

use super::error::Error;
use super::fallback::Question;
use super::import::{link, run, run_outside};
use super::load::{load, origin, source_text};
use super::map::map;
use super::names::Naming;
use super::resolve::{Resolved, Way, builtin, complain, resolve};
use crate::glue::args::{intern, string, to_string};
use crate::glue::code::Source;
use crate::glue::state::IsolateState;

/// Runs a CommonJS module unless it has begun to run; gives what it exports by now.
pub(super) fn run_common_js<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let exports_key = intern(scope, "exports");
    if let Some(exports) = exports_so_far(scope, full) {
        return Some(exports);
    }
    let shared = map(scope);
    let (text, naming) = {
        let map = shared.borrow();
        let Some(Source::CommonJs { text, .. }) = map.source_of(full) else {
            return None;
        };
        (text.clone(), map.naming)
    };
    let code = source_text(scope, &text)?;
    let origin = origin(scope, naming.definition(full), false);
    let mut source = v8::script_compiler::Source::new(code, Some(&origin));
    let parameters =
        ["exports", "require", "module", "__filename", "__dirname"].map(|name| intern(scope, name));
    let place = naming.file_and_folder(full);
    let (known, around) = match place {
        Some(_) => (parameters.len(), None),
        None => (3, Some(nowhere(scope, &parameters[3..])?)),
    };
    let wrapper = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters[..known],
        around.as_slice(),
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    let (file, folder) = place.unwrap_or_default();
    let module = v8::Object::new(scope);
    let exports = v8::Object::new(scope);
    let path_key = intern(scope, "path");
    let path = match naming {
        Naming::Paths => string(scope, &file),
        Naming::Urls => string(scope, full),
    };
    module.define_own_property(
        scope,
        path_key.into(),
        path.into(),
        v8::PropertyAttribute::READ_ONLY,
    )?;
    module.set(scope, exports_key.into(), exports.into())?;
    let begun = v8::Global::new(scope, module);
    shared.borrow_mut().common_js.insert(full.to_owned(), begun);
    let require = make_require(scope, full, false)?;
    let file = string(scope, &file);
    let folder = string(scope, &folder);
    let this = v8::undefined(scope);
    let arguments = [
        exports.into(),
        require.into(),
        module.into(),
        file.into(),
        folder.into(),
    ];
    wrapper.call(scope, this.into(), &arguments[..known])?;
    module.get(scope, exports_key.into())
}

/// A scope around a module without a file, in which reading these names throws.
fn nowhere<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    names: &[v8::Local<v8::String>],
) -> Option<v8::Local<'s, v8::Object>> {
    let object = v8::Object::new(scope);
    for name in names {
        object.set_accessor(scope, (*name).into(), fileless)?;
    }
    Some(object)
}

fn fileless(
    scope: &mut v8::PinScope,
    _: v8::Local<v8::Name>,
    _: v8::PropertyCallbackArguments,
    _: v8::ReturnValue,
) {
    Error::NoFile.throw::<()>(scope);
}

/// What a CommonJS module that has begun to run exports by now.
fn exports_so_far<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    full: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let shared = map(scope);
    let module = {
        let map = shared.borrow();
        v8::Local::new(scope, map.common_js.get(full)?)
    };
    let key = intern(scope, "exports");
    module.get(scope, key.into())
}

/// What `import` of a built-in module gives; undefined where there is none of that name.
pub fn builtin_namespace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let full = builtin(scope, name, false)??;
    let module = load(scope, &full)?;
    let naming = map(scope).borrow().naming;
    evaluate_now(scope, module, naming, &full)?;
    Some(module.get_module_namespace())
}

/// Node's `createRequire`: a `require` that sees modules from where `referrer` is.
pub fn create_require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    referrer: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    make_require(scope, referrer, true)
}

/// A `require` function for code of the named module, or `created` for any.
fn make_require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    referrer: &str,
    created: bool,
) -> Option<v8::Local<'s, v8::Function>> {
    let referrer = string(scope, referrer).into();
    let created = v8::Boolean::new(scope, created).into();
    let data = v8::Array::new_with_elements(scope, &[referrer, created]);
    let require = v8::Function::builder(require)
        .data(data.into())
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope)?;
    let name = intern(scope, "require");
    require.set_name(name);
    Some(require)
}

fn require(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    // Empty: what `toString` of the specifier threw is pending.
    let Some(specifier) = args.get(0).to_string(scope) else {
        return;
    };
    let specifier = specifier.to_rust_string_lossy(scope);
    let Ok(data) = v8::Local::<v8::Array>::try_from(args.data()) else {
        return;
    };
    let (Some(referrer), Some(created)) = (data.get_index(scope, 0), data.get_index(scope, 1))
    else {
        return;
    };
    let referrer = to_string(scope, referrer);
    if let Some(value) = require_from(scope, &specifier, &referrer, created.is_true()) {
        rv.set(value);
    }
}

fn require_from<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    specifier: &str,
    referrer: &str,
    created: bool,
) -> Option<v8::Local<'s, v8::Value>> {
    let question = Question {
        specifier,
        referrer,
        way: Way::Require,
        kind: None,
    };
    let full = match resolve(scope, question)? {
        Resolved::Found(full) => full,
        missing => return complain(scope, question, &missing).throw(scope),
    };
    let module = load(scope, &full)?;
    let shared = map(scope);
    let naming = shared.borrow().naming;
    let source = shared.borrow().source_of(&full).cloned()?;
    if module.get_status() == v8::ModuleStatus::Evaluating {
        // A circle: what it exports so far.
        if let Source::CommonJs { .. } = source
            && let Some(exports) = exports_so_far(scope, &full)
        {
            return Some(exports);
        }
        if naming == Naming::Urls && matches!(source, Source::Es(_)) {
            return Error::Circular { name: full }.throw(scope);
        }
    } else {
        evaluate_now(scope, module, naming, &full)?;
    }
    let state = IsolateState::get(scope);
    let choose = state.internal(scope, "modules", "requireResult")?;
    let kind = match source {
        Source::Es(_) if created => "created",
        Source::Es(_) => "es",
        Source::Builtin(_) => "builtin",
        _ if created => "default",
        _ => "other",
    };
    let kind = intern(scope, kind).into();
    let this = v8::undefined(scope).into();
    choose.call(scope, this, &[module.get_module_namespace(), kind])
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
    naming: Naming,
    full: &str,
) -> Option<()> {
    if module.get_status() == v8::ModuleStatus::Errored {
        let exception = module.get_exception();
        scope.throw_exception(exception);
        return None;
    }
    link(scope, module)?;
    if module.is_graph_async() {
        let refusal = match naming {
            Naming::Urls => Some(Error::AwaitUnsupported {
                name: full.to_owned(),
            }),
            Naming::Paths => ask(scope, "requireRefusesAwait")?.then_some(Error::AwaitRefused),
        };
        if let Some(error) = refusal {
            return error.throw(scope);
        }
    }
    let promise = match naming {
        Naming::Urls => run_outside(scope, module)?,
        Naming::Paths => run(scope, module)?,
    };
    // Never while a module further up is being evaluated: what waits for that one would go on too early.
    let outermost = map(scope).borrow().evaluating == 0;
    if promise.state() == v8::PromiseState::Pending && outermost {
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
        v8::PromiseState::Pending => Error::Unsettled.throw(scope),
    }
}
