//! The tail workers of a worker, looked up for each event: a worker may be its own, or start before them.

use std::rc::{Rc, Weak};

use super::directory::Directory;
use crate::service::trace::{Ancestors, Tails};
use crate::service::{Designation, Outlet, Service};

/// See the module.
pub struct WorkerTails {
    directory: Weak<dyn Directory>,
    buffered: Vec<Outlet>,
    streaming: Vec<Outlet>,
}

impl WorkerTails {
    /// None where there are no tail workers.
    pub fn of(
        directory: &Rc<dyn Directory>,
        buffered: Vec<Outlet>,
        streaming: Vec<Outlet>,
    ) -> Option<Rc<dyn Tails>> {
        if buffered.is_empty() && streaming.is_empty() {
            return None;
        }
        Some(Rc::new(Self {
            directory: Rc::downgrade(directory),
            buffered,
            streaming,
        }))
    }

    fn find(&self, all: &[Outlet], ancestors: &Ancestors) -> Vec<Rc<dyn Service>> {
        let find = |tail: &Outlet| match tail {
            Outlet::Named(tail) if ancestors.contain(&tail.service) => None,
            Outlet::Named(tail) => self.directory.upgrade()?.find(tail),
            Outlet::Given(service) => match service.designation() {
                Some(Designation::Entrypoint { service, .. }) if ancestors.contain(&service) => {
                    None
                }
                _ => Some(service.clone()),
            },
            _ => None,
        };
        all.iter().filter_map(find).collect()
    }
}

impl Tails for WorkerTails {
    fn buffered(&self, ancestors: &Ancestors) -> Vec<Rc<dyn Service>> {
        self.find(&self.buffered, ancestors)
    }

    fn streaming(&self, ancestors: &Ancestors) -> Vec<Rc<dyn Service>> {
        self.find(&self.streaming, ancestors)
    }
}
