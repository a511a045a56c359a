//! One link: its socket on the event loop, and the calls that are under way on it in both directions.
//!
//! Made by [`PeerLinks::add`], which runs [`Link::drive`] as a task. What tasks want to send they write to a buffer; the driver
//! writes that once they have had their turn, so that all of a turn goes in one system call. Relies on `stream` for bodies
//! and on `convert` for heads.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use ipc::peer::frame::Tag;
use ipc::peer::head::{self, Scratch};
use ipc::peer::{Frame, Inbox, Kind, Outbox, PeerError, PeerSocket, Received};
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::convert::{self, Announced};
use super::stream::{Incoming, Receiving, Sending, pump};
use super::{MAX_CALLS_PER_PEER, PeerId, PeerLinks, lost, overloaded};
use crate::service::{Address, Body, Error, Event, Request, Response};

/// While so much waits to be written, bodies wait. Heads do not: their bound is that of calls.
const MAX_UNSENT_BYTES: usize = 512 * 1024;

/// Reads of one turn, so that other tasks get theirs.
const MAX_READS_PER_TURN: usize = 16;

/// Which end of a call this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Caller,
    Callee,
}

/// What a call asks for.
pub enum Work {
    Fetch(Request),
    Event(Event),
}

/// What a call is answered with.
#[allow(clippy::large_enum_variant)] // Made once a call, and moved at once.
pub enum Answer {
    Response(Response),
    Done,
}

/// A call to be made.
pub struct Job {
    pub address: Rc<Address>,
    pub work: Work,
    pub answer: oneshot::Sender<Result<Answer, Error>>,
    pub ticket: Rc<Ticket>,
}

impl Job {
    /// Nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    pub fn fail(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

/// Where a call is, for the one who waits for it.
#[derive(Default)]
pub struct Ticket(RefCell<Option<(Weak<Link>, u64)>>);

impl Ticket {
    pub fn is_started(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub fn cancel(&self) {
        if let Some((link, call)) = self.0.take()
            && let Some(link) = link.upgrade()
        {
            link.cancel(call);
        }
    }
}

/// A call that this process has made.
struct Outgoing {
    /// `None` once answered.
    answer: Option<oneshot::Sender<Result<Answer, Error>>>,
    sending: Rc<Sending>,
    receiving: Rc<Receiving>,
}

/// A call that the other process has made.
struct Served {
    task: AbortHandle,
    /// The answer's head is sent.
    answered: bool,
    sending: Rc<Sending>,
    receiving: Rc<Receiving>,
}

/// See the module.
pub struct Link {
    links: Weak<PeerLinks>,
    socket: AsyncFd<PeerSocket>,
    out: RefCell<Out>,
    driver: RefCell<Option<Waker>>,
    /// Bodies that wait for the buffer to be written.
    waiting_for_room: RefCell<Vec<Waker>>,
    outgoing: RefCell<HashMap<u64, Outgoing>>,
    served: RefCell<HashMap<u64, Served>>,
    /// The number of the last call that this process has made.
    last_made: Cell<u64>,
    /// The number of the last call that the other has made.
    last_served: Cell<u64>,
    closed: Cell<bool>,
}

#[derive(Default)]
struct Out {
    outbox: Outbox,
    scratch: Scratch,
}

impl Link {
    pub fn new(links: &Rc<PeerLinks>, _peer: PeerId, socket: OwnedFd) -> io::Result<Rc<Self>> {
        let socket = PeerSocket::new(socket)?;
        // SAFETY: the socket owns its descriptor and never changes it.
        #[allow(unsafe_code)]
        let socket = unsafe { AsyncFd::register(socket) }?;
        Ok(Rc::new(Self {
            links: Rc::downgrade(links),
            socket,
            out: RefCell::default(),
            driver: RefCell::default(),
            waiting_for_room: RefCell::default(),
            outgoing: RefCell::default(),
            served: RefCell::default(),
            last_made: Cell::new(0),
            last_served: Cell::new(0),
            closed: Cell::new(false),
        }))
    }

