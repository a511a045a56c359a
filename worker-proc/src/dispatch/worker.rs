//! A worker: its isolate with its code run, and its entrypoints as services.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use futures_util::future::LocalBoxFuture;

use super::bindings::{self, Outlets};
use super::router::Router;
use super::spec::{Code, Designator, WorkerSpec};
use super::tails::WorkerTails;
use crate::actors::Class;
use crate::glue::context::Outcome;
use crate::glue::{IsolateState, Registry, intern, string};
use crate::isolate::{Isolate, describe, modules};
use crate::request::{self, RequestContext};
use crate::service::rpc::{self, SharedReply};
use crate::service::trace::{Ancestors, Info, Subject, Tail, Tails, Told, Tracer};
use crate::service::{
    Channels, Designation, Error, Event, Namespace, Objects, Props, Request, Response, Service,
};

/// See the module.
pub struct Worker {
    name: String,
    isolate: Rc<Isolate>,
    channels: Rc<WorkerChannels>,
    entrypoints: Vec<String>,
    handlers: Handlers,
    /// Who is told of its events; none if nobody is.
    tails: Option<Rc<dyn Tails>>,
    /// Of its Durable Objects: whether ops keep one from going, as timers and `waitUntil` work do.
    ops_prevent_eviction: bool,
}

/// A worker's outlets, looked up once each.
struct WorkerChannels {
    router: Weak<Router>,
    designators: Vec<Option<Designator>>,
    namespaces: Vec<String>,
    found: RefCell<HashMap<u32, Rc<dyn Service>>>,
}

impl Channels for WorkerChannels {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>> {
        if let Some(service) = self.found.borrow().get(&channel) {
            return Some(service.clone());
        }
        let designator = self.designators.get(channel as usize)?.as_ref()?;
        let service = self.router.upgrade()?.find(designator)?;
        self.found.borrow_mut().insert(channel, service.clone());
        Some(service)
    }

    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>> {
        let key = self.namespaces.get(channel as usize)?;
        let host = self.router.upgrade()?.host().clone();
        host.namespace(key).map(|found| found as Rc<dyn Namespace>)
    }

    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>> {
        let mut designator = self.designators.get(channel as usize)?.clone()?;
        designator.props = Some(props);
        self.router.upgrade()?.find(&designator)
    }

    fn objects(&self) -> Option<Rc<dyn Objects>> {
        Some(self.router.upgrade()?.host().clone())
    }
}

