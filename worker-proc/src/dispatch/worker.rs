//! A worker: its isolate with its code run, and where its subrequests go.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::bindings::{self, Outlets};
use super::entrypoint::{Entrypoint, Handlers, OwnEntrypoint};
use super::loader::Slot;
use super::router::Router;
use super::spec::{Code, Outlet, WorkerSpec};
use super::tails::WorkerTails;
use crate::actors::Class;
use crate::glue::loader::LoaderHandle;
use crate::glue::{IsolateState, string};
use crate::isolate::limits::STARTUP_EXCEEDED;
use crate::isolate::{Isolate, describe, modules};
use crate::service::rpc::Target;
use crate::service::trace::Tails;
use crate::service::{Channels, Lasting, Namespace, Objects, Origin, Props, Service};

/// See the module.
pub struct Worker {
    this: Weak<Self>,
    name: String,
    pub(super) isolate: Rc<Isolate>,
    router: Weak<Router>,
    outlets: Vec<Outlet>,
    namespaces: Vec<(String, bool)>,
    stubs: Vec<Rc<dyn Target>>,
    loaders: Vec<Rc<LoaderHandle>>,
    /// Services of the config, looked up once each.
    found: RefCell<HashMap<u32, Rc<dyn Service>>>,
    entrypoints: Vec<String>,
    pub(super) handlers: Handlers,
    /// Who is told of its events; none if nobody is.
    tails: Option<Rc<dyn Tails>>,
    /// Of its Durable Objects: whether ops keep one from going, as timers and `waitUntil` work do.
    ops_prevent_eviction: bool,
    /// Whether stubs that lead to it may be stored.
    stores_stubs: bool,
    /// Of a worker that another one has loaded.
    slot: Option<Weak<Slot>>,
}

impl Channels for Worker {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>> {
        if let Some(service) = self.found.borrow().get(&channel) {
            return Some(service.clone());
        }
        let service = match self.outlets.get(channel as usize)? {
            Outlet::None => return None,
            Outlet::Given(service) => return Some(service.clone()),
            Outlet::Own(name) => self.own(name, None),
            Outlet::Named(designator) => self.router.upgrade()?.find(designator)?,
        };
        self.found.borrow_mut().insert(channel, service.clone());
        Some(service)
    }

    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>> {
        let (key, _) = self.namespaces.get(channel as usize)?;
        let host = self.router.upgrade()?.host().clone();
        host.namespace(key).map(|found| found as Rc<dyn Namespace>)
    }

    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>> {
        match self.outlets.get(channel as usize)? {
            Outlet::Own(name) => Some(self.own(name, Some(props))),
            _ => None,
        }
    }

    fn objects(&self) -> Option<Rc<dyn Objects>> {
        Some(self.router.upgrade()?.host().clone())
    }

    fn loader(&self, channel: u32) -> Option<Rc<dyn Any>> {
        let loader = self.loaders.get(channel as usize)?.clone();
        Some(loader)
    }

    fn stub(&self, channel: u32) -> Option<Rc<dyn Target>> {
        self.stubs.get(channel as usize).cloned()
    }

    fn namespace_lasts(&self, channel: u32) -> bool {
        let namespace = self.namespaces.get(channel as usize);
        self.stores_stubs && namespace.is_some_and(|(_, is_own)| *is_own)
    }

    fn revive(&self, lasting: &Lasting) -> Option<Rc<dyn Service>> {
        self.router.upgrade()?.revive(lasting)
    }

    fn discard(&self) -> bool {
        if let Some(slot) = self.slot.as_ref().and_then(Weak::upgrade) {
            slot.discard();
        }
        self.is_loaded()
    }
}

impl Worker {
    /// Starts the isolate and runs the worker's code at global scope.
    ///
    /// # Errors
    /// Everything that goes wrong, in the published binary's words.
    pub fn start(spec: WorkerSpec, router: &Rc<Router>) -> Result<Rc<Self>, Vec<String>> {
        let isolate = Isolate::new(&spec.flags).map_err(|error| vec![error])?;
        isolate.set_label(&spec.name);
        let mut outlets = Outlets {
            services: vec![
                spec.global_outbound.clone(),
                spec.cache_outbound
                    .clone()
                    .map_or(Outlet::None, Outlet::Named),
            ],
            namespaces: Vec::new(),
            stubs: Vec::new(),
            loaders: Vec::new(),
        };
        let script = matches!(spec.code, Code::Script(_));
        // Not in one turn: the code's microtasks run before it is asked what it exports.
        let evaluated = isolate.run(None, |scope| {
            v8::tc_scope!(let scope, scope);
            let evaluated =
                set_up(scope, &spec, &mut outlets).and_then(|()| evaluate(scope, &spec));
            evaluated.ok_or_else(|| {
                let exception = scope.exception();
                uncaught(scope, exception)
            })
        });
        if isolate.startup_exceeded() {
            return Err(vec![STARTUP_EXCEEDED.to_owned()]);
        }
        let mut errors = Vec::new();
        let module = match evaluated {
            Ok(module) => module,
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let settled = isolate.run(None, |scope| settle(scope, module, &spec, &mut outlets));
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
        let loaders = outlets.loaders.into_iter();
        let loaders = loaders
            .map(|id| Rc::new(LoaderHandle(router.loader(id, &spec.extensions))))
            .collect();
        let tails = WorkerTails::of(router, spec.tails, spec.streaming_tails);
        let worker = Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            name: spec.name,
            isolate,
            router: Rc::downgrade(router),
            outlets: outlets.services,
            namespaces: outlets.namespaces,
            stubs: outlets.stubs,
            stores_stubs: spec
                .flags
                .get(schema::compat::field::ALLOW_IRREVOCABLE_STUB_STORAGE),
            loaders,
            found: RefCell::default(),
            entrypoints,
            handlers,
            tails,
            ops_prevent_eviction: spec
                .flags
                .get(schema::compat::field::DURABLE_OBJECT_IO_TASKS_PREVENT_EVICTION),
            slot: spec.slot,
        });
        for namespace in spec.namespaces {
            let class = worker.class(namespace.class_name.clone(), None);
            let host = router.host();
            let added = host.add(&worker.name, namespace, class, &spec.storage);
            added.map_err(|error| vec![error])?;
        }
        Ok(worker)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `entrypoint:handler` of everything that the code exports, such as `default:fetch`.
    pub fn entrypoints(&self) -> &[String] {
        &self.entrypoints
    }