    /// Moves frames until the other end closes (`None`) or the link has to be closed for a reason.
    pub async fn drive(self: &Rc<Self>) -> Option<PeerError> {
        let mut inbox = Inbox::default();
        std::future::poll_fn(|cx| {
            self.driver.replace(Some(cx.waker().clone()));
            if let Poll::Ready(ended) = self.poll_read(cx, &mut inbox) {
                return Poll::Ready(ended);
            }
            self.poll_write(cx).map(|()| None)
        })
        .await
    }

    fn poll_read(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
    ) -> Poll<Option<PeerError>> {
        for _ in 0..MAX_READS_PER_TURN {
            let Ok(mut ready) = ready!(self.socket.poll_read_ready(cx)) else {
                return Poll::Ready(None);
            };
            match self.socket.get_ref().receive(inbox) {
                Ok(Received::Closed) => return Poll::Ready(None),
                Ok(Received::Some) => {}
                Ok(Received::Last) => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) => return Poll::Ready(Some(PeerError::Payload(error.to_string()))),
            }
            loop {
                match inbox.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        if let Err(error) = self.on_frame(frame) {
                            return Poll::Ready(Some(error));
                        }
                    }
                    Err(error) => return Poll::Ready(Some(error)),
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when the other end is gone.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.out.borrow().outbox.is_empty() {
                break;
            }
            let Ok(mut ready) = ready!(self.socket.poll_write_ready(cx)) else {
                return Poll::Ready(());
            };
            let sent = self
                .socket
                .get_ref()
                .send(&mut self.out.borrow_mut().outbox);
            match sent {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(_) => return Poll::Ready(()),
            }
            self.wake_bodies();
        }
        self.wake_bodies();
        Poll::Pending
    }

