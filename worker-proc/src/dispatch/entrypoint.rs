//! The entrypoints of a worker as services: each event is a call of a function of JavaScript's `workers` module.

use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use ::http::Method;
use futures_util::future::LocalBoxFuture;
use ipc::metrics::EventKind;

use super::access::Access;
use super::handlers::Handlers;
use super::worker::Worker;
use crate::glue::context::Outcome;
use crate::glue::{Registry, intern, string};
use crate::request::{self, RequestContext, ending};
use crate::service::rpc::{self, SharedReply};
use crate::service::trace::{Ancestors, Info, Subject, Tail, Told, Tracer};
use crate::service::{
    Channels, DebugPort, Designation, Error, Event, Given, Lasting, Limits, Me, Namespace, Objects,
    Origin, Props, Request, Response, Service,
};

/// One entrypoint of a worker.
pub struct Entrypoint {
    worker: Rc<Worker>,
    name: Option<String>,
    props: Option<Props>,
    origin: Origin,
    limits: Limits,
}

impl Entrypoint {
    pub fn new(
        worker: Rc<Worker>,
        name: Option<String>,
        props: Option<Props>,
        origin: Origin,
    ) -> Self {
        Self {
            limits: worker.limits(),
            worker,
            name,
            props,
            origin,
        }
    }

    /// The same where an event may use no more than this, either.
    pub fn limited(self, limits: Limits) -> Self {
        Self {
            limits: self.limits.within(limits),
            ..self
        }
    }

    /// What it is found again by. A worker that another one has loaded is by its stub's origin alone.
    fn found_by(&self) -> Lasting {
        Lasting::Entrypoint {
            service: self.worker.name().to_owned(),
            entrypoint: self.name.clone(),
            props: self.props.clone(),
        }
    }

    /// What records an event of the entrypoint, if anybody is to be told of it.
    fn tracer(&self, ancestors: Ancestors, info: impl FnOnce() -> Info) -> Option<Rc<Tracer>> {
        let tails = self.worker.tails()?;
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
        self: &Rc<Self>,
        kind: EventKind,
        tracer: Option<Rc<Tracer>>,
        handler: fn(&Handlers) -> &v8::Global<v8::Function>,
        arguments: impl for<'s> FnOnce(
            &mut v8::PinScope<'s, '_>,
            &RequestContext,
            &mut Vec<v8::Local<'s, v8::Value>>,
        ),
    ) -> Result<Outcome, Error> {
        self.origin.check(self.worker.stores_stubs())?;
        let live = self.worker.live()?;
        let counted = live.isolate.worker().event(kind);
        let outcome = request::run(
            live.isolate.clone(),
            self.clone(),
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
                let handler = v8::Local::new(scope, handler(&live.handlers));
                // JavaScript reports failures through the context; only termination comes out here.
                let _ = handler.call(scope, this, &all);
            },
        )
        .await;
        counted.ended(ending(&outcome));
        outcome
    }
}

/// What an event of the entrypoint reaches: what its worker does, and itself.
impl Channels for Entrypoint {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>> {
        self.worker.service(channel)
    }

    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>> {
        self.worker.namespace(channel)
    }

    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>> {
        self.worker.service_with_props(channel, props)
    }

    fn objects(&self) -> Option<Rc<dyn Objects>> {
        self.worker.objects()
    }

    fn loader(&self, channel: u32) -> Option<Rc<dyn Any>> {
        self.worker.loader(channel)
    }

    fn stub(&self, channel: u32) -> Option<Rc<dyn rpc::Target>> {
        self.worker.stub(channel)
    }

    fn debug_port(&self, address: Option<&str>) -> Option<Rc<dyn DebugPort>> {
        self.worker.debug_port(address)
    }

    fn namespace_lasts(&self, channel: u32) -> bool {
        self.worker.namespace_lasts(channel)
    }

    fn revive(&self, lasting: &Lasting) -> Option<Rc<dyn Service>> {
        self.worker.revive(lasting)
    }

