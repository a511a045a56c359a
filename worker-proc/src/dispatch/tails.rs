//! The tail workers of a worker, looked up for each event: a worker may be its own, or start before them.

use std::rc::{Rc, Weak};

use super::router::Router;
use super::spec::Designator;
use crate::service::Service;
use crate::service::trace::{Ancestors, Tails};

/// See the module.
pub struct WorkerTails {
    router: Weak<Router>,
    buffered: Vec<Designator>,
    streaming: Vec<Designator>,
}

impl WorkerTails {
    /// None where there are no tail workers.
    pub fn of(
        router: &Rc<Router>,
        buffered: Vec<Designator>,
        streaming: Vec<Designator>,
    ) -> Option<Rc<dyn Tails>> {
        if buffered.is_empty() && streaming.is_empty() {
            return None;
        }
        Some(Rc::new(Self {
            router: Rc::downgrade(router),
            buffered,
            streaming,
        }))
    }

    fn find(&self, all: &[Designator], ancestors: &Ancestors) -> Vec<Rc<dyn Service>> {
        let Some(router) = self.router.upgrade() else {
            return Vec::new();
        };
        let told = all.iter().filter(|tail| !ancestors.contain(&tail.service));
        told.filter_map(|tail| router.find(tail)).collect()
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
