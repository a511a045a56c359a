//! An object of another process, as a service.
//!
//! Made by [`PeerLinks::actor`]. A call is put on the link when it is made and not when it is awaited, so that calls on one stub
//! arrive in order; dropping its future cancels it there.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use ipc::metrics::page;
use tokio::sync::oneshot;

use super::call::{Callee, Caller, Job, Ticket, What, Work};
use super::error::lost;
use super::pending::Pending;
use super::{PeerId, PeerLinks};
use crate::service::trace::parent;
use crate::service::{Address, Designation, Error, Event, Request, Response, Service, Slot, rpc};

/// How long a call waits for a process that is away to be started again.
pub const MAX_WAIT_FOR_PEER: Duration = Duration::from_secs(10);

/// See the module.
pub struct Remote {
    links: Rc<PeerLinks>,
    slot: Slot,
    /// It is called in the process that replaces the slot's.
    in_successor: bool,
    address: Rc<Address>,
}

impl Remote {
    pub fn new(links: Rc<PeerLinks>, slot: Slot, address: Address) -> Self {
        Self {
            links,
            slot,
            in_successor: false,
            address: Rc::new(address),
        }
    }

    pub fn in_successor(links: Rc<PeerLinks>, slot: Slot, address: Address) -> Self {
        Self {
            in_successor: true,
            ..Self::new(links, slot, address)
        }
    }

    fn peer(&self) -> PeerId {
        let successor = || self.links.successor_of(self.slot);
        let known = self.in_successor.then(successor).flatten();
        known.unwrap_or_else(|| self.links.route(self.slot))
    }

    fn call(&self, work: Work) -> Pending {
        page().process.peer_calls[0].add(1);
        let (sender, receiver) = oneshot::channel();
        let ticket = Rc::new(Ticket::default());
        let job = Job {
            address: self.address.clone(),
            what: What::Plain {
                work,
                answer: sender,
                ticket: ticket.clone(),
            },
            span: parent(),
        };
        let waits = self.links.submit(self.peer(), job);
        let wait = waits.then(|| Box::pin(tokio::time::sleep(MAX_WAIT_FOR_PEER)));
        Pending::new(receiver, ticket, wait)
    }
}

impl Service for Remote {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        self.call(Work::Fetch(request)).response()
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        self.call(Work::Event(event)).done()
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        page().process.peer_calls[0].add(1);
        let peer = self.peer();
        if let Some(link) = self.links.link(peer) {
            return link
                .calls()
                .invoke(&Callee::Actor(self.address.clone()), call);
        }
        let (reply, answer) = rpc::answer();
        let call = Rc::new(RefCell::new(Some((call, reply))));
        let job = Job {
            address: self.address.clone(),
            what: What::Rpc(call.clone()),
            span: parent(),
        };
        if self.links.submit(peer, job) {
            tokio::task::spawn_local(async move {
                let left = poll_fn(|cx| match &mut *call.borrow_mut() {
                    Some((_, reply)) => reply.poll_cancelled(cx),
                    // It has begun.
                    None => Poll::Ready(()),
                });
                let _ = tokio::time::timeout(MAX_WAIT_FOR_PEER, left).await;
                if let Some((_, reply)) = call.take() {
                    reply.finish(Err(lost()));
                }
            });
        }
        answer
    }

    fn designation(&self) -> Option<Designation> {
        Some(Designation::Actor(Address::clone(&self.address)))
    }
}
