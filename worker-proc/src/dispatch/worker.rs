//! A worker: its isolate with its code run, and its entrypoints as services.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use futures_util::future::LocalBoxFuture;

use super::bindings::{self, Outlets};
use super::router::Router;
use super::spec::{Code, Designator, WorkerSpec};
use crate::glue::context::Outcome;
use crate::glue::{IsolateState, intern, string};
use crate::isolate::{Isolate, describe, modules};
use crate::request::{self, RequestContext};
use crate::service::{Channels, Error, Event, Kind, Request, Response, Service};

/// See the module.
pub struct Worker {
    name: String,
    isolate: Rc<Isolate>,
    channels: Rc<WorkerChannels>,
    entrypoints: Vec<String>,
}

/// A worker's outlets, looked up once each.
struct WorkerChannels {
    router: Weak<Router>,
    designators: Vec<Option<Designator>>,
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

    fn service_with_props(&self, channel: u32, props: String) -> Option<Rc<dyn Service>> {
        let mut designator = self.designators.get(channel as usize)?.clone()?;
        designator.props = Some(props);
        self.router.upgrade()?.find(&designator)
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
        };
        let script = matches!(spec.code, Code::Script(_));
        // Both, not in one turn: the code's microtasks run before it is asked what it exports.
        let evaluated = isolate.run(None, |scope| evaluate(scope, &spec));
        let mut errors = Vec::new();
        let module = match evaluated {
            Ok(module) => module,
            Err(error) => {
                errors.push(format!("service {name}: {error}"));
                None
            }
        };
        let entrypoints = isolate.run(None, |scope| settle(scope, module, &spec, &mut outlets));
        let entrypoints = match entrypoints {
            Ok(entrypoints) => entrypoints,
            Err(error) => {
                if errors.is_empty() {
                    errors.push(format!("service {name}: {error}"));
                }
                Vec::new()
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
            found: RefCell::default(),
        });
        Ok(Rc::new(Self {
            name: spec.name,
            isolate,
            channels,
            entrypoints,
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
        props: Option<String>,
    ) -> Rc<dyn Service> {
        Rc::new(Entrypoint {
            worker: self.clone(),
            name,
            props,
        })
    }

    fn log(&self, error: &Error) {
        let text = error.stack.as_deref().unwrap_or(&error.message);
        eprintln!("error: service {}: Uncaught (in promise) {text}", self.name);
    }
}

/// Where code evaluation has left a module, to be settled in the next turn.
type Evaluated = Option<(v8::Global<v8::Module>, v8::Global<v8::Promise>)>;

fn evaluate(scope: &mut v8::PinScope<'_, '_>, spec: &WorkerSpec) -> Result<Evaluated, String> {
    v8::tc_scope!(let scope, scope);
    let state = IsolateState::get(scope);
    // `eval` is allowed while code starts where a flag says so.
    let eval = spec
        .flags
        .get(schema::compat::field::ALLOW_EVAL_DURING_STARTUP);
    state.allow_eval.set(eval);
    let evaluated = match &spec.code {
        Code::Script(text) => {
            add_extensions(scope, spec);
            modules::run_script(scope, &spec.name, text).map(|()| None)
        }
        Code::Modules(all) => {
            add_extensions(scope, spec);
            for (name, source) in all {
                modules::add(scope, name, source.clone(), modules::Scope::Worker);
            }
            let main = all.first().map_or("", |(name, _)| name.as_str());
            modules::evaluate(scope, main).map(|(module, promise)| {
                Some((
                    v8::Global::new(scope, module),
                    v8::Global::new(scope, promise),
                ))
            })
        }
    };
    if let Some(evaluated) = evaluated {
        return Ok(evaluated);
    }
    state.allow_eval.set(false);
    let exception = scope.exception();
    Err(uncaught(scope, exception))
}

fn add_extensions(scope: &mut v8::PinScope<'_, '_>, spec: &WorkerSpec) {
    for module in spec.extensions.iter() {
        let visible = if module.internal {
            modules::Scope::Internal
        } else {
            modules::Scope::Extension
        };
        modules::add(
            scope,
            module.name,
            modules::Source::Es(module.code),
            visible,
        );
    }
}

fn uncaught<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exception: Option<v8::Local<'s, v8::Value>>,
) -> String {
    let Some(exception) = exception else {
        return "The script ended without a result.".to_owned();
    };
    let described = describe(scope, exception);
    let mut text = format!("Uncaught {}", described.summary);
    for frame in described.frames {
        text.push('\n');
        text.push_str(&frame);
    }
    text
}

/// Reads what the evaluated code exports and builds `env`.
fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    module: Evaluated,
    spec: &WorkerSpec,
    outlets: &mut Outlets,
) -> Result<Vec<String>, String> {
    v8::tc_scope!(let scope, scope);
    let state = IsolateState::get(scope);
    state.allow_eval.set(false);
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
    let made = bindings::describe(scope, &spec.bindings, outlets).and_then(|env| {
        let setup = state.internal(scope, "workers", "setup")?;
        let this = v8::undefined(scope).into();
        let name = string(scope, &spec.name).into();
        setup.call(scope, this, &[namespace, env.into(), name])
    });
    let Some(list) = made.and_then(|list| v8::Local::<v8::Array>::try_from(list).ok()) else {
        let exception = scope.exception();
        return Err(uncaught(scope, exception));
    };
    let mut entrypoints = Vec::new();
    let mut loopback: Vec<v8::Local<v8::Value>> = Vec::new();
    for index in 0..list.length() {
        let Some(entry) = list.get_index(scope, index) else {
            continue;
        };
        let entry = entry.to_rust_string_lossy(scope);
        if let Some(name) = entry.strip_suffix(':') {
            let entrypoint = (name != "default").then(|| name.to_owned());
            outlets.designators.push(Some(Designator {
                service: spec.name.clone(),
                entrypoint,
                props: None,
            }));
            let channel = u32::try_from(outlets.designators.len() - 1).unwrap_or(u32::MAX);
            loopback.push(string(scope, name).into());
            loopback.push(v8::Integer::new_from_unsigned(scope, channel).into());
        }
        entrypoints.push(entry);
    }
    let loopback = v8::Array::new_with_elements(scope, &loopback).into();
    let this = v8::undefined(scope).into();
    let set = state
        .internal(scope, "workers", "setExports")
        .and_then(|set| set.call(scope, this, &[loopback]));
    match set {
        Some(_) => Ok(entrypoints),
        None => {
            let exception = scope.exception();
            Err(uncaught(scope, exception))
        }
    }
}

