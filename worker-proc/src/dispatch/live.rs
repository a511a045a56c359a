//! A worker's isolate with its code run, and where the channels lead that the code was given.
//!
//! `worker` starts one, and another where it has used more memory than it may.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ipc::metrics::LOADED;

use super::bindings::{self, Outlets};
use super::handlers::Handlers;
use super::spec::{AccessSpec, Code, WorkerSpec};
use crate::glue::loader::LoaderHandle;
use crate::glue::{IsolateState, string};
use crate::isolate::inspector::{self, Audience};
use crate::isolate::{Isolate, describe, modules};
use crate::service::{Outlet, Service};
use schema::compat::field;

/// See the module.
pub struct Live {
    pub isolate: Rc<Isolate>,
    pub handlers: Handlers,
    /// `entrypoint:handler` of everything that the code exports.
    pub entrypoints: Vec<String>,
    pub outlets: Outlets,
    /// Services of the config, looked up once each, and loaders.
    pub found: RefCell<HashMap<u32, Rc<dyn Service>>>,
    pub loaders: RefCell<HashMap<u32, Rc<LoaderHandle>>>,
}

impl Live {
    /// Starts the isolate and runs the worker's code at global scope.
    ///
    /// # Errors
    /// Everything that goes wrong, in the published binary's words.
    pub fn start(spec: &WorkerSpec) -> Result<Rc<Self>, Vec<String>> {
        let isolate = Isolate::new(&spec.flags).map_err(|error| vec![error])?;
        // Names of loaded ones are without end.
        let counts_as = match spec.slot {
            Some(_) => LOADED,
            None => &spec.name,
        };
        isolate.set_label(&spec.name, counts_as);
        let audience = Audience {
            // What another worker has loaded is not known to the supervisor.
            clients: spec.slot.is_none().then_some(&*spec.name),
            own: spec.flags.get(field::ENABLE_NODE_JS_INSPECTOR_LOCAL_DEV),
        };
        inspector::install(&isolate, audience);
        let cache = spec.cache_outbound.clone();
        let mut outlets = Outlets(vec![
            spec.global_outbound.clone(),
            cache.map_or(Outlet::None, Outlet::Named),
        ]);
        let script = matches!(spec.code, Code::Script(_));
        // Not in one turn: the code's microtasks run before it is asked what it exports.
        let evaluated = isolate.run(None, |scope| {
            v8::tc_scope!(let scope, scope);
            let evaluated = set_up(scope, spec, &mut outlets).and_then(|()| evaluate(scope, spec));
            evaluated.ok_or_else(|| {
                let exception = scope.exception();
                uncaught(scope, exception)
            })
        });
        if let Some(error) = isolate.startup_exceeded() {
            return Err(vec![error.to_owned()]);
        }
        let mut errors = Vec::new();
        let module = evaluated.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let settled = isolate.run(None, |scope| settle(scope, module, spec, &mut outlets));
        let (entrypoints, handlers) = match settled {
            Ok(settled) => settled,
            Err(error) => {
                if errors.is_empty() {
                    errors.push(error);
                }
                return Err(errors);
            }
        };
        if script && entrypoints.is_empty() {
            let nothing = "No event handlers were registered. This script does nothing.";
            errors.push(nothing.to_owned());
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Rc::new(Self {
            isolate,
            handlers,
            entrypoints,
            outlets,
            found: RefCell::default(),
            loaders: RefCell::default(),
        }))
    }
}

impl Live {
    /// What a channel leads to.
    pub fn outlet(&self, channel: u32) -> Option<&Outlet> {
        self.outlets.0.get(channel as usize)
    }
}

/// Where code evaluation has left a module, to be settled in the next turn.
type Evaluated = Option<(v8::Global<v8::Module>, v8::Global<v8::Promise>)>;

/// Makes `env` and the modules known; empty if an exception is pending.
fn set_up(
    scope: &mut v8::PinScope<'_, '_>,
    spec: &WorkerSpec,
    outlets: &mut Outlets,
) -> Option<()> {
    if let Some(fallback) = &spec.fallback {
        modules::set_fallback(scope, fallback.clone());
    }
    for module in spec.extensions.iter() {
        let visible = if module.internal {
            modules::Scope::Internal
        } else {
            modules::Scope::Extension
        };
        let source = modules::Source::Es(module.code.into());
        modules::add(scope, module.name, source, visible)?;
    }
    if let Code::Modules(all) = &spec.code {
        for (name, source) in all {
            modules::add(scope, name, source.clone(), modules::Scope::Worker)?;
        }
        for (name, _) in all {
            modules::prepare(scope, name)?;
        }
    }
    let env = bindings::describe(scope, &spec.properties, outlets);
    let given = match (&spec.given, &spec.slot) {
        (Some(props), _) => bindings::describe_given(scope, props, outlets),
        (None, Some(_)) => v8::null(scope).into(),
        (None, None) => v8::undefined(scope).into(),
    };
    let script = v8::Boolean::new(scope, matches!(spec.code, Code::Script(_)));
    let set_up = IsolateState::get(scope).internal(scope, "workers", "setup")?;
    let is_traced = !spec.tails.is_empty() || !spec.streaming_tails.is_empty();
    let traced = v8::Boolean::new(scope, is_traced);
    let this = v8::undefined(scope).into();
    let access = match &spec.access {
        Some(AccessSpec {
            identity: Some(identity),
            ..
        }) => outlets.add(scope, Outlet::Named(identity.clone())),
        _ => v8::null(scope).into(),
    };
    let arguments = [env.into(), given, script.into(), traced.into(), access];
    set_up.call(scope, this, &arguments)?;
    Some(())
}

