//! The other runtime processes: calls to objects that live in them, and calls from them to objects that live here.
//!
//! `boot` makes [`PeerLinks`] and feeds it the links that the supervisor makes; the actor host asks it for
//! [`PeerLinks::actor`] and answers incoming calls through a [`Local`]. Relies on `service` for what is called and on
//! `ipc::peer` for the frames. A server of one process has the same value with no link in it, and nothing here runs.
//!
//! From the bottom up: `convert` turns heads into neutral types and back, `sender` holds what is to be written, `stream` is the
//! two halves of a body with their credit, `sockets` the ends of WebSockets, `call` what a call is and `pending` what waits
//! for one, `values` what RPC carries, `outgoing` the calls of this process within the bounds of `accounts` and `serving` those
//! of the other, `link` drives one socket with all of that on it, and `remote` is an object of another process as a service.

mod accounts;
mod call;
mod convert;
mod error;
mod link;
mod local;
mod outgoing;
mod patience;
mod pending;
mod remote;
mod sender;
mod serving;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
mod values;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::log;
use crate::service::{Address, Service, Slot};
use accounts::{Accounts, Admission, MAX_CALLS_PER_PEER};
use call::Job;
use error::overloaded;
use link::Link;
use local::Local;
use remote::Remote;

/// Which of the runtime processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessPlace {
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
    place: ProcessPlace,
    local: Rc<Local>,
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
    /// When those were last let go of that nobody waits for.
    swept: Option<Instant>,
}

impl Peer {
    /// Lets go of calls that nobody waits for, unless it has just done so: every call that finds no place asks for it.
    fn sweep(&mut self) {
        if self
            .swept
            .is_none_or(|swept| swept.elapsed() >= SWEEP_INTERVAL)
        {
            // Dropping a job runs nothing that comes back here.
            self.waiting.retain(|(job, _)| !job.is_abandoned());
            self.swept = Some(Instant::now());
        }
    }
}

/// Calls that wait are looked through this often, of which there are [`MAX_CALLS_PER_PEER`].
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

impl PeerLinks {
    pub fn new(place: ProcessPlace) -> Rc<Self> {
        Rc::new(Self {
            place,
            local: Rc::default(),
            peers: RefCell::default(),
            draining: Cell::new(false),
        })
    }

    /// What the others find here.
    pub fn local(&self) -> &Local {
        &self.local
    }

    pub fn place(&self) -> ProcessPlace {
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
        let link = match Link::new(&Rc::downgrade(&self.local), socket) {
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
            link.calls().start_job(job);
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
            link.calls().start_job(job);
            return false;
        }
        let account = entry.accounts.of(&job.address.id);
        if entry.waiting.len() >= MAX_CALLS_PER_PEER || account.is_full() {
            entry.sweep();
        }
        let has_room = entry.waiting.len() < MAX_CALLS_PER_PEER;
        match has_room.then(|| account.enter()).flatten() {
            Some(admission) => entry.waiting.push_back((job, admission)),
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
}
