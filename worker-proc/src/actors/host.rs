//! The namespaces of one process.
//!
//! `dispatch` adds them and hands out their bindings; `boot` says which process owns what.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::class::{Class, NamespaceSpec};
use super::namespace::Namespace;
use super::object::ObjectStub;
use super::routes::{Routes, Standing};
use super::stores::{StoreSpec, Stores};
use crate::service::{Address, Error, Service};

/// See the module.
#[derive(Default)]
pub struct Host {
    namespaces: RefCell<HashMap<String, Rc<Namespace>>>,
    pub(super) standing: Rc<Standing>,
    /// What processes lock for objects that have no folder.
    locks: RefCell<Option<OwnedFd>>,
}

impl Host {
    /// Calls for objects of other processes go this way.
    pub fn set_routes(&self, routes: Rc<dyn Routes>) {
        self.standing.set_routes(routes);
    }

    /// The server has other processes, which lock in this file. To be called before namespaces are added.
    pub fn set_locks(&self, locks: OwnedFd) {
        *self.locks.borrow_mut() = Some(locks);
    }

    /// Adds a namespace of a worker that has started.
    ///
    /// # Errors
    /// What is wrong with the folder of its objects.
    pub fn add(
        &self,
        worker: &str,
        spec: NamespaceSpec,
        class: Class,
        store: &StoreSpec,
    ) -> Result<(), String> {
        let key = spec.key(worker);
        // Objects that are told by name alone keep nothing.
        let store = match spec.unique_key {
            Some(_) => store,
            None => &StoreSpec::None,
        };
        let locks = self.locks.borrow();
        let locks = locks.as_ref().map(AsFd::as_fd);
        let stores = Stores::open(store, &key, spec.enable_sql, locks)?;
        let namespace = Namespace::new(&self.standing, &key, spec, class, stores);
        self.namespaces.borrow_mut().insert(key, namespace);
        Ok(())
    }

    /// The namespace of a class of a worker, by the worker's name for it.
    pub fn namespace(&self, key: &str) -> Option<Rc<Namespace>> {
        self.namespaces.borrow().get(key).cloned()
    }

    /// Every namespace.
    pub(super) fn all(&self) -> Vec<Rc<Namespace>> {
        self.namespaces.borrow().values().cloned().collect()
    }

    /// An object of this process, for a caller in another.
    ///
    /// # Errors
    /// There is no such namespace.
    pub fn resolve(&self, address: Address) -> Result<Rc<dyn Service>, Error> {
        let namespace = self.namespace(&address.namespace).ok_or_else(|| {
            let name = &address.namespace;
            Error::internal(format!(
                "The config that this server runs has no Durable Object namespace \"{name}\"."
            ))
        })?;
        Ok(Rc::new(ObjectStub::local(namespace, address)))
    }
}
