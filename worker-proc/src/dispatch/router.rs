//! All services of one process, by name.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::directory::Directory;
use super::loader::{Fleet, WorkerLoader};
use super::port::OwnPort;
use super::spec::{ExtensionModule, WorkerSpec};
use super::worker::Worker;
use crate::actors::Host;
use crate::glue::loader::Loader;
use crate::service::{
    DebugPort, Designator, Lasting, Namespace, Origin, RestoredService, Service, with_origin,
};

/// Something that `boot` has made which is not a worker: a network, an external server.
pub type Plain = Rc<dyn Service>;

/// Looks services up. Workers are added once their code has run.
#[derive(Default)]
pub struct Router {
    workers: RefCell<HashMap<String, Rc<Worker>>>,
    /// By name and entrypoint.
    plain: RefCell<HashMap<(String, Option<String>), Plain>>,
    host: Rc<Host>,
    /// Those that bindings share, by id.
    loaders: RefCell<HashMap<String, Rc<WorkerLoader>>>,
    loaded: Rc<Fleet>,
    /// Connects to the debug port at an address.
    dial: OnceCell<Dial>,
}

/// See [`Router::dial_with`].
pub type Dial = fn(&str) -> Rc<dyn DebugPort>;

impl Router {
    /// Adds a service that is no worker, or an entrypoint of one.
    pub fn add(&self, name: &str, entrypoint: Option<&str>, service: Plain) {
        let key = (name.to_owned(), entrypoint.map(str::to_owned));
        self.plain.borrow_mut().insert(key, service);
    }

    /// How debug ports of other instances are reached.
    pub fn dial_with(&self, dial: Dial) {
        let _ = self.dial.set(dial);
    }

    /// Whether the config has a service of that name.
    pub fn has(&self, name: &str) -> bool {
        self.workers.borrow().contains_key(name)
            || self.plain.borrow().contains_key(&(name.to_owned(), None))
    }

    /// Starts a worker: its isolate, its code, its `env`.
    ///
    /// # Errors
    /// Everything that the code's start-up says, in workerd's words.
    pub fn start(self: &Rc<Self>, spec: WorkerSpec) -> Result<Rc<Worker>, Vec<String>> {
        let name = spec.name.clone();
        let said = |error: String| format!("service {name}: {error}");
        let directory: Rc<dyn Directory> = self.clone();
        let worker = Worker::start(spec, &directory)
            .map_err(|errors| errors.into_iter().map(said).collect::<Vec<_>>())?;
        self.workers
            .borrow_mut()
            .insert(worker.name().to_owned(), worker.clone());
        Ok(worker)
    }

    /// All workers.
    pub(super) fn workers(&self) -> Vec<Rc<Worker>> {
        self.workers.borrow().values().cloned().collect()
    }

    /// The worker of that name.
    pub fn worker(&self, name: &str) -> Option<Rc<Worker>> {
        self.workers.borrow().get(name).cloned()
    }
}

impl Directory for Router {
    fn find(&self, designator: &Designator) -> Option<Rc<dyn Service>> {
        if let Some(worker) = self.workers.borrow().get(&designator.service) {
            return Some(
                worker.entrypoint(designator.entrypoint.clone(), designator.props.clone()),
            );
        }
        let key = (designator.service.clone(), designator.entrypoint.clone());
        self.plain.borrow().get(&key).cloned()
    }

    fn revive(&self, lasting: &Lasting) -> Option<Rc<dyn Service>> {
        let service = match lasting {
            Lasting::Entrypoint {
                service,
                entrypoint,
                props,
            } => self.find(&Designator {
                service: service.clone(),
                entrypoint: entrypoint.clone(),
                props: props.clone(),
            })?,
            Lasting::Actor(address) => {
                let namespace = self.host.namespace(&address.namespace)?;
                namespace.object(address.id, address.name.clone())
            }
            Lasting::Restored(recipe) => {
                let vendor = with_origin(self.revive(&recipe.vendor)?, Origin::stored());
                return Some(RestoredService::stored(vendor, recipe.clone()));
            }
        };
        Some(with_origin(service, Origin::stored()))
    }

    fn host(&self) -> &Rc<Host> {
        &self.host
    }

    fn debug_port(self: Rc<Self>, address: Option<&str>) -> Option<Rc<dyn DebugPort>> {
        match address {
            None => Some(Rc::new(OwnPort(Rc::downgrade(&self)))),
            Some(address) => self.dial.get().map(|dial| dial(address)),
        }
    }

    fn loader(
        self: Rc<Self>,
        id: Option<String>,
        extensions: &Rc<Vec<ExtensionModule>>,
    ) -> Rc<dyn Loader> {
        let make = |id| {
            let directory: Rc<dyn Directory> = self.clone();
            WorkerLoader::new(&directory, self.loaded.clone(), id, extensions.clone())
        };
        match id {
            None => make(None),
            Some(id) => {
                let mut loaders = self.loaders.borrow_mut();
                let loader = loaders.entry(id.clone());
                loader.or_insert_with(|| make(Some(id))).clone()
            }
        }
    }
}
