//! Calls on a link, those that this process makes and those that it answers.
//!
//! `remote` and `values` make calls, `link` brings the frames. Each call is put on the link, and begun on arrival, when it is
//! made, so that calls on one thing arrive in order. Dropping what the caller has of a call cancels it. What a call of
//! JavaScript RPC returns can be called on for as long as the caller keeps its answer, from the start.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use ipc::peer::{Kind, PeerError, head};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::accounts::{Account, Accounts, MAX_CALLS_PER_PEER, Place};
use super::convert::{self, Announced};
use super::link::{Key, Link};
use super::patience::Patience;
use super::pending::Ticket;
use super::sockets::Given;
use super::values::Export;
use super::{lost, overloaded};
use crate::service::rpc::{self, Operation, Returned, Target};
use crate::service::{Address, Error, Event, Request, Response, Service};

/// Results that one other process may hold here, to call on them or to have them disposed of later.
pub const MAX_HELD_RESULTS_PER_PEER: usize = 1 << 18;

/// Bytes of calls that may wait to be written to one other process; a call beyond them fails as overloaded.
pub const MAX_UNSENT_CALL_BYTES: usize = 128 << 20;

/// Names in the path of a call of RPC, and their bytes together.
const MAX_PATH_NAMES: usize = 1024;
const MAX_PATH_BYTES: usize = 64 * 1024;

/// Bytes of an object's address in a call of RPC.
const MAX_ADDRESS_BYTES: usize = 64 * 1024;

/// The calls that are under way on a link.
#[derive(Default)]
pub struct Calls {
    /// Calls of this process that are not answered.
    outgoing: RefCell<HashMap<u64, (Waiting, Place)>>,
    accounts: Accounts,
    patience: Patience,
    /// Calls of the other that are not answered, and answers that it holds.
    served: RefCell<HashMap<u64, Served>>,
    /// Those of them that are not answered.
    unanswered: Cell<usize>,
    /// The number of the last call that the other has made.
    last_served: Cell<u64>,
}

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

/// Who waits for an answer.
enum Waiting {
    Plain(oneshot::Sender<Result<Answer, Error>>),
    Rpc(oneshot::Sender<Result<Returned, Error>>),
}

/// A call of the other process.
struct Served {
    task: AbortHandle,
    answered: bool,
    /// What calls on its result go to.
    pipeline: Option<Rc<dyn Target>>,
}

/// A call to be made when there is a link.
pub struct Job {
    pub address: Rc<Address>,
    pub what: What,
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

/// A call of RPC, kept by its result and by what is called on that.
struct Invoked {
    link: Weak<Link>,
    number: u64,
    /// Of the object that is called.
    account: Rc<Account>,
}

impl Drop for Invoked {
    fn drop(&mut self) {
        if let Some(link) = self.link.upgrade() {
            link.forget(self.number);
            link.send(Kind::Cancel, Key::ours(self.number), |_, _| {});
        }
    }
}

struct Outcome {
    receiver: oneshot::Receiver<Result<Returned, Error>>,
    _call: Rc<Invoked>,
}

impl Future for Outcome {
    type Output = Result<Returned, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.receiver).poll(cx);
        polled.map(|result| result.unwrap_or_else(|_| Err(lost())))
    }
}

struct Pipeline(Rc<Invoked>);

impl Target for Pipeline {
    fn call(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        match self.0.link.upgrade() {
            Some(link) => {
                let callee = Callee::Result(self.0.number, self.0.account.clone());
                link.invoke(&callee, call)
            }
            None => rpc::Answer::failed(lost()),
        }
    }
}

impl Calls {
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.outgoing.borrow().is_empty() && self.served.borrow().is_empty()
    }

    /// The other process is gone.
    pub fn close(&self) {
        for (_, (waiting, _)) in self.outgoing.take() {
            waiting.fail(lost());
        }
        for (_, served) in self.served.take() {
            served.task.abort();
        }
        self.unanswered.set(0);
    }

    fn put_waiting(&self, number: u64, waiting: Waiting, place: Place) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.insert(number, (waiting, place));
        self.patience.ask();
    }

    fn take_waiting(&self, number: u64) -> Option<(Waiting, Place)> {
        self.outgoing.borrow_mut().remove(&number)
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
        self.patience.lasts(self.outgoing.borrow().len())
    }
}

