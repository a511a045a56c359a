//! A worker: where its subrequests go, and its isolate, which may be replaced.

use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::directory::Directory;
use super::entrypoint::{Entrypoint, OwnEntrypoint};
use super::live::Live;
use super::spec::{AccessSpec, WorkerSpec, WorkflowsSpec};
use super::tails::WorkerTails;
use crate::actors::{Class, Home};
use crate::glue::loader::LoaderHandle;
use crate::glue::{IsolateState, string};
use crate::isolate::{Isolate, limits};
use crate::log;
use crate::service::rpc::Target;
use crate::service::trace::Tails;
use crate::service::{
    Channels, DebugPort, Designator, Error, Lasting, Limits, Namespace, Objects, Origin, Outlet,
    Props, Service,
};

/// See the module.
pub struct Worker {
    this: Weak<Self>,
    directory: Weak<dyn Directory>,
    spec: WorkerSpec,
    live: RefCell<Rc<Live>>,
    /// Who is told of its events; none if nobody is.
    tails: Option<Rc<dyn Tails>>,
}

impl Channels for Worker {
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>> {
        let live = self.live.borrow().clone();
        if let Some(service) = live.found.borrow().get(&channel) {
            return Some(service.clone());
        }
        let service = match live.outlet(channel)? {
            Outlet::Given(service) => return Some(service.clone()),
            Outlet::Own(name) => self.own(name, None),
            Outlet::Named(designator) => self.directory.upgrade()?.find(designator)?,
            _ => return None,
        };
        live.found.borrow_mut().insert(channel, service.clone());
        Some(service)
    }

    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>> {
        let live = self.live.borrow();
        let Outlet::Namespace { key, .. } = live.outlet(channel)? else {
            return None;
        };
        let host = self.directory.upgrade()?.host().clone();
        host.namespace(key).map(|found| found as Rc<dyn Namespace>)
    }

    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>> {
        match self.live.borrow().outlet(channel)? {
            Outlet::Own(name) => Some(self.own(name, Some(props))),
            Outlet::Named(designator) => self.directory.upgrade()?.find(&Designator {
                props: Some(props),
                ..designator.clone()
            }),
            _ => None,
        }
    }

    fn objects(&self) -> Option<Rc<dyn Objects>> {
        Some(self.directory.upgrade()?.host().clone())
    }

    fn loader(&self, channel: u32) -> Option<Rc<dyn Any>> {
        let live = self.live.borrow();
        let Outlet::Loader(id) = live.outlet(channel)? else {
            return None;
        };
        let directory = self.directory.upgrade()?;
        let mut loaders = live.loaders.borrow_mut();
        let loader = loaders.entry(channel).or_insert_with(|| {
            let loader = directory.loader(id.clone(), &self.spec.extensions);
            Rc::new(LoaderHandle(loader))
        });
        Some(loader.clone())
    }

    fn stub(&self, channel: u32) -> Option<Rc<dyn Target>> {
        match self.live.borrow().outlet(channel)? {
            Outlet::Stub(target) => Some(target.clone()),
            _ => None,
        }
    }

    fn debug_port(&self, address: Option<&str>) -> Option<Rc<dyn DebugPort>> {
        self.directory.upgrade()?.debug_port(address)
    }

    fn namespace_lasts(&self, channel: u32) -> bool {
        let live = self.live.borrow();
        let own = matches!(
            live.outlet(channel),
            Some(Outlet::Namespace { is_own: true, .. })
        );
        own && self.stores_stubs()
    }

    fn revive(&self, lasting: &Lasting) -> Option<Rc<dyn Service>> {
        self.directory.upgrade()?.revive(lasting)
    }

    fn limits(&self) -> Limits {
        self.spec.limits
    }

    fn discard(&self) -> bool {
        if let Some(slot) = self.spec.slot.as_ref().and_then(Weak::upgrade) {
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
    pub fn start(spec: WorkerSpec, directory: &Rc<dyn Directory>) -> Result<Rc<Self>, Vec<String>> {
        let live = Live::start(&spec)?;
        let tails = WorkerTails::of(directory, spec.tails.clone(), spec.streaming_tails.clone());
        let worker = Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            directory: Rc::downgrade(directory),
            live: RefCell::new(live),
            tails,
            spec,
        });
        for namespace in worker.spec.namespaces.clone() {
            let class = worker.class(namespace.class_name.clone(), None, worker.limits());
            let host = directory.host();
            let added = host.add(&worker.spec.name, namespace, class, &worker.spec.storage);
            added.map_err(|error| vec![error])?;
        }
        Ok(worker)
    }