    /// One entrypoint as a service; none is the default one.
    pub fn entrypoint(
        self: &Rc<Self>,
        name: Option<String>,
        props: Option<Props>,
    ) -> Rc<dyn Service> {
        let origin = Origin::default();
        Rc::new(Entrypoint::new(self.clone(), name, props, origin))
    }

    /// Whether the code exports an entrypoint of that name.
    pub fn has(&self, entrypoint: &str) -> bool {
        let mut all = self.entrypoints.iter();
        all.any(|entry| entry.strip_suffix(':') == Some(entrypoint))
    }

    /// Whether stubs that lead to it may be stored.
    pub fn stores_stubs(&self) -> bool {
        self.stores_stubs
    }

    /// Whether another worker has loaded it, and it is none of the config's.
    pub fn is_loaded(&self) -> bool {
        self.slot.is_some()
    }

    /// An entrypoint that the worker uses itself.
    fn own(&self, name: &Option<String>, props: Option<Props>) -> Rc<dyn Service> {
        Rc::new(OwnEntrypoint {
            worker: self.this.clone(),
            name: name.clone(),
            props,
            origin: Origin {
                lasts: self.stores_stubs && !self.is_loaded(),
                ..Origin::default()
            },
        })
    }

    /// A class of Durable Objects that it exports.
    pub(super) fn class(self: &Rc<Self>, name: String, props: Option<Props>) -> Class {
        Class {
            isolate: self.isolate.clone(),
            channels: self.clone(),
            name,
            props,
            ops_prevent_eviction: self.ops_prevent_eviction,
            stores_stubs: self.stores_stubs,
            tails: self.tails.clone(),
        }
    }

    /// Who is told of its events; none if nobody is.
    pub(super) fn tails(&self) -> Option<&Rc<dyn Tails>> {
        self.tails.as_ref()
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
    let env = bindings::describe(scope, &spec.bindings, outlets)?;
    let script = v8::Boolean::new(scope, matches!(spec.code, Code::Script(_)));
    let loaded = v8::Boolean::new(scope, spec.slot.is_some());
    let set_up = IsolateState::get(scope).internal(scope, "workers", "setup")?;
    let is_traced = !spec.tails.is_empty() || !spec.streaming_tails.is_empty();
    let traced = v8::Boolean::new(scope, is_traced);
    let this = v8::undefined(scope).into();
    let arguments = [env.into(), script.into(), loaded.into(), traced.into()];
    set_up.call(scope, this, &arguments)?;
    Some(())
}

/// Runs the code; empty if an exception is pending.
fn evaluate(scope: &mut v8::PinScope<'_, '_>, spec: &WorkerSpec) -> Option<Evaluated> {
    // `eval` is allowed while code starts where a flag says so.
    let eval = spec
        .flags
        .get(schema::compat::field::ALLOW_EVAL_DURING_STARTUP);
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

/// Reads what the evaluated code exports.
fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    module: Evaluated,
    spec: &WorkerSpec,
    outlets: &mut Outlets,
) -> Result<(Vec<String>, Handlers), String> {
    v8::tc_scope!(let scope, scope);
    IsolateState::get(scope).allow_eval.set(false);
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
                Some(namespace) => outlets.add_namespace(scope, &namespace.key(&spec.name), true),
                None => v8::null(scope).into(),
            });
            let ephemeral = namespace.is_some_and(|namespace| namespace.unique_key.is_none());
            loopback.push(v8::Boolean::new(scope, ephemeral).into());
        }
        entrypoints.push(entry);
    }
    let loopback = v8::Array::new_with_elements(scope, &loopback).into();
    state
        .internal(scope, "workers", "setExports")?
        .call(scope, this, &[loopback])?;
    Some(entrypoints)
}