    fn wake_bodies(&self) {
        if self.has_room() {
            let waiting = self.waiting_for_room.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn has_room(&self) -> bool {
        self.out.borrow().outbox.len() < MAX_UNSENT_BYTES
    }

    /// Whether a body may be written to the buffer; if not, the task is woken later.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> bool {
        let room = self.has_room();
        if !room {
            self.waiting_for_room.borrow_mut().push(cx.waker().clone());
        }
        room
    }

    /// The other process is gone: ends everything that is under way with it.
    pub fn close(&self) {
        self.closed.set(true);
        for (_, call) in self.outgoing.take() {
            if let Some(answer) = call.answer {
                let _ = answer.send(Err(lost()));
            }
            call.receiving.finish(Err(lost()));
            call.sending.stop();
        }
        for (_, call) in self.served.take() {
            call.receiving.finish(Err(lost()));
            call.sending.stop();
            call.task.abort();
        }
        self.waiting_for_room
            .take()
            .into_iter()
            .for_each(Waker::wake);
    }

    /// Puts a frame into the buffer, to be written at the end of the turn. False when it is too long.
    fn send(&self, tag: Tag, write: impl FnOnce(&mut Scratch, &mut Vec<u8>)) -> bool {
        if self.closed.get() {
            return true;
        }
        let Out { outbox, scratch } = &mut *self.out.borrow_mut();
        let written = outbox.frame(tag, |out| write(scratch, out));
        if let Some(driver) = self.driver.borrow().as_ref() {
            driver.wake_by_ref();
        }
        written
    }

    /// Makes a call.
    pub fn start(self: &Rc<Self>, job: Job) {
        if job.is_abandoned() {
            return;
        }
        if self.closed.get() {
            return job.fail(lost());
        }
        if self.outgoing.borrow().len() >= MAX_CALLS_PER_PEER {
            return job.fail(overloaded());
        }
        let Job {
            address,
            work,
            answer,
            ticket,
        } = job;
        let call = self.last_made.get() + 1;
        let target = convert::address_head(&address);
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
        let head = head::Call { target, what };
        let tag = tag(Kind::Call, Side::Caller, call);
        if !self.send(tag, |scratch, out| head.write(scratch, out)) {
            let error = Error::internal("The request's URL and headers together are too long.");
            let _ = answer.send(Err(error));
            return;
        }
        self.last_made.set(call);
        ticket.0.replace(Some((Rc::downgrade(self), call)));
        let sending = match work {
            Work::Fetch(request) if chunks => self.send_body(Side::Caller, call, request.body),
            _ => Sending::none(),
        };
        let outgoing = Outgoing {
            answer: Some(answer),
            sending,
            receiving: Receiving::open(),
        };
        self.outgoing.borrow_mut().insert(call, outgoing);
    }

    fn send_body(self: &Rc<Self>, side: Side, call: u64, body: Body) -> Rc<Sending> {
        let sending = Sending::open();
        let pump = pump(self.clone(), side, call, sending.clone(), body);
        tokio::task::spawn_local(pump);
        sending
    }

    /// Nobody waits for the answer any more.
    fn cancel(&self, call: u64) {
        let waits = |outgoing: &Outgoing| outgoing.answer.is_some();
        if self.outgoing.borrow().get(&call).is_some_and(waits)
            && let Some(outgoing) = self.take_outgoing(call)
        {
            outgoing.sending.stop();
            self.send(tag(Kind::Cancel, Side::Caller, call), |_, _| {});
        }
    }

    // Taken out of the table before it is dropped, since dropping it may come back here.
    fn take_outgoing(&self, call: u64) -> Option<Outgoing> {
        self.outgoing.borrow_mut().remove(&call)
    }

    fn take_served(&self, call: u64) -> Option<Served> {
        self.served.borrow_mut().remove(&call)
    }

    /// Forgets a call of which nothing is left.
    fn tidy(&self, side: Side, call: u64) {
        match side {
            Side::Caller => {
                let over = self.outgoing.borrow().get(&call).is_some_and(|call| {
                    call.answer.is_none() && call.sending.is_over() && call.receiving.is_over()
                });
                if over {
                    self.take_outgoing(call);
                }
            }
            Side::Callee => {
                let over = self.served.borrow().get(&call).is_some_and(|call| {
                    call.answered && call.sending.is_over() && call.receiving.is_over()
                });
                if over {
                    self.take_served(call);
                }
            }
        }
    }

    pub fn send_chunk(&self, side: Side, call: u64, chunk: &[u8]) {
        self.send(tag(Kind::Chunk, side, call), |_, out| {
            out.extend_from_slice(chunk);
        });
    }

    /// The body that this side sends has ended.
    pub fn end_body(&self, side: Side, call: u64, error: Option<Error>) {
        match error {
            None => {
                let end = true;
                let tag = tag(Kind::Chunk, side, call);
                self.send(Tag { end, ..tag }, |_, _| {});
            }
            Some(error) => {
                let failure = convert::failure_head(&error);
                self.send(tag(Kind::Broken, side, call), |scratch, out| {
                    failure.write(scratch, out);
                });
            }
        }
        self.tidy(side, call);
    }

    /// The body that this side receives is read: more of it may come.
    pub fn give_credit(&self, side: Side, call: u64, bytes: usize) {
        self.send(tag(Kind::Credit, side, call), |_, out| {
            out.extend_from_slice(&(bytes as u32).to_le_bytes());
        });
    }

    /// The body that this side receives is not read any more.
    pub fn stop_body(&self, side: Side, call: u64) {
        self.send(tag(Kind::Stop, side, call), |_, _| {});
        self.tidy(side, call);
    }

    fn on_frame(self: &Rc<Self>, frame: Frame<'_>) -> Result<(), PeerError> {
        let call = frame.call;
        let side = if frame.from_callee {
            Side::Caller
        } else {
            Side::Callee
        };
        match (frame.kind, side) {
            (Kind::Call, Side::Callee) => return self.on_call(call, frame.payload),
            (Kind::Answer, Side::Caller) => return self.on_answer(call, frame.payload),
            (Kind::Cancel, Side::Callee) => self.on_cancel(call),
            (Kind::Call | Kind::Answer | Kind::Cancel, _) => {
                return Err(PeerError::OutOfTurn("a call or answer of the wrong side"));
            }
            (Kind::Chunk, _) => {
                if let Some(receiving) = self.receiving(side, call) {
                    if !receiving.push(frame.payload) {
                        return Err(PeerError::OutOfTurn(
                            "more of a body than it had credit for",
                        ));
                    }
                    if frame.end {
                        receiving.finish(Ok(()));
                    }
                }
            }
            (Kind::Broken, _) => {
                let error = head::read_failure(frame.payload, |failure| convert::error(&failure))?;
                if let Some(receiving) = self.receiving(side, call) {
                    receiving.finish(Err(error));
                }
            }
            (Kind::Credit, _) => {
                let bytes = frame.payload.try_into().map(u32::from_le_bytes);
                let bytes = bytes.map_err(|_| PeerError::Payload("credit".into()))?;
                if let Some(sending) = self.sending(side, call) {
                    sending.add_credit(bytes as usize);
                }
            }
            (Kind::Stop, _) => {
                if let Some(sending) = self.sending(side, call) {
                    sending.stop();
                }
            }
        }
        self.tidy(side, call);
        Ok(())
    }

    fn receiving(&self, side: Side, call: u64) -> Option<Rc<Receiving>> {
        match side {
            Side::Caller => Some(self.outgoing.borrow().get(&call)?.receiving.clone()),
            Side::Callee => Some(self.served.borrow().get(&call)?.receiving.clone()),
        }
    }

    fn sending(&self, side: Side, call: u64) -> Option<Rc<Sending>> {
        match side {
            Side::Caller => Some(self.outgoing.borrow().get(&call)?.sending.clone()),
            Side::Callee => Some(self.served.borrow().get(&call)?.sending.clone()),
        }
    }

    fn on_answer(self: &Rc<Self>, call: u64, payload: &[u8]) -> Result<(), PeerError> {
        let receiving = self.receiving(Side::Caller, call);
        let answer = head::read_answer(payload, |answer| match answer {
            head::Answer::Done => Ok((Ok(Answer::Done), Announced::Whole(Body::Empty))),
            head::Answer::Failed(failure) => {
                let error = convert::error(&failure);
                Ok((Err(error), Announced::Whole(Body::Empty)))
            }
            head::Answer::Response(response) => {
                let (response, body) = convert::response(&response)?;
                Ok((Ok(Answer::Response(response)), body))
            }
        })?;
        let (mut answer, body) = answer?;
        let waiting = |outgoing: &mut Outgoing| outgoing.answer.take();
        let waiting = self.outgoing.borrow_mut().get_mut(&call).map(waiting);
        let (Some(receiving), Some(waiting)) = (receiving, waiting) else {
            // Cancelled while the answer was on its way; its body ends with the cancelled call.
            return Ok(());
        };
        let waiting = waiting.ok_or(PeerError::OutOfTurn("a second answer"))?;
        let body = match body {
            Announced::Whole(body) => {
                receiving.finish(Ok(()));
                body
            }
            Announced::Chunks(length) => {
                Incoming::body(self, Side::Caller, call, receiving, length)
            }
        };
        if let Ok(Answer::Response(response)) = &mut answer {
            response.body = body;
        }
        // What is not taken is dropped, which stops its body.
        let _ = waiting.send(answer);
        self.tidy(Side::Caller, call);
        Ok(())
    }

    fn on_cancel(&self, call: u64) {
        if let Some(served) = self.take_served(call) {
            served.receiving.finish(Err(lost()));
            served.sending.stop();
            served.task.abort();
        }
    }

    fn on_call(self: &Rc<Self>, call: u64, payload: &[u8]) -> Result<(), PeerError> {
        if call <= self.last_served.replace(call) {
            return Err(PeerError::OutOfTurn("a call whose number is not new"));
        }
        let read = head::read_call(payload, |head| {
            let (work, body) = match &head.what {
                head::What::Fetch(request) => {
                    let (request, body) = convert::request(request)?;
                    (Work::Fetch(request), body)
                }
                head::What::Event { handler, argument } => {
                    let event = convert::event(handler, argument)?;
                    (Work::Event(event), Announced::Whole(Body::Empty))
                }
            };
            Ok((convert::address(&head.target), work, body))
        })?;
        let (address, mut work, body) = read?;
        if self.served.borrow().len() >= MAX_CALLS_PER_PEER {
            self.refuse(call, &overloaded());
            return Ok(());
        }
        let receiving = match body {
            Announced::Whole(body) => {
                if let Work::Fetch(request) = &mut work {
                    request.body = body;
                }
                Receiving::none()
            }
            Announced::Chunks(length) => {
                let receiving = Receiving::open();
                if let Work::Fetch(request) = &mut work {
                    let receiving = receiving.clone();
                    request.body = Incoming::body(self, Side::Callee, call, receiving, length);
                }
                receiving
            }
        };
        let Some(links) = self.links.upgrade() else {
            return Ok(());
        };
        // The object sees its calls here and now, in the order in which they came.
        let answer = match links.resolve(address) {
            Err(error) => {
                self.refuse(call, &error);
                return Ok(());
            }
            Ok(service) => match work {
                Work::Fetch(request) => {
                    let response = service.fetch(request);
                    Box::pin(async move { response.await.map(Answer::Response) })
                }
                Work::Event(event) => {
                    let done = service.event(event);
                    Box::pin(async move { done.await.map(|()| Answer::Done) })
                        as futures_util::future::LocalBoxFuture<'static, _>
                }
            },
        };
        let link = self.clone();
        let sending = Sending::open();
        let task = tokio::task::spawn_local({
            let sending = sending.clone();
            async move {
                let answer = answer.await;
                link.answer(call, answer, sending).await;
            }
        });
        let served = Served {
            task: task.abort_handle(),
            answered: false,
            sending,
            receiving,
        };
        self.served.borrow_mut().insert(call, served);
        Ok(())
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.outgoing.borrow().is_empty() && self.served.borrow().is_empty()
    }

    #[cfg(test)]
    pub fn shut_down(&self) {
        let socket = std::os::fd::AsRawFd::as_raw_fd(self.socket.get_ref());
        nix::sys::socket::shutdown(socket, nix::sys::socket::Shutdown::Both).unwrap();
    }

    /// Answers a call that was not begun.
    fn refuse(&self, call: u64, error: &Error) {
        let failure = head::Answer::Failed(convert::failure_head(error));
        self.send(tag(Kind::Answer, Side::Callee, call), |scratch, out| {
            failure.write(scratch, out);
        });
    }

    /// Sends the answer of a call, with its body to the end.
    async fn answer(
        self: Rc<Self>,
        call: u64,
        answer: Result<Answer, Error>,
        sending: Rc<Sending>,
    ) {
        let head = match &answer {
            Ok(Answer::Response(response)) => {
                head::Answer::Response(convert::response_head(response))
            }
            Ok(Answer::Done) => head::Answer::Done,
            Err(error) => head::Answer::Failed(convert::failure_head(error)),
        };
        let chunks = matches!(
            &head,
            head::Answer::Response(response) if matches!(response.body, head::Body::Chunks(_))
        );
        let tag = tag(Kind::Answer, Side::Callee, call);
        let written = self.send(tag, |scratch, out| head.write(scratch, out));
        if !written {
            let error = Error::internal("The response's headers together are too long.");
            self.refuse(call, &error);
        }
        if let Some(served) = self.served.borrow_mut().get_mut(&call) {
            served.answered = true;
        }
        match answer {
            Ok(Answer::Response(response)) if chunks && written => {
                let body = response.body;
                pump(self.clone(), Side::Callee, call, sending, body).await;
            }
            _ => {
                sending.stop();
                self.tidy(Side::Callee, call);
            }
        }
    }
}

fn tag(kind: Kind, side: Side, call: u64) -> Tag {
    Tag {
        kind,
        from_callee: side == Side::Callee,
        end: false,
        call,
    }
}
