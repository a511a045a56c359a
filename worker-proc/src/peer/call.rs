//! A call on something of another process, before it is on a link: what it is made on, what it asks for, who makes it.
//!
//! `remote` and `values` make such calls through a [`Caller`], which is what `outgoing` is to them.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use ipc::peer::head;
use tokio::sync::oneshot;

use super::accounts::Account;
use super::convert;
use crate::service::trace::SpanContext;
use crate::service::{Address, Error, Event, Request, Response, rpc};

/// What a call is made on.
pub enum Callee {
    Actor(Rc<Address>),
    /// An export of the other process.
    Exported(u64, Rc<Account>),
    /// What a call of this process returns.
    Result(u64, Rc<Account>),
}

/// What a call asks for, other than RPC.
pub enum Work {
    Fetch(Request),
    Event(Event),
}

/// What it is answered with.
#[allow(clippy::large_enum_variant)] // Made once a call, and moved at once.
pub enum Answer {
    Response(Response),
    Done,
}

/// What makes calls on a link.
pub trait Caller {
    /// Makes a call other than RPC. It is on the link when this returns, and the ticket says where, or it has failed.
    fn start(
        self: Rc<Self>,
        callee: &Callee,
        work: Work,
        answer: oneshot::Sender<Result<Answer, Error>>,
        ticket: &Ticket,
    );

    /// Makes a call of RPC.
    fn invoke(self: Rc<Self>, callee: &Callee, call: rpc::Call) -> rpc::Answer;

    /// Nobody waits for the answer any more.
    fn cancel(&self, number: u64);
}

/// Where a call is, for the one who waits for it.
#[derive(Default)]
pub struct Ticket(RefCell<Option<(Weak<dyn Caller>, u64)>>);

impl Ticket {
    pub fn is_started(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub fn start(&self, caller: Weak<dyn Caller>, number: u64) {
        self.0.replace(Some((caller, number)));
    }

    pub fn cancel(&self) {
        if let Some((caller, number)) = self.0.take()
            && let Some(caller) = caller.upgrade()
        {
            caller.cancel(number);
        }
    }
}

/// A call to be made when there is a link.
pub struct Job {
    pub address: Rc<Address>,
    pub what: What,
    /// What it is made on behalf of.
    pub span: Option<SpanContext>,
}

#[allow(clippy::large_enum_variant)] // Made once a call, and moved at once.
pub enum What {
    Plain {
        work: Work,
        answer: oneshot::Sender<Result<Answer, Error>>,
        ticket: Rc<Ticket>,
    },
    /// Empty once it has waited for too long.
    Rpc(Rc<RefCell<Option<(rpc::Call, rpc::Reply)>>>),
}

impl Job {
    /// Nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        match &self.what {
            What::Plain { answer, .. } => answer.is_closed(),
            What::Rpc(call) => call.borrow().is_none(),
        }
    }

    pub fn fail(self, error: Error) {
        match self.what {
            What::Plain { answer, .. } => _ = answer.send(Err(error)),
            What::Rpc(call) => {
                if let Some((_, reply)) = call.take() {
                    reply.finish(Err(error));
                }
            }
        }
    }
}

impl Callee {
    /// Bytes of its texts.
    pub fn len(&self) -> usize {
        match self {
            Self::Actor(address) => {
                let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                address.namespace.len() + length(&address.name) + length(&address.props)
            }
            Self::Exported(..) | Self::Result(..) => 0,
        }
    }

    pub fn head(&self) -> head::Target<'_> {
        match self {
            Self::Actor(address) => head::Target::Actor(convert::address_head(address)),
            Self::Exported(number, _) => head::Target::Exported(*number),
            Self::Result(number, _) => head::Target::Result(*number),
        }
    }
}