    /// Its isolate, started anew if it has used more memory than it may. Not within a turn.
    ///
    /// # Errors
    /// It cannot be started anew.
    pub(super) fn live(&self) -> Result<Rc<Live>, Error> {
        let live = self.live.borrow().clone();
        if !live.isolate.is_over() {
            return Ok(live);
        }
        if self.directory.strong_count() == 0 {
            return Err(Error::shutting_down());
        }
        let live = Live::start(&self.spec).map_err(|errors| {
            for error in errors {
                log::error(format_args!("service {}: {error}", self.spec.name));
            }
            limits::heap_exceeded(false)
        })?;
        self.live.replace(live.clone());
        Ok(live)
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// `entrypoint:handler` of everything that the code exports, such as `default:fetch`.
    pub fn entrypoints(&self) -> Vec<String> {
        self.live.borrow().entrypoints.clone()
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
        let live = self.live.borrow();
        let mut all = live.entrypoints.iter();
        all.any(|entry| entry.strip_suffix(':') == Some(entrypoint))
    }

    /// Whether the code exports a class of Durable Objects of that name.
    pub(super) fn has_class(&self, name: &str) -> bool {
        let live = self.live.borrow();
        let found = live.isolate.run(None, |scope| {
            v8::tc_scope!(let scope, scope);
            let this = v8::undefined(scope).into();
            let name = string(scope, name).into();
            let class = IsolateState::get(scope).internal(scope, "workers", "actorClass")?;
            Some(class.call(scope, this, &[name])?.is_function())
        });
        found.unwrap_or(false)
    }

    pub(super) fn access(&self) -> Option<&AccessSpec> {
        self.spec.access.as_ref()
    }

    pub(super) fn workflows(&self) -> Option<&WorkflowsSpec> {
        self.spec.workflows.as_ref()
    }

    /// The key of the namespace of a class, and whether it is ephemeral.
    pub fn namespace_of(&self, class: &str) -> Option<(String, bool)> {
        let mut all = self.spec.namespaces.iter();
        let namespace = all.find(|namespace| namespace.class_name == class)?;
        Some((
            namespace.key(&self.spec.name),
            namespace.unique_key.is_none(),
        ))
    }

    /// Whether stubs that lead to it may be stored.
    pub fn stores_stubs(&self) -> bool {
        let stores = schema::compat::field::ALLOW_IRREVOCABLE_STUB_STORAGE;
        self.spec.flags.get(stores)
    }

    /// Whether another worker has loaded it, and it is none of the config's.
    pub fn is_loaded(&self) -> bool {
        self.spec.slot.is_some()
    }

    /// An entrypoint that the worker uses itself.
    pub(super) fn own(&self, name: &Option<String>, props: Option<Props>) -> Rc<dyn Service> {
        Rc::new(OwnEntrypoint {
            worker: self.this.clone(),
            name: name.clone(),
            props,
            origin: Origin {
                lasts: self.stores_stubs() && !self.is_loaded(),
                ..Origin::default()
            },
        })
    }

    /// A class of Durable Objects that it exports.
    pub(super) fn class(
        self: &Rc<Self>,
        name: String,
        props: Option<Props>,
        limits: Limits,
    ) -> Class {
        let prevents = schema::compat::field::DURABLE_OBJECT_IO_TASKS_PREVENT_EVICTION;
        Class {
            home: self.clone(),
            channels: self.clone(),
            name,
            props,
            ops_prevent_eviction: self.spec.flags.get(prevents),
            stores_stubs: self.stores_stubs(),
            limits,
            tails: self.tails.clone(),
        }
    }

    /// Who is told of its events; none if nobody is.
    pub(super) fn tails(&self) -> Option<&Rc<dyn Tails>> {
        self.tails.as_ref()
    }
}

impl Home for Worker {
    fn isolate(&self) -> Rc<Isolate> {
        self.live.borrow().isolate.clone()
    }

    fn renew(&self) -> Result<(), Error> {
        self.live().map(|_| ())
    }
}
