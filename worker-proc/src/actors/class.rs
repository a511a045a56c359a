//! What objects are instances of: a class of a worker, and the namespace that the config makes of it.

use std::rc::Rc;

use crate::isolate::Isolate;
use crate::service::trace::Tails;
use crate::service::{Channels, Error, Limits, Props};

/// The worker that objects live in.
pub trait Home {
    /// The isolate of its own that there is.
    fn isolate(&self) -> Rc<Isolate>;
    /// Sees to it that it is one that takes new objects. Not within a turn.
    ///
    /// # Errors
    /// It cannot be started anew.
    fn renew(&self) -> Result<(), Error>;
}

/// The class that a namespace's objects are instances of, in its worker.
#[derive(Clone)]
pub struct Class {
    pub home: Rc<dyn Home>,
    pub channels: Rc<dyn Channels>,
    pub name: String,
    pub props: Option<Props>,
    /// Whether ops keep an object from going, as timers and `waitUntil` work do (a compatibility flag).
    pub ops_prevent_eviction: bool,
    /// Whether stubs of its objects may be stored (another).
    pub stores_stubs: bool,
    /// What an event may use.
    pub limits: Limits,
    /// Who is told of its objects' events.
    pub tails: Option<Rc<dyn Tails>>,
}

/// A namespace as the config gives it.
#[derive(Clone, Debug)]
pub struct NamespaceSpec {
    pub class_name: String,
    /// None for objects that are told by name alone and keep nothing.
    pub unique_key: Option<String>,
    pub prevent_eviction: bool,
    pub enable_sql: bool,
}

impl NamespaceSpec {
    /// What tells the namespace in this server: objects without a unique key are told apart by their worker and class.
    pub fn key(&self, worker: &str) -> String {
        match &self.unique_key {
            Some(key) => key.clone(),
            None => format!("{worker}:{}", self.class_name),
        }
    }
}
