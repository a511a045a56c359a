//! All services of one process, by name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::spec::{Designator, WorkerSpec};
use super::worker::Worker;
use crate::actors::Host;
use crate::service::Service;

/// Something that `boot` has made which is not a worker: a network, an external server.
pub type Plain = Rc<dyn Service>;

/// Looks services up. Workers are added once their code has run.
#[derive(Default)]
pub struct Router {
    workers: RefCell<HashMap<String, Rc<Worker>>>,
    plain: RefCell<HashMap<String, Plain>>,
    host: Rc<Host>,
}

impl Router {
    /// The Durable Objects of this process.
    pub fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// Adds a service that is no worker.
    pub fn add(&self, name: &str, service: Plain) {
        self.plain.borrow_mut().insert(name.to_owned(), service);
    }

    /// Starts a worker: its isolate, its code, its `env`.
    ///
    /// # Errors
    /// Everything that the code's start-up says, in workerd's words.
    pub fn start(self: &Rc<Self>, spec: WorkerSpec) -> Result<Rc<Worker>, Vec<String>> {
        let worker = Worker::start(spec, self)?;
        self.workers
            .borrow_mut()
            .insert(worker.name().to_owned(), worker.clone());
        Ok(worker)
    }

    /// The service that a designator means, or none if the config has none of that name.
    pub fn find(&self, designator: &Designator) -> Option<Rc<dyn Service>> {
        if let Some(worker) = self.workers.borrow().get(&designator.service) {
            return Some(
                worker.entrypoint(designator.entrypoint.clone(), designator.props.clone()),
            );
        }
        self.plain.borrow().get(&designator.service).cloned()
    }

    /// The worker of that name.
    pub fn worker(&self, name: &str) -> Option<Rc<Worker>> {
        self.workers.borrow().get(name).cloned()
    }
}
