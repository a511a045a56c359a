//! Where objects live that are not of this process, or not for long: what every namespace of a process asks.
//!
//! `boot` says which process owns what, `drain` how far this one is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::service::{ActorId, Address, Service, from_hex};

/// Where the owner of an object is.
pub trait Routes {
    /// Whether the object of that id lives in this process.
    fn owns(&self, id: &ActorId) -> bool;

    /// The object in another process; none if it lives in this one.
    fn elsewhere(&self, address: &Address) -> Option<Rc<dyn Service>>;

    /// Whether this process is to end, and another replaces it.
    fn is_replaced(&self) -> bool;

    /// An object of this process in the one that replaces it; none if it is not.
    fn successor(&self, address: &Address) -> Option<Rc<dyn Service>>;

    /// Whether the process that this one replaces is still there.
    fn has_predecessor(&self) -> bool;
}

/// How far the process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    Open,
    /// It is to end: nothing begins that need not.
    Draining,
    /// It ends now: no object is made alive.
    Closing,
}

/// Shared by the namespaces of a process.
#[derive(Default)]
pub(super) struct Standing {
    routes: RefCell<Option<Rc<dyn Routes>>>,
    stage: Cell<Stage>,
}

impl Standing {
    pub fn set_routes(&self, routes: Rc<dyn Routes>) {
        *self.routes.borrow_mut() = Some(routes);
    }

    /// None where there is no other process.
    pub fn routes(&self) -> Option<Rc<dyn Routes>> {
        self.routes.borrow().clone()
    }

    /// Whether this process owns the object of that id, as hex.
    pub fn owns(&self, id: &str) -> bool {
        match (self.routes(), from_hex(id)) {
            (Some(routes), Some(id)) => routes.owns(&id),
            _ => true,
        }
    }

    pub fn set_stage(&self, stage: Stage) {
        self.stage.set(stage);
    }

    pub fn stage(&self) -> Stage {
        self.stage.get()
    }
}
