//! The other runtime processes: calls to objects that live in them, and calls from them to objects that live here.
//!
//! `boot` makes [`PeerLinks`] and feeds it the links that the supervisor makes; the actor host asks it for
//! [`PeerLinks::actor`] and answers incoming calls through a [`Resolve`]. Relies on `service` for what is called and on
//! `ipc::peer` for the frames. A server of one process has the same value with no link in it, and nothing here runs.
//!
//! From the bottom up: `convert` turns heads into neutral types and back, `stream` is the two halves of a body with their
//! credit, `values` is what RPC carries, `sockets` the ends of WebSockets, `calls` the calls within the bounds of
//! `accounts`, `pending` what waits for one, `link` drives one socket with
//! all of that on it, and `remote` is an object of another process as a service.

mod accounts;
mod calls;
mod convert;
mod link;
mod patience;
mod pending;
mod remote;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
mod values;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use crate::log;
use crate::service::websocket::{ByteStream, Role};
use crate::service::{Address, Designation, Error, Service, Slot};
use accounts::{Accounts, MAX_CALLS_PER_PEER, Place as Admission};
use calls::Job;
use link::Link;
use remote::Remote;

/// Finds the object that an incoming call is for. The call is refused with the error.
pub type Resolve = Rc<dyn Fn(Address) -> Result<Rc<dyn Service>, Error>>;

/// Finds the service that another process has named; none if there is none.
pub type Find = Rc<dyn Fn(Designation) -> Option<Rc<dyn Service>>>;

/// Takes over a connected socket of another process, on which this one is the server or the client of a WebSocket.
pub type TakeOver = Rc<dyn Fn(OwnedFd, Role) -> std::io::Result<Box<dyn ByteStream>>>;

/// Which of the runtime processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub slot: Slot,
    /// How many slots the server has.
    pub slots: u32,
    /// Counts the reloads: a higher one replaces this one.
    pub generation: u64,
}

/// Another runtime process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId {
    pub generation: u64,
    pub slot: Slot,
}

/// This process among the others.
pub struct PeerLinks {
    place: Place,
    resolve: RefCell<Option<Resolve>>,
    find: RefCell<Option<Find>>,
    take_over: RefCell<Option<TakeOver>>,
    peers: RefCell<HashMap<PeerId, Peer>>,
    draining: Cell<bool>,
}

/// What leads to one other process.
#[derive(Default)]
struct Peer {
    /// `None` while that process is away.
    link: Option<Rc<Link>>,
    /// Calls that wait for it to come back, at most [`MAX_CALLS_PER_PEER`]. Each gives up by itself.
    waiting: VecDeque<(Job, Admission)>,
    /// What they count for.
    accounts: Accounts,
}

impl PeerLinks {
    pub fn new(place: Place) -> Rc<Self> {
        Rc::new(Self {
            place,
            resolve: RefCell::default(),
            find: RefCell::default(),
            take_over: RefCell::default(),
            peers: RefCell::default(),
            draining: Cell::new(false),
        })
    }

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

    pub fn place(&self) -> Place {
        self.place
    }

    /// An object that lives in the process of another slot. Calls on it arrive in the order in which they are made. While
    /// that process is away they wait up to [`remote::MAX_WAIT_FOR_PEER`]; once this process drains and that one has ended
    /// for good, they go to the one that has replaced it.
    pub fn actor(self: &Rc<Self>, slot: Slot, address: Address) -> Rc<dyn Service> {
        Rc::new(Remote::new(self.clone(), slot, address))
    }

    /// An object of this process in the one that replaces it.
    pub fn successor(self: &Rc<Self>, address: Address) -> Rc<dyn Service> {
        Rc::new(Remote::in_successor(self.clone(), self.place.slot, address))
    }

    /// Whether this process is to end, and makes no object alive any more, since another replaces it. Not so when the
    /// server stops.
    pub fn is_replaced(&self) -> bool {
        self.draining.get() && self.successor_of(self.place.slot).is_some()
    }

    /// Whether the process that this one replaces is still there.
    pub fn has_predecessor(&self) -> bool {
        let before =
            |peer: &PeerId| peer.slot == self.place.slot && peer.generation < self.place.generation;
        self.peers.borrow().keys().any(before)
    }

    /// The supervisor has told this process to drain.
    pub fn begin_drain(&self) {
        self.draining.set(true);
        // A sibling that is away now stays away: what waits for it goes to its successor.
        let mut waiting = Vec::new();
        for (id, peer) in self.peers.borrow_mut().iter_mut() {
            if id.generation == self.place.generation && peer.link.is_none() {
                waiting.push((id.slot, std::mem::take(&mut peer.waiting)));
            }
        }
        for (slot, jobs) in waiting {
            let peer = self.route(slot);
            for (job, _) in jobs {
                self.submit(peer, job);
            }
        }
    }

