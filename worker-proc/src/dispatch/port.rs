//! What the debug port of this process shows: every service of the config, every entrypoint and every object.

use std::rc::{Rc, Weak};

use super::directory::Directory;
use super::router::Router;
use crate::service::{DebugPort, Designator, Error, Namespace, Props, Service, from_hex};

/// See the module.
pub struct OwnPort(pub Weak<Router>);

impl OwnPort {
    fn router(&self) -> Result<Rc<Router>, Error> {
        self.0.upgrade().ok_or_else(Error::shutting_down)
    }
}

/* workerd's texts. */

fn no_service(name: &str) -> Error {
    Error::internal(format!("Worker \"{name}\" not found"))
}

fn no_entrypoint(name: &str) -> Error {
    Error::internal(format!(
        "Worker does not export an entrypoint named \"{name}\""
    ))
}

fn no_class(name: &str) -> Error {
    Error::internal(format!(
        "Worker does not export a Durable Object class named \"{name}\""
    ))
}

impl DebugPort for OwnPort {
    fn entrypoint(
        &self,
        service: &str,
        name: Option<&str>,
        props: Option<Props>,
    ) -> Result<Rc<dyn Service>, Error> {
        let router = self.router()?;
        match router.worker(service) {
            Some(worker) if !worker.has(name.unwrap_or("default")) => {
                return Err(no_entrypoint(name.unwrap_or("(default)")));
            }
            None if name.is_some() && router.has(service) => {
                let text = "Worker does not support named entrypoints";
                return Err(Error::internal(text));
            }
            _ => {}
        }
        let found = router.find(&Designator {
            service: service.to_owned(),
            entrypoint: name.filter(|name| *name != "default").map(str::to_owned),
            props,
        });
        found.ok_or_else(|| no_service(service))
    }

    fn actor(&self, service: &str, class: &str, id: &str) -> Result<Rc<dyn Service>, Error> {
        let router = self.router()?;
        let worker = router.worker(service);
        let Some(worker) = worker else {
            let text = "Worker does not support Durable Objects";
            return Err(match router.has(service) {
                true => Error::internal(text),
                false => no_service(service),
            });
        };
        let (key, is_ephemeral) = worker.namespace_of(class).ok_or_else(|| no_class(class))?;
        let namespace = router
            .host()
            .namespace(&key)
            .ok_or_else(|| no_class(class))?;
        if is_ephemeral {
            return Ok(namespace.object(namespace.id_from_name(id), Some(id.to_owned())));
        }
        let text = "Invalid Durable Object ID: expected 64 hex characters (32 bytes)";
        let id = from_hex(id).ok_or_else(|| Error::internal(text))?;
        Ok(namespace.object(id, None))
    }
}