/// Runs the code; empty if an exception is pending.
fn evaluate(scope: &mut v8::PinScope<'_, '_>, spec: &WorkerSpec) -> Option<Evaluated> {
    // `eval` is allowed while code starts where a flag says so.
    let at_startup = field::ALLOW_EVAL_DURING_STARTUP;
    let eval = spec.flags.get(at_startup) || allows_eval(spec);
    IsolateState::get(scope).allow_eval.set(eval);
    match &spec.code {
        Code::Script(text) => modules::run_script(scope, &spec.name, text).map(|()| None),
        Code::Modules(all) => {
            let main = all.first().map_or("", |(name, _)| name.as_str());
            let (module, promise) = modules::evaluate_main(scope, main)?;
            Some(Some((
                v8::Global::new(scope, module),
                v8::Global::new(scope, promise),
            )))
        }
    }
}

/// An exception as a start-up error.
fn uncaught<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exception: Option<v8::Local<'s, v8::Value>>,
) -> String {
    let Some(exception) = exception else {
        return "The script ended without a result.".to_owned();
    };
    let described = describe(scope, exception);
    let mut text = format!("Uncaught {}", described.summary);
    if !exception.is_object() || described.summary.starts_with("[object ") {
        let shown = exception.to_detail_string(scope);
        let shown = shown.map_or(described.summary, |shown| shown.to_rust_string_lossy(scope));
        text = format!("Uncaught Error: {shown}");
    }
    for frame in described.frames {
        text.push('\n');
        text.push_str(&frame);
    }
    text
}

/// Whether `eval` is allowed at any time, by an experimental flag.
fn allows_eval(spec: &WorkerSpec) -> bool {
    let always = field::EXPERIMENTAL_ALLOW_EVAL_ALWAYS;
    spec.flags.get(always)
}

/// Reads what the evaluated code exports.
fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    module: Evaluated,
    spec: &WorkerSpec,
    outlets: &mut Outlets,
) -> Result<(Vec<String>, Handlers), String> {
    v8::tc_scope!(let scope, scope);
    IsolateState::get(scope).allow_eval.set(allows_eval(spec));
    let namespace: v8::Local<v8::Value> = match module {
        None => v8::null(scope).into(),
        Some((module, promise)) => {
            let promise = v8::Local::new(scope, promise);
            match promise.state() {
                v8::PromiseState::Pending => {
                    return Err(
                        "Uncaught Error: Top-level await in module is unsettled.".to_owned()
                    );
                }
                v8::PromiseState::Rejected => {
                    promise.mark_as_handled();
                    let reason = promise.result(scope);
                    return Err(uncaught(scope, Some(reason)));
                }
                v8::PromiseState::Fulfilled => v8::Local::new(scope, module).get_module_namespace(),
            }
        }
    };
    let settled = list_entrypoints(scope, namespace, spec, outlets)
        .and_then(|entrypoints| Some((entrypoints, Handlers::find(scope)?)));
    settled.ok_or_else(|| {
        let exception = scope.exception();
        uncaught(scope, exception)
    })
}

/// `entrypoint:handler` of all that the code exports; each gets its channels for `ctx.exports`.
/// Empty if an exception is pending.
fn list_entrypoints<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    namespace: v8::Local<'s, v8::Value>,
    spec: &WorkerSpec,
    outlets: &mut Outlets,
) -> Option<Vec<String>> {
    let state = IsolateState::get(scope);
    let this = v8::undefined(scope).into();
    let list = state
        .internal(scope, "workers", "entrypoints")?
        .call(scope, this, &[namespace])?;
    let list = v8::Local::<v8::Array>::try_from(list).ok()?;
    let mut entrypoints = Vec::new();
    let mut loopback: Vec<v8::Local<v8::Value>> = Vec::new();
    for index in 0..list.length() {
        let Some(entry) = list.get_index(scope, index) else {
            continue;
        };
        let entry = entry.to_rust_string_lossy(scope);
        if let Some(name) = entry.strip_suffix(':') {
            let own = Outlet::Own((name != "default").then(|| name.to_owned()));
            loopback.push(string(scope, name).into());
            loopback.push(outlets.add(scope, own));
            let namespace = spec.namespaces.iter().find(|spec| spec.class_name == name);
            loopback.push(match namespace {
                Some(namespace) => {
                    let outlet = Outlet::Namespace {
                        key: namespace.key(&spec.name),
                        is_own: true,
                        is_ephemeral: namespace.unique_key.is_none(),
                    };
                    outlets.add(scope, outlet)
                }
                None => v8::null(scope).into(),
            });
            let ephemeral = namespace.is_some_and(|namespace| namespace.unique_key.is_none());
            loopback.push(v8::Boolean::new(scope, ephemeral).into());
            let mut workflows = spec.workflows.iter().flat_map(|workflows| &workflows.all);
            let workflow = workflows.find(|workflow| workflow.class_name == name);
            loopback.push(match workflow {
                Some(workflow) => outlets.add(scope, Outlet::Named(workflow.binding.clone())),
                None => v8::null(scope).into(),
            });
        }
        entrypoints.push(entry);
    }
    let loopback = v8::Array::new_with_elements(scope, &loopback).into();
    state
        .internal(scope, "workers", "setExports")?
        .call(scope, this, &[loopback])?;
    Some(entrypoints)
}