impl Worker {
    /// Starts the isolate and runs the worker's code at global scope.
    pub fn start(spec: WorkerSpec, router: &Rc<Router>) -> Result<Rc<Self>, Vec<String>> {
        let name = spec.name.clone();
        let complain = |text: String| vec![format!("service {name}: {text}")];
        let isolate = Isolate::new(&spec.flags).map_err(complain)?;
        let mut outlets = Outlets {
            designators: vec![
                Some(spec.global_outbound.clone()),
                spec.cache_outbound.clone(),
            ],
            namespaces: Vec::new(),
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
        let mut errors = Vec::new();
        let module = match evaluated {
            Ok(module) => module,
            Err(error) => {
                errors.push(format!("service {name}: {error}"));
                None
            }
        };
        let settled = isolate.run(None, |scope| settle(scope, module, &spec, &mut outlets));
        let (entrypoints, handlers) = match settled {
            Ok(settled) => settled,
            Err(error) => {
                if errors.is_empty() {
                    errors.push(format!("service {name}: {error}"));
                }
                return Err(errors);
            }
        };
        if script && entrypoints.is_empty() {
            errors.push(format!(
                "service {name}: No event handlers were registered. This script does nothing."
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let channels = Rc::new(WorkerChannels {
            router: Rc::downgrade(router),
            designators: outlets.designators,
            namespaces: outlets.namespaces,
            found: RefCell::default(),
        });
        let tails = WorkerTails::of(router, spec.tails, spec.streaming_tails);
        let ops_prevent_eviction = spec
            .flags
            .get(schema::compat::field::DURABLE_OBJECT_IO_TASKS_PREVENT_EVICTION);
        for namespace in spec.namespaces {
            let class = Class {
                isolate: isolate.clone(),
                channels: channels.clone(),
                name: namespace.class_name.clone(),
                props: None,
                ops_prevent_eviction,
                tails: tails.clone(),
            };
            let added = router
                .host()
                .add(&spec.name, namespace, class, &spec.storage);
            added.map_err(|error| vec![format!("service {}: {error}", spec.name)])?;
        }
        Ok(Rc::new(Self {
            name: spec.name,
            isolate,
            channels,
            entrypoints,
            handlers,
            tails,
            ops_prevent_eviction,
        }))
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
        Rc::new(Entrypoint {
            worker: self.clone(),
            name,
            props,
        })
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
        let source = modules::Source::Es(module.code);
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
    let set_up = IsolateState::get(scope).internal(scope, "workers", "setup")?;
    let is_traced = !spec.tails.is_empty() || !spec.streaming_tails.is_empty();
    let traced = v8::Boolean::new(scope, is_traced);
    let this = v8::undefined(scope).into();
    set_up.call(scope, this, &[env.into(), script.into(), traced.into()])?;
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

/// What JavaScript's `workers` module exports to be called for events.
struct Handlers {
    fetch: v8::Global<v8::Function>,
    event: v8::Global<v8::Function>,
    rpc: v8::Global<v8::Function>,
}

impl Handlers {
    fn find(scope: &mut v8::PinScope) -> Option<Self> {
        let state = IsolateState::get(scope);
        let [fetch, event, rpc] = ["fetch", "event", "rpc"].map(|name| {
            let function = state.internal(scope, "workers", name)?;
            Some(v8::Global::new(scope, function))
        });
        Some(Self {
            fetch: fetch?,
            event: event?,
            rpc: rpc?,
        })
    }
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
            let designator = Designator {
                service: spec.name.clone(),
                entrypoint: (name != "default").then(|| name.to_owned()),
                props: None,
            };
            loopback.push(string(scope, name).into());
            loopback.push(outlets.add(scope, &designator));
            let namespace = spec.namespaces.iter().find(|spec| spec.class_name == name);
            loopback.push(match namespace {
                Some(namespace) => outlets.add_namespace(scope, &namespace.key(&spec.name)),
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

/// One entrypoint of a worker.
struct Entrypoint {
    worker: Rc<Worker>,
    name: Option<String>,
    props: Option<Props>,
}

impl Entrypoint {
    /// What records an event of the entrypoint, if anybody is to be told of it.
    fn tracer(&self, ancestors: Ancestors, info: impl FnOnce() -> Info) -> Option<Rc<Tracer>> {
        let tails = self.worker.tails.as_ref()?;
        // As on workerd: what is called so is taken for a test of the worker.
        if self.name.as_deref() == Some("test") {
            return None;
        }
        let subject = Subject {
            entrypoint: self.name.clone(),
            object: None,
        };
        Some(Tracer::new(tails, ancestors, subject, info()))
    }

    /// Calls a handler of JavaScript's `workers` module with the entrypoint, its props and what `arguments` adds.
    async fn call(
        &self,
        tracer: Option<Rc<Tracer>>,
        handler: &v8::Global<v8::Function>,
        arguments: impl for<'s> FnOnce(
            &mut v8::PinScope<'s, '_>,
            &RequestContext,
            &mut Vec<v8::Local<'s, v8::Value>>,
        ),
    ) -> Result<Outcome, Error> {
        let worker = &self.worker;
        request::run(
            worker.isolate.clone(),
            worker.channels.clone(),
            tracer,
            |scope, context| {
                let mut all: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
                all.push(match &self.name {
                    Some(name) => string(scope, name).into(),
                    None => v8::null(scope).into(),
                });
                if let Some(push) = Registry::get().push_props {
                    push(scope, self.props.as_ref(), &mut all);
                }
                arguments(scope, context, &mut all);
                let this = v8::undefined(scope).into();
                v8::tc_scope!(let scope, scope);
                let handler = v8::Local::new(scope, handler);
                // JavaScript reports failures through the context; only termination comes out here.
                let _ = handler.call(scope, this, &all);
            },
        )
        .await
    }
}

impl Service for Entrypoint {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let tracer = self.tracer(Ancestors::default(), || Info::of_request(&request));
            let handler = &self.worker.handlers.fetch;
            let outcome = self
                .call(tracer, handler, |scope, context, arguments| {
                    if let Some(push) = Registry::get().push_request {
                        push(scope, context, request, arguments);
                    }
                })
                .await?;
            match outcome {
                Outcome::Response(response) => Ok(response),
                _ => Err(Error::internal(
                    "The fetch handler ended without a response.",
                )),
            }
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let tracer = self.tracer(Ancestors::default(), || Info::of_event(&event));
            let handler = &self.worker.handlers.event;
            self.call(tracer, handler, |scope, _, arguments| {
                arguments.push(intern(scope, event.handler).into());
                arguments.push(string(scope, &event.argument).into());
            })
            .await?;
            Ok(())
        })
    }

    fn tail(self: Rc<Self>, tail: Tail) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let ancestors = tail.ancestors.with(&self.worker.name);
            let (name, traces) = match &tail.told {
                Told::Trace(_) => ("tail", 1),
                Told::Stream(_) => ("tailStream", 0),
            };
            let tracer = self.tracer(ancestors, || Info::Tail { traces });
            let handler = &self.worker.handlers.event;
            let run = self.call(tracer, handler, |scope, context, arguments| {
                arguments.push(intern(scope, name).into());
                if let Some(push) = Registry::get().push_told {
                    push(scope, context, tail.told, arguments);
                }
            });
            // JavaScript has reported what the handler threw.
            let _ = run.await;
        })
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        let (mut reply, answer) = rpc::answer();
        let cancelled = reply.cancelled();
        let reply = SharedReply::new(RefCell::new(Some(reply)));
        let tracer = self.tracer(Ancestors::default(), || Info::of_call(&call));
        tokio::task::spawn_local(request::on_behalf(async move {
            let handler = &self.worker.handlers.rpc;
            let run = self.call(tracer, handler, |scope, context, arguments| {
                if let Some(push) = Registry::get().push_call {
                    push(scope, context, call, &reply, arguments);
                }
            });
            let outcome = tokio::select! {
                outcome = run => outcome,
                () = cancelled => return,
            };
            if let Err(error) = outcome
                && let Some(reply) = reply.take()
            {
                reply.finish(Err(error));
            }
        }));
        answer
    }

    fn designation(&self) -> Option<Designation> {
        let props = match &self.props {
            Some(props) => Some(props.json()?.to_owned()),
            None => None,
        };
        Some(Designation::Entrypoint {
            service: self.worker.name.clone(),
            entrypoint: self.name.clone(),
            props,
        })
    }

    fn actor_class(self: Rc<Self>) -> Option<Rc<dyn Any>> {
        let worker = &self.worker;
        Some(Rc::new(Class {
            isolate: worker.isolate.clone(),
            channels: worker.channels.clone(),
            name: self.name.clone().unwrap_or_else(|| "default".to_owned()),
            props: self.props.clone(),
            ops_prevent_eviction: worker.ops_prevent_eviction,
            tails: worker.tails.clone(),
        }))
    }
}
