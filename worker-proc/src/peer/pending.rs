//! Calls other than RPC as those who wait for them have them: dropping one cancels the call.
//!
//! `remote` makes them for objects, `values` for services that were sent.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::call::{Answer, Callee, Caller, Ticket, Work};
use super::error::lost;
use crate::service::{Error, Event, Request, Response};

/// A call other than RPC that is under way or waits for its link.
pub struct Pending {
    receiver: oneshot::Receiver<Result<Answer, Error>>,
    ticket: Rc<Ticket>,
    /// How long it waits for a link.
    wait: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Pending {
    pub fn new(
        receiver: oneshot::Receiver<Result<Answer, Error>>,
        ticket: Rc<Ticket>,
        wait: Option<Pin<Box<Sleep>>>,
    ) -> Self {
        Self {
            receiver,
            ticket,
            wait,
            ended: false,
        }
    }

    fn start(caller: Result<Rc<dyn Caller>, Error>, callee: &Callee, work: Work) -> Self {
        let (sender, receiver) = oneshot::channel();
        let ticket = Rc::new(Ticket::default());
        match caller {
            Ok(caller) => caller.start(callee, work, sender, &ticket),
            Err(error) => _ = sender.send(Err(error)),
        }
        Self::new(receiver, ticket, None)
    }

    pub fn fetch(
        caller: Result<Rc<dyn Caller>, Error>,
        callee: &Callee,
        request: Request,
    ) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Self::start(caller, callee, Work::Fetch(request)).response()
    }

    pub fn event(
        caller: Result<Rc<dyn Caller>, Error>,
        callee: &Callee,
        event: Event,
    ) -> LocalBoxFuture<'static, Result<(), Error>> {
        Self::start(caller, callee, Work::Event(event)).done()
    }

    pub fn response(self) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async move {
            match self.await? {
                Answer::Response(response) => Ok(response),
                Answer::Done => Err(Error::internal("A fetch was answered with no response.")),
            }
        })
    }

    pub fn done(self) -> LocalBoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { self.await.map(|_| ()) })
    }
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
