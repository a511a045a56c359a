//! The calls of the other process on a link, and what it keeps of their results.
//!
//! `link` brings the frames. Each call is begun when it arrives, so that calls on one thing begin in order. What a call of
//! JavaScript RPC returns can be called on for as long as the caller keeps its answer, from the start.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::task::Poll;

use ipc::metrics::page;
use ipc::peer::{Kind, PeerError, head};
use tokio::task::AbortHandle;

use super::accounts::MAX_CALLS_PER_PEER;
use super::call::{Answer, Work};
use super::convert::{self, Announced};
use super::error::{lost, overloaded};
use super::local::Local;
use super::sender::{Key, Sender};
use super::sockets::{Given, Sockets};
use super::stream::Bodies;
use super::values::{Export, Values};
use crate::service::rpc::{self, Operation, Returned, Target};
use crate::service::trace::{SpanContext, on_behalf_of, within};
use crate::service::{Error, Service};

/// Results that one other process may hold here, to call on them or to have them disposed of later.
pub const MAX_HELD_RESULTS_PER_PEER: usize = 1 << 18;

/// See the module.
pub struct Serving {
    sender: Rc<Sender>,
    bodies: Rc<Bodies>,
    sockets: Rc<Sockets>,
    values: Rc<Values>,
    local: Weak<Local>,
    /// Calls that are not answered, and answers that the other process holds.
    served: RefCell<HashMap<u64, Served>>,
    /// Those of them that are not answered.
    unanswered: Cell<usize>,
    /// The number of the last call that the other has made.
    last: Cell<u64>,
}

/// One of them.
struct Served {
    task: AbortHandle,
    answered: bool,
    /// What calls on its result go to.
    pipeline: Option<Rc<dyn Target>>,
}

/// A call as it arrives.
enum Arrived {
    Plain(Work),
    Rpc(rpc::Call),
}

/// What a call from the other process is for.
enum Callable {
    Service(Rc<dyn Service>),
    Target(Rc<dyn Target>),
}

impl Serving {
    pub fn new(
        sender: &Rc<Sender>,
        bodies: &Rc<Bodies>,
        sockets: &Rc<Sockets>,
        values: &Rc<Values>,
        local: &Weak<Local>,
    ) -> Rc<Self> {
        Rc::new(Self {
            sender: sender.clone(),
            bodies: bodies.clone(),
            sockets: sockets.clone(),
            values: values.clone(),
            local: local.clone(),
            served: RefCell::default(),
            unanswered: Cell::new(0),
            last: Cell::new(0),
        })
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.served.borrow().is_empty()
    }

    /// The other process is gone.
    pub fn close(&self) {
        for (_, served) in self.served.take() {
            served.task.abort();
        }
        self.unanswered.set(0);
    }

    pub fn on_call(self: &Rc<Self>, number: u64, payload: &[u8]) -> Result<(), PeerError> {
        page().process.peer_calls[1].add(1);
        let last = self.last.replace(number);
        if number <= last {
            return Err(PeerError::OutOfTurn("a call whose number is not new"));
        }
        let read = head::read_call(payload, |head| {
            let asked = match head.what {
                head::What::Fetch(request) => {
                    let (mut request, body) = convert::request(&request)?;
                    request.body = match body {
                        Announced::Whole(body) => body,
                        Announced::Chunks(length) => {
                            self.bodies.receive(Key::theirs(number), length)
                        }
                    };
                    Arrived::Plain(Work::Fetch(request))
                }
                head::What::Event { handler, argument } => {
                    Arrived::Plain(Work::Event(convert::event(handler, argument)?))
                }
                head::What::Rpc {
                    path,
                    arguments,
                    is_event,
                } => Arrived::Rpc(rpc::Call {
                    path: path.into_iter().map(str::to_owned).collect(),
                    operation: match arguments {
                        None => Operation::Get,
                        Some(payload) => {
                            let payload = self.values.accept(payload, &Rc::default())?;
                            match is_event {
                                true => Operation::Event(payload),
                                false => Operation::Call(payload),
                            }
                        }
                    },
                }),
            };
            let span = head.span.map(convert::span);
            Ok((self.find_callee(head.target), asked, span))
        })?;
        let (found, asked, span) = read?;
        if self.unanswered.get() >= MAX_CALLS_PER_PEER
            || self.served.borrow().len() >= MAX_HELD_RESULTS_PER_PEER
        {
            self.refuse(number, &overloaded());
            return Ok(());
        }
        match found {
            Ok(callable) => self.begin(number, callable, asked, span),
            Err(error) => {
                self.refuse(number, &error);
                Ok(())
            }
        }
    }

    /// Begins a call here and now, so that calls begin in the order in which they came.
    fn begin(
        self: &Rc<Self>,
        number: u64,
        callable: Callable,
        asked: Arrived,
        span: Option<SpanContext>,
    ) -> Result<(), PeerError> {
        match (callable, asked) {
            (Callable::Service(service), Arrived::Plain(Work::Fetch(request))) => {
                let response = on_behalf_of(span, || service.fetch(request));
                let answer = async move { response.await.map(Answer::Response) };
                self.serve(number, within(span, answer));
            }
            (Callable::Service(service), Arrived::Plain(Work::Event(event))) => {
                let done = on_behalf_of(span, || service.event(event));
                let answer = async move { done.await.map(|()| Answer::Done) };
                self.serve(number, within(span, answer));
            }
            (Callable::Service(service), Arrived::Rpc(call)) => {
                let answer = on_behalf_of(span, || service.rpc(call));
                self.serve_rpc(number, span, answer);
            }
            (Callable::Target(target), Arrived::Rpc(call)) => {
                let answer = on_behalf_of(span, || target.call(call));
                self.serve_rpc(number, span, answer);
            }
            (Callable::Target(_), Arrived::Plain(_)) => {
                return Err(PeerError::OutOfTurn("a fetch of what is no service"));
            }
        }
        Ok(())
    }