/// One entrypoint of a worker.
struct Entrypoint {
    worker: Rc<Worker>,
    name: Option<String>,
    props: Option<String>,
}

impl Entrypoint {
    /// Calls a function of JavaScript's `workers` module with the entrypoint, its props and what `arguments` adds.
    async fn call(
        &self,
        function: &'static str,
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
            |scope, context| {
                let state = IsolateState::get(scope);
                let Some(function) = state.internal(scope, "workers", function) else {
                    return;
                };
                let mut all: Vec<v8::Local<v8::Value>> = Vec::with_capacity(8);
                for text in [&self.name, &self.props] {
                    all.push(match text {
                        Some(text) => string(scope, text).into(),
                        None => v8::null(scope).into(),
                    });
                }
                arguments(scope, context, &mut all);
                let this = v8::undefined(scope).into();
                v8::tc_scope!(let scope, scope);
                // JavaScript reports failures through the context; only termination comes out here.
                let _ = function.call(scope, this, &all);
            },
        )
        .await
    }
}

impl Service for Entrypoint {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let outcome = self
                .call("fetch", |scope, context, arguments| {
                    crate::api::fetch::push_request(scope, context, request, arguments);
                })
                .await;
            match outcome {
                Ok(Outcome::Response(response)) => Ok(response),
                Ok(_) => Err(Error::internal(
                    "The fetch handler ended without a response.",
                )),
                Err(error) => {
                    if error.kind == Kind::Worker {
                        self.worker.log(&error);
                    }
                    Err(error)
                }
            }
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let outcome = self
                .call("event", |scope, _, arguments| {
                    arguments.push(intern(scope, event.handler).into());
                    arguments.push(string(scope, &event.argument).into());
                })
                .await;
            if let Err(error) = &outcome
                && error.kind != Kind::Internal
            {
                self.worker.log(error);
            }
            outcome.map(|_| ())
        })
    }
}
