//! One link: its socket on the event loop, and the frames that come and go.
//!
//! Made by [`PeerLinks::add`], which runs [`Link::drive`] as a task. What tasks want to send they write to a buffer; the driver
//! writes that once they have had their turn, so that all of a turn goes in one system call. What the frames mean is told
//! in `calls`, `stream`, `values` and `sockets`, each with a table here.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ipc::peer::frame::Tag;
use ipc::peer::head::{self, Scratch};
use ipc::peer::{Frame, Inbox, Kind, Outbox, PeerError, PeerSocket, Received};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::PeerLinks;
use super::calls::Calls;
use super::convert;
use super::sockets::Sockets;
use super::stream::Bodies;
use super::values::Values;
use crate::service::Error;

/// While so much waits to be written, bodies wait, and so do answers. Calls do not: their bounds are those of `calls`.
const MAX_UNSENT_BYTES: usize = 512 * 1024;

/// When passing a descriptor is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(1);

const ETOOMANYREFS: i32 = nix::errno::Errno::ETOOMANYREFS as i32;

/// Reads of one turn, so that other tasks get theirs.
const MAX_READS_PER_TURN: usize = 16;

/// Which end this process is of what a number names: the one that chose it, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Caller,
    Callee,
}

/// What a number names on a link, as this process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub side: Side,
    pub number: u64,
}

impl Key {
    /// This process has chosen the number.
    pub fn ours(number: u64) -> Self {
        Self {
            side: Side::Caller,
            number,
        }
    }

    /// The other process has.
    pub fn theirs(number: u64) -> Self {
        Self {
            side: Side::Callee,
            number,
        }
    }

    fn tag(self, kind: Kind) -> Tag {
        Tag {
            kind,
            from_callee: self.side == Side::Callee,
            end: false,
            call: self.number,
        }
    }
}

/// See the module.
pub struct Link {
    pub(super) links: Weak<PeerLinks>,
    /// Waited on for reading alone: the kernel reports room at every read of the other end, and each report is a wake-up.
    socket: AsyncFd<PeerSocket>,
    /// The same socket, waited on for room while it is full.
    full: RefCell<Option<AsyncFd<OwnedFd>>>,
    out: RefCell<Out>,
    driver: RefCell<Option<Waker>>,
    /// Tasks that wait for the buffer to be written.
    waiting_for_room: RefCell<Vec<Waker>>,
    /// The last number that this process has chosen.
    last_number: Cell<u64>,
    closed: Cell<bool>,
    pub(super) calls: Calls,
    pub(super) bodies: Bodies,
    pub(super) values: Values,
    pub(super) sockets: Sockets,
}

#[derive(Default)]
struct Out {
    outbox: Outbox,
    scratch: Scratch,
}

impl Link {
    pub fn new(links: &Rc<PeerLinks>, socket: OwnedFd) -> io::Result<Rc<Self>> {
        let socket = PeerSocket::new(socket)?;
        // SAFETY: the socket owns its descriptor and never changes it.
        #[allow(unsafe_code)]
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Rc::new(Self {
            links: Rc::downgrade(links),
            socket,
            full: RefCell::default(),
            out: RefCell::default(),
            driver: RefCell::default(),
            waiting_for_room: RefCell::default(),
            last_number: Cell::new(0),
            closed: Cell::new(false),
            calls: Calls::default(),
            bodies: Bodies::default(),
            values: Values::default(),
            sockets: Sockets::default(),
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
            if self.poll_write(cx).is_ready() {
                return Poll::Ready(None);
            }
            self.poll_answer(cx, &mut inbox)
        })
        .await
    }

