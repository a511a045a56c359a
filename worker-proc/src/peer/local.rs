//! What this process has for the others: its objects, its services, and a use for connections that they pass.
//!
//! `boot` says how each is found; the tables of a link look them up for what arrives.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use crate::service::websocket::{ByteStream, Role};
use crate::service::{Address, Designation, Error, Service};

/// Finds the object that an incoming call is for. The call is refused with the error.
pub type Resolve = Rc<dyn Fn(Address) -> Result<Rc<dyn Service>, Error>>;

/// Finds the service that another process has named; none if there is none.
pub type Find = Rc<dyn Fn(Designation) -> Option<Rc<dyn Service>>>;

/// Takes over a connected socket of another process, on which this one is the server or the client of a WebSocket.
pub type TakeOver = Rc<dyn Fn(OwnedFd, Role) -> std::io::Result<Box<dyn ByteStream>>>;

/// See the module.
#[derive(Default)]
pub struct Local {
    resolve: RefCell<Option<Resolve>>,
    find: RefCell<Option<Find>>,
    take_over: RefCell<Option<TakeOver>>,
}

impl Local {
    /// Says how incoming calls find their objects. Without it they are refused.
    pub fn serve(&self, resolve: Resolve) {
        *self.resolve.borrow_mut() = Some(resolve);
    }

    /// Says how services are found that others name.
    pub fn name_services(&self, find: Find) {
        *self.find.borrow_mut() = Some(find);
    }

    /// Says what becomes of connections that others pass. Without it they are closed.
    pub fn take_connections(&self, take_over: TakeOver) {
        *self.take_over.borrow_mut() = Some(take_over);
    }

    pub fn resolve(&self, address: Address) -> Result<Rc<dyn Service>, Error> {
        let resolve = self.resolve.borrow().clone();
        resolve.map_or_else(
            || Err(Error::disconnected("This process serves no objects.")),
            |resolve| resolve(address),
        )
    }

    pub fn find(&self, designation: Designation) -> Option<Rc<dyn Service>> {
        let find = self.find.borrow().clone();
        find.and_then(|find| find(designation))
    }

    pub fn take_over(&self, socket: OwnedFd, role: Role) -> Option<Box<dyn ByteStream>> {
        let take_over = self.take_over.borrow().clone();
        take_over.and_then(|take_over| take_over(socket, role).ok())
    }
}