impl Waiting {
    fn fail(self, error: Error) {
        match self {
            Self::Plain(sender) => _ = sender.send(Err(error)),
            Self::Rpc(sender) => _ = sender.send(Err(error)),
        }
    }
}

impl Callee {
    /// Bytes of its texts.
    fn len(&self) -> usize {
        match self {
            Self::Actor(address) => {
                let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                address.namespace.len() + length(&address.name) + length(&address.props)
            }
            Self::Exported(..) | Self::Result(..) => 0,
        }
    }

    fn head(&self) -> head::Target<'_> {
        match self {
            Self::Actor(address) => head::Target::Actor(convert::address_head(address)),
            Self::Exported(number, _) => head::Target::Exported(*number),
            Self::Result(number, _) => head::Target::Result(*number),
        }
    }
}

/// The calls of this process.
impl Link {
    /// Makes a call that has waited for the link.
    pub fn start_job(self: &Rc<Self>, job: Job) {
        if job.is_abandoned() {
            return;
        }
        let callee = Callee::Actor(job.address);
        match job.what {
            What::Plain {
                work,
                answer,
                ticket,
            } => self.start(&callee, work, answer, &ticket),
            What::Rpc(call) => {
                if let Some((call, reply)) = call.take() {
                    reply.forward(self.invoke(&callee, call));
                }
            }
        }
    }

    fn admit(&self, callee: &Callee) -> Result<Place, Error> {
        if self.is_closed() {
            return Err(lost());
        }
        let has_room = self.calls.outgoing.borrow().len() < MAX_CALLS_PER_PEER
            && self.unsent_bytes() < MAX_UNSENT_CALL_BYTES;
        let place = has_room.then(|| self.calls.account(callee).enter());
        place.flatten().ok_or_else(overloaded)
    }

    pub fn start(
        self: &Rc<Self>,
        callee: &Callee,
        work: Work,
        answer: oneshot::Sender<Result<Answer, Error>>,
        ticket: &Ticket,
    ) {
        let place = match self.admit(callee) {
            Ok(place) => place,
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
        let head = head::Call { target, what };
        let number = self.new_number();
        let key = Key::ours(number);
        if !self.send(Kind::Call, key, |scratch, out| head.write(scratch, out)) {
            let error = Error::internal("The request's URL and headers together are too long.");
            let _ = answer.send(Err(error));
            return;
        }
        ticket.start(self, number);
        if let Work::Fetch(request) = work
            && chunks
        {
            self.send_body(key, request.body);
        }
        self.calls
            .put_waiting(number, Waiting::Plain(answer), place);
    }

    /// Makes a call of RPC.
    pub fn invoke(self: &Rc<Self>, callee: &Callee, call: rpc::Call) -> rpc::Answer {
        match self.try_invoke(callee, call) {
            Ok(answer) => answer,
            Err(error) => rpc::Answer::failed(error),
        }
    }

    fn try_invoke(self: &Rc<Self>, callee: &Callee, call: rpc::Call) -> Result<rpc::Answer, Error> {
        let place = self.admit(callee)?;
        let account = place.account().clone();
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
            Operation::Call(payload) | Operation::Event(payload) => Some(self.ready(payload)?),
        };
        // Chosen after those of what the arguments carry, which counts for nobody.
        let number = self.new_number();
        let key = Key::ours(number);
        if let Some(arguments) = &arguments {
            self.send_parts(key, arguments);
        }
        let head = head::Call {
            target: callee.head(),
            what: head::What::Rpc {
                path: path.iter().map(String::as_str).collect(),
                arguments: arguments.as_ref().map(|ready| ready.head()),
                is_event,
            },
        };
        // Its parts are bounded one by one, and fit together.
        self.send(Kind::Call, key, |scratch, out| head.write(scratch, out));
        let (sender, receiver) = oneshot::channel();
        self.calls.put_waiting(number, Waiting::Rpc(sender), place);
        let call = Rc::new(Invoked {
            link: Rc::downgrade(self),
            number,
            account,
        });
        Ok(rpc::Answer {
            result: Box::pin(Outcome {
                receiver,
                _call: call.clone(),
            }),
            pipeline: Rc::new(Pipeline(call)),
        })
    }

    /// Nobody waits for the answer any more.
    pub fn cancel(&self, number: u64) {
        if self.forget(number) {
            let key = Key::ours(number);
            self.end_bodies(key);
            self.send(Kind::Cancel, key, |_, _| {});
        }
    }

