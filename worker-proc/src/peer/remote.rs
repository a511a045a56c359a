//! An object of another process, as a service.
//!
//! Made by [`PeerLinks::actor`]. A call is put on the link when it is made and not when it is awaited, so that calls on one stub
//! arrive in order; dropping its future cancels it there.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::link::{Answer, Job, Ticket, Work};
use super::{PeerId, PeerLinks, lost};
use crate::service::{Address, Error, Event, Request, Response, Service, Slot, rpc};

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
        let (sender, receiver) = oneshot::channel();
        let ticket = Rc::new(Ticket::default());
        let job = Job {
            address: self.address.clone(),
            work,
            answer: sender,
            ticket: ticket.clone(),
        };
        let waits = self.links.submit(self.peer(), job);
        Pending {
            receiver,
            ticket,
            wait: waits.then(|| Box::pin(tokio::time::sleep(MAX_WAIT_FOR_PEER))),
            ended: false,
        }
    }
}

impl Service for Remote {
    fn rpc(self: Rc<Self>, _: rpc::Call) -> rpc::Answer {
        rpc::Answer::failed(Error::internal(
            "Calling methods of a Durable Object that lives in another process is not supported; use fetch().",
        ))
    }

    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        let pending = self.call(Work::Fetch(request));
        Box::pin(async move {
            match pending.await? {
                Answer::Response(response) => Ok(response),
                Answer::Done => Err(Error::internal("A fetch was answered with no response.")),
            }
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        let pending = self.call(Work::Event(event));
        Box::pin(async move { pending.await.map(|_| ()) })
    }
}

/// A call that is under way or waits for its link.
struct Pending {
    receiver: oneshot::Receiver<Result<Answer, Error>>,
    ticket: Rc<Ticket>,
    wait: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Future for Pending {
    type Output = Result<Answer, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.receiver).poll(cx) {
            self.ended = true;
            return Poll::Ready(answer.unwrap_or_else(|_| Err(lost())));
        }
        if self.ticket.is_started() {
            self.wait = None;
        }
        match &mut self.wait {
            Some(wait) => wait.as_mut().poll(cx).map(|()| Err(lost())),
            None => Poll::Pending,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.ended {
            self.ticket.cancel();
        }
    }
}
