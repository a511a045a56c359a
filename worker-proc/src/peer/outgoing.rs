//! The calls of this process on a link.
//!
//! `remote` and `values` make them, `link` brings their answers. Each is put on the link when it is made, so that calls on one
//! thing arrive in order. Dropping what the caller has of a call cancels it. What a call of JavaScript RPC returns can be called
//! on for as long as the caller keeps its answer, from the start.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use ipc::peer::{Kind, PeerError, head};
use tokio::sync::oneshot;

use super::accounts::{Account, Accounts, Admission, MAX_CALLS_PER_PEER};
use super::call::{Answer, Callee, Caller, Job, Ticket, What, Work};
use super::convert::{self, Announced};
use super::error::{lost, overloaded};
use super::local::Local;
use super::patience::Patience;
use super::sender::{Key, Sender};
use super::sockets::Sockets;
use super::stream::Bodies;
use super::values::Values;
use crate::service::Error;
use crate::service::rpc::{self, Operation, Returned, Target};
use crate::service::trace::{on_behalf_of, parent};

/// Bytes of calls that may wait to be written to one other process; a call beyond them fails as overloaded.
pub const MAX_UNSENT_CALL_BYTES: usize = 128 << 20;

/// Names in the path of a call of RPC, and their bytes together.
const MAX_PATH_NAMES: usize = 1024;
const MAX_PATH_BYTES: usize = 64 * 1024;

/// Bytes of an object's address in a call of RPC.
const MAX_ADDRESS_BYTES: usize = 64 * 1024;

/// See the module.
pub struct Outgoing {
    sender: Rc<Sender>,
    bodies: Rc<Bodies>,
    sockets: Rc<Sockets>,
    values: Rc<Values>,
    this: Weak<Self>,
    /// Those that are not answered.
    unanswered: RefCell<HashMap<u64, (Waiting, Admission)>>,
    accounts: Accounts,
    patience: Patience,
}

/// Who waits for an answer.
enum Waiting {
    Plain(oneshot::Sender<Result<Answer, Error>>),
    Rpc(oneshot::Sender<Result<Returned, Error>>),
}

impl Waiting {
    fn fail(self, error: Error) {
        match self {
            Self::Plain(sender) => _ = sender.send(Err(error)),
            Self::Rpc(sender) => _ = sender.send(Err(error)),
        }
    }
}

/// A call of RPC, kept by its result and by what is called on that.
struct Invoked {
    outgoing: Weak<Outgoing>,
    number: u64,
    /// Of the object that is called.
    account: Rc<Account>,
}

impl Drop for Invoked {
    fn drop(&mut self) {
        if let Some(outgoing) = self.outgoing.upgrade() {
            outgoing.forget(self.number);
            let key = Key::ours(self.number);
            outgoing.sender.send(Kind::Cancel, key, |_, _| {});
        }
    }
}

/// What it returns.
struct Awaited {
    receiver: oneshot::Receiver<Result<Returned, Error>>,
    _call: Rc<Invoked>,
}

impl Future for Awaited {
    type Output = Result<Returned, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.receiver).poll(cx);
        polled.map(|result| result.unwrap_or_else(|_| Err(lost())))
    }
}

/// What is called on that, before it is there or after.
struct Pipeline(Rc<Invoked>);

impl Target for Pipeline {
    fn call(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        match self.0.outgoing.upgrade() {
            Some(outgoing) => {
                let callee = Callee::Result(self.0.number, self.0.account.clone());
                outgoing.invoke(&callee, call)
            }
            None => rpc::Answer::failed(lost()),
        }
    }
}