    /// Takes one end of a new link, in place of one that is there. Calls that have waited for it go out.
    pub fn add(self: &Rc<Self>, peer: PeerId, socket: OwnedFd) {
        let link = match Link::new(self, socket) {
            Ok(link) => link,
            Err(error) => {
                let slot = peer.slot;
                return log::error(format_args!(
                    "no link to process {slot} can be made: {error}"
                ));
            }
        };
        let waiting = {
            let mut peers = self.peers.borrow_mut();
            let entry = peers.entry(peer).or_default();
            entry.link = Some(link.clone());
            std::mem::take(&mut entry.waiting)
        };
        for (job, _) in waiting {
            link.start_job(job);
        }
        let links = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            let reason = link.drive().await;
            if let Some(links) = links.upgrade() {
                links.forget(peer, &link);
            }
            link.close();
            if let Some(reason) = reason {
                let slot = peer.slot;
                log::error(format_args!(
                    "the link to process {slot} is closed: {reason}"
                ));
            }
        });
    }

    /// A link has ended.
    fn forget(&self, peer: PeerId, link: &Rc<Link>) {
        let mut peers = self.peers.borrow_mut();
        let Some(entry) = peers.get_mut(&peer) else {
            return;
        };
        entry.link.take_if(|current| Rc::ptr_eq(current, link));
        if entry.link.is_none() && peer.generation < self.place.generation {
            // Only what this process may call is started again.
            peers.remove(&peer);
        }
    }

    /// The process of this slot in the newest generation after this one.
    fn successor_of(&self, slot: Slot) -> Option<PeerId> {
        let peers = self.peers.borrow();
        let newer = peers
            .keys()
            .filter(|peer| peer.slot == slot && peer.generation > self.place.generation);
        newer.copied().max_by_key(|peer| peer.generation)
    }

    /// Where calls for objects of this slot go.
    fn route(&self, slot: Slot) -> PeerId {
        let own = PeerId {
            generation: self.place.generation,
            slot,
        };
        let away = || {
            let peers = self.peers.borrow();
            peers.get(&own).is_none_or(|peer| peer.link.is_none())
        };
        if self.draining.get() && away() {
            self.successor_of(slot).unwrap_or(own)
        } else {
            own
        }
    }

    fn link(&self, peer: PeerId) -> Option<Rc<Link>> {
        self.peers.borrow().get(&peer)?.link.clone()
    }

    /// Starts a call, or keeps it until there is a link to start it on. Whether it has to wait.
    fn submit(&self, peer: PeerId, job: Job) -> bool {
        let mut peers = self.peers.borrow_mut();
        let entry = peers.entry(peer).or_default();
        if let Some(link) = entry.link.clone() {
            drop(peers);
            link.start_job(job);
            return false;
        }
        let account = entry.accounts.of(&job.address.id);
        if entry.waiting.len() >= MAX_CALLS_PER_PEER || account.is_full() {
            // Dropping a job runs nothing that comes back here.
            entry.waiting.retain(|(job, _)| !job.is_abandoned());
        }
        let has_room = entry.waiting.len() < MAX_CALLS_PER_PEER;
        match has_room.then(|| account.enter()).flatten() {
            Some(place) => entry.waiting.push_back((job, place)),
            None => {
                drop(peers);
                job.fail(overloaded());
                return false;
            }
        }
        true
    }

    /// Ends the link as the death of the other process does.
    #[cfg(test)]
    fn unlink(&self, peer: PeerId) {
        let link = self
            .peers
            .borrow_mut()
            .get_mut(&peer)
            .and_then(|peer| peer.link.take());
        link.unwrap().shut_down();
    }

    /// Whether no call is known any more.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        let peers = self.peers.borrow();
        peers.values().all(|peer| {
            peer.waiting.is_empty() && peer.link.as_ref().is_none_or(|link| link.is_idle())
        })
    }

    fn resolve(&self, address: Address) -> Result<Rc<dyn Service>, Error> {
        let resolve = self.resolve.borrow().clone();
        resolve.map_or_else(
            || Err(Error::disconnected("This process serves no objects.")),
            |resolve| resolve(address),
        )
    }

    fn find(&self, designation: Designation) -> Option<Rc<dyn Service>> {
        let find = self.find.borrow().clone();
        find.and_then(|find| find(designation))
    }

    fn take_over(&self, socket: OwnedFd, role: Role) -> Option<Box<dyn ByteStream>> {
        let take_over = self.take_over.borrow().clone();
        take_over.and_then(|take_over| take_over(socket, role).ok())
    }
}

fn overloaded() -> Error {
    Error::overloaded("Durable Object is overloaded. Too many requests queued.")
}

/// What callers are told when the process that they called has gone.
fn lost() -> Error {
    Error::disconnected("Network connection lost.")
}