    fn me(&self) -> Option<Me> {
        if self.worker.is_loaded() {
            return self.origin.me.clone();
        }
        Some(Me {
            lasting: self.found_by(),
            lasts: self.worker.stores_stubs(),
        })
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn discard(&self) -> bool {
        self.worker.discard()
    }
}

impl Service for Entrypoint {
    fn fetch(
        self: Rc<Self>,
        mut request: Request,
    ) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            let given = Given::of(&mut request);
            let access = match self.worker.access() {
                Some(access) if request.method != Method::CONNECT => access.of(&request)?,
                _ => None,
            };
            let tracer = self.tracer(Ancestors::default(), || Info::of_request(&request));
            let outcome = self
                .call(
                    EventKind::Fetch,
                    tracer,
                    |all| &all.fetch,
                    |scope, context, arguments| {
                        arguments.push(access.map_or_else(
                            || v8::undefined(scope).into(),
                            |Access { audience, props }| {
                                let parts = [string(scope, &audience), string(scope, &props)];
                                let parts = parts.map(v8::Local::<v8::Value>::from);
                                v8::Array::new_with_elements(scope, &parts).into()
                            },
                        ));
                        if let Some(push) = Registry::get().push_request {
                            push(scope, context, request, arguments);
                        }
                    },
                )
                .await;
            given.answered(match outcome {
                Ok(Outcome::Response(response)) => Ok(response),
                Ok(_) => Err(Error::internal(
                    "The fetch handler ended without a response.",
                )),
                Err(error) => Err(error),
            })
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            let tracer = self.tracer(Ancestors::default(), || Info::of_event(&event));
            self.call(
                EventKind::Other,
                tracer,
                |all| &all.event,
                |scope, _, arguments| {
                    arguments.push(intern(scope, event.handler).into());
                    arguments.push(string(scope, &event.argument).into());
                },
            )
            .await?;
            Ok(())
        })
    }

    fn tail(self: Rc<Self>, tail: Tail) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let ancestors = tail.ancestors.with(self.worker.name());
            let (name, traces) = match &tail.told {
                Told::Trace(_) => ("tail", 1),
                Told::Stream(_) => ("tailStream", 0),
            };
            let tracer = self.tracer(ancestors, || Info::Tail { traces });
            let run = self.call(
                EventKind::Tail,
                tracer,
                |all| &all.event,
                |scope, context, arguments| {
                    arguments.push(intern(scope, name).into());
                    if let Some(push) = Registry::get().push_told {
                        push(scope, context, tail.told, arguments);
                    }
                },
            );
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
            let run = self.call(
                EventKind::Rpc,
                tracer,
                |all| &all.rpc,
                |scope, context, arguments| {
                    if let Some(push) = Registry::get().push_call {
                        push(scope, context, call, &reply, arguments);
                    }
                },
            );
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
        if self.worker.is_loaded() {
            return None;
        }
        let props = match &self.props {
            Some(props) => Some(props.json()?.to_owned()),
            None => None,
        };
        Some(Designation::Entrypoint {
            service: self.worker.name().to_owned(),
            entrypoint: self.name.clone(),
            props,
        })
    }

    fn lasting(&self) -> Option<Lasting> {
        self.origin.lasts.then(|| self.found_by())
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        Some(Rc::new(Self {
            worker: self.worker.clone(),
            name: self.name.clone(),
            props: self.props.clone(),
            origin,
            limits: self.limits,
        }))
    }

    fn actor_class(self: Rc<Self>) -> LocalBoxFuture<'static, Result<Rc<dyn Any>, Error>> {
        let name = self.name.clone().unwrap_or_else(|| "default".to_owned());
        let class = self.worker.class(name, self.props.clone(), self.limits);
        Box::pin(async move { Ok(Rc::new(class) as Rc<dyn Any>) })
    }
}

/// An entrypoint as the worker itself refers to it, which does not keep it alive.
pub struct OwnEntrypoint {
    pub worker: Weak<Worker>,
    pub name: Option<String>,
    pub props: Option<Props>,
    pub origin: Origin,
}

impl OwnEntrypoint {
    fn entrypoint(&self) -> Option<Rc<Entrypoint>> {
        let worker = self.worker.upgrade()?;
        Some(Rc::new(Entrypoint::new(
            worker,
            self.name.clone(),
            self.props.clone(),
            self.origin.clone(),
        )))
    }
}

fn gone() -> Error {
    Error::disconnected("The worker is no longer running.")
}

impl Service for OwnEntrypoint {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        match self.entrypoint() {
            Some(entrypoint) => entrypoint.fetch(request),
            None => Box::pin(async { Err(gone()) }),
        }
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        match self.entrypoint() {
            Some(entrypoint) => entrypoint.event(event),
            None => Box::pin(async { Err(gone()) }),
        }
    }

    fn tail(self: Rc<Self>, tail: Tail) -> LocalBoxFuture<'static, ()> {
        match self.entrypoint() {
            Some(entrypoint) => entrypoint.tail(tail),
            None => Box::pin(async {}),
        }
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        match self.entrypoint() {
            Some(entrypoint) => entrypoint.rpc(call),
            None => rpc::Answer::failed(gone()),
        }
    }

    fn designation(&self) -> Option<Designation> {
        self.entrypoint()?.designation()
    }

    fn lasting(&self) -> Option<Lasting> {
        self.entrypoint()?.lasting()
    }

    fn with_origin(self: Rc<Self>, origin: Origin) -> Option<Rc<dyn Service>> {
        Some(Rc::new(Self {
            worker: self.worker.clone(),
            name: self.name.clone(),
            props: self.props.clone(),
            origin,
        }))
    }

    fn actor_class(self: Rc<Self>) -> LocalBoxFuture<'static, Result<Rc<dyn Any>, Error>> {
        match self.entrypoint() {
            Some(entrypoint) => entrypoint.actor_class(),
            None => Box::pin(async { Err(gone()) }),
        }
    }
}