    /// Whether the call was not answered.
    fn forget(&self, number: u64) -> bool {
        self.calls.take_waiting(number).is_some()
    }

    pub fn on_answer(
        self: &Rc<Self>,
        number: u64,
        payload: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<(), PeerError> {
        // Even if nobody waits: what the answer brings is released by being dropped.
        let key = Key::ours(number);
        let waiting = self.calls.take_waiting(number);
        self.calls.patience.answer();
        let account = waiting.as_ref().map(|(_, place)| place.account().clone());
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
                let value = self.accept(value, &account)?;
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
                neutral.websocket = self.accept_websocket(response.websocket, fds)?;
                neutral.body = match body {
                    Announced::Whole(body) => body,
                    Announced::Chunks(length) => self.receive_body(key, length),
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

/// A call as it arrives.
enum Asked {
    Plain(Work),
    Rpc(rpc::Call),
}

/// What a call from the other process is for.
enum Found {
    Service(Rc<dyn Service>),
    Target(Rc<dyn Target>),
}

/// The calls of the other process.
impl Link {
    pub fn on_call(self: &Rc<Self>, number: u64, payload: &[u8]) -> Result<(), PeerError> {
        let last = self.calls.last_served.replace(number);
        if number <= last {
            return Err(PeerError::OutOfTurn("a call whose number is not new"));
        }
        let read = head::read_call(payload, |head| {
            let asked = match head.what {
                head::What::Fetch(request) => {
                    let (mut request, body) = convert::request(&request)?;
                    request.body = match body {
                        Announced::Whole(body) => body,
                        Announced::Chunks(length) => self.receive_body(Key::theirs(number), length),
                    };
                    Asked::Plain(Work::Fetch(request))
                }
                head::What::Event { handler, argument } => {
                    Asked::Plain(Work::Event(convert::event(handler, argument)?))
                }
                head::What::Rpc {
                    path,
                    arguments,
                    is_event,
                } => Asked::Rpc(rpc::Call {
                    path: path.into_iter().map(str::to_owned).collect(),
                    operation: match arguments {
                        None => Operation::Get,
                        Some(payload) => {
                            let payload = self.accept(payload, &Rc::default())?;
                            match is_event {
                                true => Operation::Event(payload),
                                false => Operation::Call(payload),
                            }
                        }
                    },
                }),
            };
            Ok((self.find_callee(head.target), asked))
        })?;
        let (found, asked) = read?;
        let calls = &self.calls;
        if calls.unanswered.get() >= MAX_CALLS_PER_PEER
            || calls.served.borrow().len() >= MAX_HELD_RESULTS_PER_PEER
        {
            self.refuse(number, &overloaded());
            return Ok(());
        }
        // It is begun here and now, so that calls begin in the order in which they came.
        match (found, asked) {
            (Err(error), _) => self.refuse(number, &error),
            (Ok(Found::Service(service)), Asked::Plain(Work::Fetch(request))) => {
                let response = service.fetch(request);
                self.serve(number, async move { response.await.map(Answer::Response) });
            }
            (Ok(Found::Service(service)), Asked::Plain(Work::Event(event))) => {
                let done = service.event(event);
                self.serve(number, async move { done.await.map(|()| Answer::Done) });
            }
            (Ok(Found::Service(service)), Asked::Rpc(call)) => {
                self.serve_rpc(number, service.rpc(call));
            }
            (Ok(Found::Target(target)), Asked::Rpc(call)) => {
                self.serve_rpc(number, target.call(call));
            }
            (Ok(Found::Target(_)), Asked::Plain(_)) => {
                return Err(PeerError::OutOfTurn("a fetch of what is no service"));
            }
        }
        Ok(())
    }

    fn find_callee(&self, target: head::Target<'_>) -> Result<Found, Error> {
        match target {
            head::Target::Actor(address) => {
                let links = self.links.upgrade().ok_or_else(lost)?;
                let service = links.resolve(convert::address(&address))?;
                Ok(Found::Service(service))
            }
            head::Target::Exported(number) => match self.values.export(number) {
                Some(Export::Service(service)) => Ok(Found::Service(service)),
                Some(Export::Target(target)) => Ok(Found::Target(target)),
                None => Err(lost()),
            },
            head::Target::Result(number) => {
                let served = self.calls.served.borrow();
                let pipeline = served
                    .get(&number)
                    .and_then(|served| served.pipeline.clone());
                pipeline.map(Found::Target).ok_or_else(lost)
            }
        }
    }

    fn hold(
        &self,
        number: u64,
        task: impl Future<Output = ()> + 'static,
        pipeline: Option<Rc<dyn Target>>,
    ) {
        let served = Served {
            task: tokio::task::spawn_local(task).abort_handle(),
            answered: false,
            pipeline,
        };
        let calls = &self.calls;
        calls.unanswered.set(calls.unanswered.get() + 1);
        calls.served.borrow_mut().insert(number, served);
    }

    fn serve(
        self: &Rc<Self>,
        number: u64,
        answer: impl Future<Output = Result<Answer, Error>> + 'static,
    ) {
        let link = self.clone();
        let task = async move {
            let answer = answer.await;
            link.answer(number, answer).await;
        };
        self.hold(number, task, None);
    }

    fn serve_rpc(self: &Rc<Self>, number: u64, answer: rpc::Answer) {
        let rpc::Answer { result, pipeline } = answer;
        let link = self.clone();
        let task = async move {
            let result = result.await;
            std::future::poll_fn(|cx| match link.poll_room(cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            link.answer_rpc(number, result);
        };
        self.hold(number, task, Some(pipeline));
    }

    pub fn on_cancel(&self, number: u64) {
        self.end_bodies(Key::theirs(number));
        // Dropped once it is out of the table: that may come back here.
        let served = self.calls.served.borrow_mut().remove(&number);
        if let Some(served) = served {
            if !served.answered {
                self.count_answered();
            }
            served.task.abort();
        }
    }

    fn count_answered(&self) {
        let calls = &self.calls;
        calls
            .unanswered
            .set(calls.unanswered.get().saturating_sub(1));
    }

    /// Answers a call that was not begun.
    fn refuse(&self, number: u64, error: &Error) {
        let failure = head::Answer::Failed(convert::failure_head(error));
        let key = Key::theirs(number);
        self.send(Kind::Answer, key, |scratch, out| {
            failure.write(scratch, out);
        });
    }

    /// Sends the answer of a call, with its body to the end.
    async fn answer(self: Rc<Self>, number: u64, answer: Result<Answer, Error>) {
        let key = Key::theirs(number);
        self.count_answered();
        self.calls.served.borrow_mut().remove(&number);
        let mut response = match answer {
            Ok(Answer::Response(response)) => response,
            Ok(Answer::Done) => {
                let done = head::Answer::Done;
                self.send(Kind::Answer, key, |scratch, out| done.write(scratch, out));
                return;
            }
            Err(error) => return self.refuse(number, &error),
        };
        let websocket = response
            .websocket
            .take()
            .map(|end| self.give_websocket(end));
        let mut head = convert::response_head(&response);
        let mut fds = Vec::new();
        if let Some(websocket) = &websocket {
            head.websocket = websocket.head();
            fds.extend(websocket.socket());
        }
        let chunks = matches!(head.body, head::Body::Chunks(_));
        let head = head::Answer::Response(head);
        let written = self.send_with_fds(Kind::Answer, key, fds, |scratch, out| {
            head.write(scratch, out);
        });
        if !written {
            if let Some(Given::Carried(number)) = websocket {
                self.drop_socket(Key::ours(number));
            }
            let error = Error::internal("The response's headers together are too long.");
            self.refuse(number, &error);
        } else if chunks {
            let sending = self.open_sending(key);
            self.pump(key, sending, response.body).await;
        }
    }

    fn answer_rpc(self: &Rc<Self>, number: u64, result: Result<Returned, Error>) {
        let key = Key::theirs(number);
        self.count_answered();
        if let Some(served) = self.calls.served.borrow_mut().get_mut(&number) {
            served.answered = true;
        }
        let ready = result.and_then(|returned| {
            let has_disposer = returned.has_disposer;
            Ok((self.ready(returned.value)?, has_disposer))
        });
        match ready {
            Err(error) => self.refuse(number, &error),
            Ok((value, has_disposer)) => {
                self.send_parts(key, &value);
                let answer = head::Answer::Returned {
                    value: value.head(),
                    has_disposer,
                };
                self.send(Kind::Answer, key, |scratch, out| answer.write(scratch, out));
            }
        }
    }
}