    /// Looks for an answer that is likely to come at once: see `patience`. Other tasks have their turns in between.
    fn poll_answer(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
    ) -> Poll<Option<PeerError>> {
        if !self.calls.expects_answer() {
            return Poll::Pending;
        }
        match self.socket.get_ref().receive(inbox) {
            Ok(Received::Closed) => return Poll::Ready(None),
            Ok(_) => {
                if let Err(error) = self.on_frames(inbox) {
                    return Poll::Ready(Some(error));
                }
            }
            // Whatever else is wrong is seen when the socket is read in its turn.
            Err(_) => std::thread::yield_now(),
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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
            if let Err(error) = self.on_frames(inbox) {
                return Poll::Ready(Some(error));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn on_frames(self: &Rc<Self>, inbox: &mut Inbox) -> Result<(), PeerError> {
        while let Some(frame) = inbox.next_frame()? {
            self.on_frame(frame)?;
        }
        Ok(())
    }

    /// Ready when the other end is gone.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.out.borrow().outbox.is_empty() {
            if let Some(full) = self.full.borrow().as_ref() {
                let Ok(mut ready) = ready!(full.poll_write_ready(cx)) else {
                    return Poll::Ready(());
                };
                ready.clear_ready();
            }
            let sent = self
                .socket
                .get_ref()
                .send(&mut self.out.borrow_mut().outbox);
            match sent {
                Ok(()) => _ = self.full.take(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wait_for_room().is_err() {
                        return Poll::Ready(());
                    }
                }
                // The kernel bounds the descriptors that are on their way.
                Err(error) if error.raw_os_error() == Some(ETOOMANYREFS) => {
                    let driver = cx.waker().clone();
                    tokio::task::spawn_local(async move {
                        tokio::time::sleep(RETRY_AFTER).await;
                        driver.wake();
                    });
                    return Poll::Pending;
                }
                Err(_) => return Poll::Ready(()),
            }
            self.wake_waiting();
        }
        self.wake_waiting();
        Poll::Pending
    }

    fn wait_for_room(&self) -> io::Result<()> {
        if self.full.borrow().is_none() {
            let socket = self.socket.get_ref().as_fd().try_clone_to_owned()?;
            // SAFETY: the descriptor is owned, and nothing changes it.
            #[allow(unsafe_code)]
            let full = unsafe { AsyncFd::register_with_interest(socket, Interest::WRITABLE) }?;
            self.full.replace(Some(full));
        }
        Ok(())
    }

    fn wake_waiting(&self) {
        if self.unsent_bytes() < MAX_UNSENT_BYTES {
            let waiting = self.waiting_for_room.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    pub fn unsent_bytes(&self) -> usize {
        self.out.borrow().outbox.len()
    }

    /// Whether a body or an answer may be written to the buffer; if not, the task is woken later.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> bool {
        let room = self.closed.get() || self.unsent_bytes() < MAX_UNSENT_BYTES;
        if !room {
            self.waiting_for_room.borrow_mut().push(cx.waker().clone());
        }
        room
    }

    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// The other process is gone: ends everything that is under way with it.
    pub fn close(&self) {
        self.closed.set(true);
        self.calls.close();
        self.bodies.close();
        self.values.close();
        self.sockets.close();
        self.waiting_for_room
            .take()
            .into_iter()
            .for_each(Waker::wake);
    }

    /// A number that nothing has on this link.
    pub fn new_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    /// Puts a frame into the buffer, to be written at the end of the turn. False when it is too long.
    pub fn send(
        &self,
        kind: Kind,
        key: Key,
        write: impl FnOnce(&mut Scratch, &mut Vec<u8>),
    ) -> bool {
        self.send_tagged(key.tag(kind), Vec::new(), write)
    }

    /// The same with descriptors.
    pub fn send_with_fds(
        &self,
        kind: Kind,
        key: Key,
        fds: Vec<OwnedFd>,
        write: impl FnOnce(&mut Scratch, &mut Vec<u8>),
    ) -> bool {
        self.send_tagged(key.tag(kind), fds, write)
    }

    fn send_tagged(
        &self,
        tag: Tag,
        fds: Vec<OwnedFd>,
        write: impl FnOnce(&mut Scratch, &mut Vec<u8>),
    ) -> bool {
        if self.closed.get() {
            return true;
        }
        let Out { outbox, scratch } = &mut *self.out.borrow_mut();
        let written = outbox.frame_with_fds(tag, fds, |out| write(scratch, out));
        if let Some(driver) = self.driver.borrow().as_ref() {
            driver.wake_by_ref();
        }
        written
    }

    pub fn send_last_chunk(&self, key: Key) {
        let tag = key.tag(Kind::Chunk);
        self.send_tagged(Tag { end: true, ..tag }, Vec::new(), |_, _| {});
    }

    /// A body or signal ends with an error.
    pub fn send_broken(&self, key: Key, error: &Error) {
        let failure = convert::failure_head(error);
        self.send(Kind::Broken, key, |scratch, out| {
            failure.write(scratch, out);
        });
    }

    fn on_frame(self: &Rc<Self>, frame: Frame<'_>) -> Result<(), PeerError> {
        let key = Key {
            side: if frame.from_callee {
                Side::Caller
            } else {
                Side::Callee
            },
            number: frame.call,
        };
        self.values.expect_parts(frame.kind)?;
        match (frame.kind, key.side) {
            (Kind::Chunk, _) => self.on_chunk(key, frame.payload, frame.end),
            (Kind::Call, Side::Callee) => self.on_call(frame.call, frame.payload),
            (Kind::Answer, Side::Caller) => self.on_answer(frame.call, frame.payload, frame.fds),
            (Kind::Cancel, Side::Callee) => {
                self.on_cancel(frame.call);
                Ok(())
            }
            (Kind::Broken, _) => {
                let error = head::read_failure(frame.payload, |failure| convert::error(&failure))?;
                self.signal_lost(key, &error);
                self.on_broken(key, error);
                Ok(())
            }
            (Kind::Credit, _) => self.on_credit(key, frame.payload),
            (Kind::Stop, _) => {
                self.end_signal(key);
                self.drop_socket(key);
                self.on_stop(key, frame.payload)
            }
            (Kind::Part, _) => self.values.add_part(frame.payload),
            (Kind::Release, Side::Caller) => {
                self.release(frame.call);
                Ok(())
            }
            (Kind::Signal, Side::Callee) => self.on_signal(frame.call, frame.payload),
            (Kind::Open, Side::Caller) => {
                self.on_open(frame.call);
                Ok(())
            }
            (Kind::Socket, Side::Caller) => self.on_socket(frame.call, frame.payload, frame.fds),
            _ => Err(PeerError::OutOfTurn("a frame of the wrong side")),
        }
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.calls.is_idle()
            && self.bodies.is_idle()
            && self.values.is_idle()
            && self.sockets.is_idle()
    }

    #[cfg(test)]
    pub fn shut_down(&self) {
        let socket = std::os::fd::AsRawFd::as_raw_fd(self.socket.get_ref());
        nix::sys::socket::shutdown(socket, nix::sys::socket::Shutdown::Both).unwrap();
    }
}