impl Outgoing {
    pub fn new(
        sender: &Rc<Sender>,
        bodies: &Rc<Bodies>,
        sockets: &Rc<Sockets>,
        local: &Weak<Local>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this: &Weak<Self>| Self {
            sender: sender.clone(),
            bodies: bodies.clone(),
            sockets: sockets.clone(),
            values: Values::new(sender, bodies, local, this.clone()),
            this: this.clone(),
            unanswered: RefCell::default(),
            accounts: Accounts::default(),
            patience: Patience::default(),
        })
    }

    /// The values that calls and answers carry, both ways.
    pub fn values(&self) -> &Rc<Values> {
        &self.values
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.unanswered.borrow().is_empty()
    }

    /// The other process is gone.
    pub fn close(&self) {
        for (_, (waiting, _)) in self.unanswered.take() {
            waiting.fail(lost());
        }
    }

    fn put_waiting(&self, number: u64, waiting: Waiting, admission: Admission) {
        let mut unanswered = self.unanswered.borrow_mut();
        unanswered.insert(number, (waiting, admission));
        self.patience.ask();
    }

    fn take_waiting(&self, number: u64) -> Option<(Waiting, Admission)> {
        self.unanswered.borrow_mut().remove(&number)
    }

    /// What calls on it count for.
    fn account(&self, callee: &Callee) -> Rc<Account> {
        match callee {
            Callee::Actor(address) => self.accounts.of(&address.id),
            Callee::Exported(_, account) | Callee::Result(_, account) => account.clone(),
        }
    }

    /// Whether an answer is likely to come at once.
    pub fn expects_answer(&self) -> bool {
        self.patience.lasts(self.unanswered.borrow().len())
    }

    /// Makes a call that has waited for the link.
    pub fn start_job(self: &Rc<Self>, job: Job) {
        if job.is_abandoned() {
            return;
        }
        let callee = Callee::Actor(job.address);
        on_behalf_of(job.span, || match job.what {
            What::Plain {
                work,
                answer,
                ticket,
            } => self.clone().start(&callee, work, answer, &ticket),
            What::Rpc(call) => {
                if let Some((call, reply)) = call.take() {
                    reply.forward(self.clone().invoke(&callee, call));
                }
            }
        });
    }

    fn admit(&self, callee: &Callee) -> Result<Admission, Error> {
        if self.sender.is_closed() {
            return Err(lost());
        }
        let has_room = self.unanswered.borrow().len() < MAX_CALLS_PER_PEER
            && self.sender.unsent_bytes() < MAX_UNSENT_CALL_BYTES;
        let admission = has_room.then(|| self.account(callee).enter());
        admission.flatten().ok_or_else(overloaded)
    }

    fn try_invoke(&self, callee: &Callee, call: rpc::Call) -> Result<rpc::Answer, Error> {
        let admission = self.admit(callee)?;
        let account = admission.account().clone();
        let rpc::Call { path, operation } = call;
        let path_bytes: usize = path.iter().map(String::len).sum();
        if path.len() > MAX_PATH_NAMES
            || path_bytes > MAX_PATH_BYTES
            || callee.len() > MAX_ADDRESS_BYTES
        {
            return Err(Error::internal(
                "The name of what is called is too long for another process.",
            ));
        }
        let is_event = matches!(operation, Operation::Event(_));
        let arguments = match operation {
            Operation::Get => None,
            Operation::Call(payload) | Operation::Event(payload) => {
                Some(self.values.ready(payload)?)
            }
        };
        // Chosen after those of what the arguments carry, which counts for nobody.
        let number = self.sender.new_number();
        let key = Key::ours(number);
        if let Some(arguments) = &arguments {
            self.values.send_parts(key, arguments);
        }
        let head = head::Call {
            target: callee.head(),
            what: head::What::Rpc {
                path: path.iter().map(String::as_str).collect(),
                arguments: arguments.as_ref().map(|ready| ready.head()),
                is_event,
            },
            span: parent().map(convert::span_head),
        };
        // Its parts are bounded one by one, and fit together.
        self.sender
            .send(Kind::Call, key, |scratch, out| head.write(scratch, out));
        let (sender, receiver) = oneshot::channel();
        self.put_waiting(number, Waiting::Rpc(sender), admission);
        let call = Rc::new(Invoked {
            outgoing: self.this.clone(),
            number,
            account,
        });
        Ok(rpc::Answer {
            result: Box::pin(Awaited {
                receiver,
                _call: call.clone(),
            }),
            pipeline: Rc::new(Pipeline(call)),
        })
    }

    /// Whether the call was not answered.
    fn forget(&self, number: u64) -> bool {
        self.take_waiting(number).is_some()
    }

    pub fn on_answer(
        &self,
        number: u64,
        payload: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<(), PeerError> {
        // Even if nobody waits: what the answer brings is released by being dropped.
        let key = Key::ours(number);
        let waiting = self.take_waiting(number);
        self.patience.answer();
        let account = waiting
            .as_ref()
            .map(|(_, admission)| admission.account().clone());
        let account = account.unwrap_or_default();
        let waiting = waiting.map(|(waiting, _)| waiting);
        head::read_answer(payload, |answer| match (answer, waiting) {
            (head::Answer::Returned { .. }, Some(Waiting::Plain(_)))
            | (head::Answer::Response(_) | head::Answer::Done, Some(Waiting::Rpc(_))) => {
                Err(PeerError::OutOfTurn("an answer to something else"))
            }
            (
                head::Answer::Returned {
                    value,
                    has_disposer,
                },
                waiting,
            ) => {
                let value = self.values.accept(value, &account)?;
                if let Some(Waiting::Rpc(sender)) = waiting {
                    let _ = sender.send(Ok(Returned {
                        value,
                        has_disposer,
                    }));
                }
                Ok(())
            }
            (head::Answer::Response(response), waiting) => {
                let (mut neutral, body) = convert::response(&response)?;
                neutral.websocket = self.sockets.accept(response.websocket, fds)?;
                neutral.body = match body {
                    Announced::Whole(body) => body,
                    Announced::Chunks(length) => self.bodies.receive(key, length),
                };
                if let Some(Waiting::Plain(sender)) = waiting {
                    // What is not taken is dropped, which stops its body.
                    let _ = sender.send(Ok(Answer::Response(neutral)));
                }
                Ok(())
            }
            (head::Answer::Done, waiting) => {
                if let Some(Waiting::Plain(sender)) = waiting {
                    let _ = sender.send(Ok(Answer::Done));
                }
                Ok(())
            }
            (head::Answer::Failed(failure), waiting) => {
                if let Some(waiting) = waiting {
                    waiting.fail(convert::error(&failure));
                }
                Ok(())
            }
        })?
    }
}