    fn find_callee(&self, target: head::Target<'_>) -> Result<Callable, Error> {
        match target {
            head::Target::Actor(address) => {
                let local = self.local.upgrade().ok_or_else(lost)?;
                let service = local.resolve(convert::address(&address))?;
                Ok(Callable::Service(service))
            }
            head::Target::Exported(number) => match self.values.export(number) {
                Some(Export::Service(service)) => Ok(Callable::Service(service)),
                Some(Export::Target(target)) => Ok(Callable::Target(target)),
                None => Err(lost()),
            },
            head::Target::Result(number) => {
                let served = self.served.borrow();
                let pipeline = served
                    .get(&number)
                    .and_then(|served| served.pipeline.clone());
                pipeline.map(Callable::Target).ok_or_else(lost)
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
        self.unanswered.set(self.unanswered.get() + 1);
        self.served.borrow_mut().insert(number, served);
    }

    fn serve(
        self: &Rc<Self>,
        number: u64,
        answer: impl Future<Output = Result<Answer, Error>> + 'static,
    ) {
        let serving = self.clone();
        let task = async move {
            let answer = answer.await;
            serving.answer(number, answer).await;
        };
        self.hold(number, task, None);
    }

    fn serve_rpc(self: &Rc<Self>, number: u64, span: Option<SpanContext>, answer: rpc::Answer) {
        let rpc::Answer { result, pipeline } = answer;
        let serving = self.clone();
        let task = async move {
            let result = within(span, result).await;
            std::future::poll_fn(|cx| match serving.sender.poll_room(cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            serving.answer_rpc(number, result);
        };
        self.hold(number, task, Some(pipeline));
    }

    pub fn on_cancel(&self, number: u64) {
        self.bodies.end(Key::theirs(number));
        // Dropped once it is out of the table: that may come back here.
        let served = self.served.borrow_mut().remove(&number);
        if let Some(served) = served {
            if !served.answered {
                self.count_answered();
            }
            served.task.abort();
        }
    }

    fn count_answered(&self) {
        self.unanswered.set(self.unanswered.get().saturating_sub(1));
    }

    /// Answers a call that was not begun.
    fn refuse(&self, number: u64, error: &Error) {
        let failure = head::Answer::Failed(convert::failure_head(error));
        let key = Key::theirs(number);
        self.sender.send(Kind::Answer, key, |scratch, out| {
            failure.write(scratch, out);
        });
    }

    /// Sends the answer of a call, with its body to the end.
    async fn answer(&self, number: u64, answer: Result<Answer, Error>) {
        let key = Key::theirs(number);
        self.count_answered();
        self.served.borrow_mut().remove(&number);
        let mut response = match answer {
            Ok(Answer::Response(response)) => response,
            Ok(Answer::Done) => {
                let done = head::Answer::Done;
                self.sender
                    .send(Kind::Answer, key, |scratch, out| done.write(scratch, out));
                return;
            }
            Err(error) => return self.refuse(number, &error),
        };
        let websocket = response.websocket.take().map(|end| self.sockets.give(end));
        let mut head = convert::response_head(&response);
        let mut fds = Vec::new();
        if let Some(websocket) = &websocket {
            head.websocket = websocket.head();
            fds.extend(websocket.socket());
        }
        let chunks = matches!(head.body, head::Body::Chunks(_));
        let head = head::Answer::Response(head);
        let written = self
            .sender
            .send_with_fds(Kind::Answer, key, fds, |scratch, out| {
                head.write(scratch, out);
            });
        if !written {
            if let Some(Given::Carried(number)) = websocket {
                self.sockets.discard(Key::ours(number));
            }
            let error = Error::internal("The response's headers together are too long.");
            self.refuse(number, &error);
        } else if chunks {
            let sending = self.bodies.open_sending(key);
            self.bodies.clone().pump(key, sending, response.body).await;
        }
    }

    fn answer_rpc(&self, number: u64, result: Result<Returned, Error>) {
        let key = Key::theirs(number);
        self.count_answered();
        if let Some(served) = self.served.borrow_mut().get_mut(&number) {
            served.answered = true;
        }
        let ready = result.and_then(|returned| {
            let has_disposer = returned.has_disposer;
            Ok((self.values.ready(returned.value)?, has_disposer))
        });
        match ready {
            Err(error) => self.refuse(number, &error),
            Ok((value, has_disposer)) => {
                self.values.send_parts(key, &value);
                let answer = head::Answer::Returned {
                    value: value.head(),
                    has_disposer,
                };
                self.sender
                    .send(Kind::Answer, key, |scratch, out| answer.write(scratch, out));
            }
        }
    }
}