impl Caller for Outgoing {
    fn start(
        self: Rc<Self>,
        callee: &Callee,
        work: Work,
        answer: oneshot::Sender<Result<Answer, Error>>,
        ticket: &Ticket,
    ) {
        let admission = match self.admit(callee) {
            Ok(admission) => admission,
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        };
        let what = match &work {
            Work::Fetch(request) => head::What::Fetch(convert::request_head(request)),
            Work::Event(event) => head::What::Event {
                handler: event.handler,
                argument: &event.argument,
            },
        };
        let chunks = matches!(
            &what,
            head::What::Fetch(request) if matches!(request.body, head::Body::Chunks(_))
        );
        let target = callee.head();
        let span = parent().map(convert::span_head);
        let head = head::Call { target, what, span };
        let number = self.sender.new_number();
        let key = Key::ours(number);
        let written = self
            .sender
            .send(Kind::Call, key, |scratch, out| head.write(scratch, out));
        if !written {
            let error = Error::internal("The request's URL and headers together are too long.");
            let _ = answer.send(Err(error));
            return;
        }
        ticket.start(self.this.clone(), number);
        if let Work::Fetch(request) = work
            && chunks
        {
            self.bodies.send(key, request.body);
        }
        self.put_waiting(number, Waiting::Plain(answer), admission);
    }

    fn invoke(self: Rc<Self>, callee: &Callee, call: rpc::Call) -> rpc::Answer {
        match self.try_invoke(callee, call) {
            Ok(answer) => answer,
            Err(error) => rpc::Answer::failed(error),
        }
    }

    fn cancel(&self, number: u64) {
        if self.forget(number) {
            let key = Key::ours(number);
            self.bodies.end(key);
            self.sender.send(Kind::Cancel, key, |_, _| {});
        }
    }
}
