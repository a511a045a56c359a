//! One link: its socket on the event loop, and the frames that come and go.
//!
//! Made by [`super::PeerLinks::add`], which runs [`Link::drive`] as a task. What is sent is written to the buffer of `sender`; the
//! driver writes that once tasks have had their turn, so that all of a turn goes in one system call. What the frames mean is
//! told in `outgoing`, `serving`, `stream`, `values` and `sockets`, each with a table here.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ipc::peer::head;
use ipc::peer::{Frame, Inbox, Kind, PeerError, PeerSocket, Received};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::convert;
use super::local::Local;
use super::outgoing::Outgoing;
use super::sender::{Key, Sender, Side};
use super::serving::Serving;
use super::sockets::Sockets;
use super::stream::Bodies;
use super::values::Values;

/// When passing a descriptor is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(1);

const ETOOMANYREFS: i32 = nix::errno::Errno::ETOOMANYREFS as i32;

/// Reads of one turn, so that other tasks get theirs.
const MAX_READS_PER_TURN: usize = 16;

/// See the module.
pub struct Link {
    /// Waited on for reading alone: the kernel reports room at every read of the other end, and each report is a wake-up.
    socket: AsyncFd<PeerSocket>,
    /// The same socket, waited on for room while it is full.
    full: RefCell<Option<AsyncFd<OwnedFd>>>,
    sender: Rc<Sender>,
    outgoing: Rc<Outgoing>,
    serving: Rc<Serving>,
    bodies: Rc<Bodies>,
    values: Rc<Values>,
    sockets: Rc<Sockets>,
}

impl Link {
    /// The far end calls what is `local` here.
    pub fn new(local: &Weak<Local>, socket: OwnedFd) -> io::Result<Rc<Self>> {
        let socket = PeerSocket::new(socket)?;
        // SAFETY: the socket owns its descriptor and never changes it.
        #[allow(unsafe_code)]
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        let sender = Rc::<Sender>::default();
        let bodies = Bodies::new(sender.clone());
        let sockets = Sockets::new(sender.clone(), bodies.clone(), local.clone());
        let sockets = Rc::new(sockets);
        let outgoing = Outgoing::new(&sender, &bodies, &sockets, local);
        let values = outgoing.values().clone();
        let serving = Serving::new(&sender, &bodies, &sockets, &values, local);
        Ok(Rc::new(Self {
            socket,
            full: RefCell::default(),
            sender,
            outgoing,
            serving,
            bodies,
            values,
            sockets,
        }))
    }

    /// What makes calls on it.
    pub fn calls(&self) -> Rc<Outgoing> {
        self.outgoing.clone()
    }

    /// Moves frames until the other end closes (`None`) or the link has to be closed for a reason.
    pub async fn drive(self: &Rc<Self>) -> Option<PeerError> {
        let mut inbox = Inbox::default();
        std::future::poll_fn(|cx| {
            self.sender.drive_by(cx.waker());
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
        if !self.outgoing.expects_answer() {
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
        while self.sender.unsent_bytes() > 0 {
            if let Some(full) = self.full.borrow().as_ref() {
                let Ok(mut ready) = ready!(full.poll_write_ready(cx)) else {
                    return Poll::Ready(());
                };
                ready.clear_ready();
            }
            let socket = self.socket.get_ref();
            let sent = self.sender.write(|outbox| socket.send(outbox));
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
            self.sender.wake_waiting();
        }
        self.sender.wake_waiting();
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

    /// The other process is gone: ends everything that is under way with it.
    pub fn close(&self) {
        self.sender.close();
        self.outgoing.close();
        self.serving.close();
        self.bodies.close();
        self.values.close();
        self.sockets.close();
        self.sender.closed();
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
            (Kind::Chunk, _) => self.bodies.on_chunk(key, frame.payload, frame.end),
            (Kind::Call, Side::Callee) => self.serving.on_call(frame.call, frame.payload),
            (Kind::Answer, Side::Caller) => {
                self.outgoing
                    .on_answer(frame.call, frame.payload, frame.fds)
            }
            (Kind::Cancel, Side::Callee) => {
                self.serving.on_cancel(frame.call);
                Ok(())
            }
            (Kind::Broken, _) => {
                let error = head::read_failure(frame.payload, |failure| convert::error(&failure))?;
                self.values.signal_lost(key, &error);
                self.bodies.on_broken(key, error);
                Ok(())
            }
            (Kind::Credit, _) => self.bodies.on_credit(key, frame.payload),
            (Kind::Stop, _) => {
                self.values.end_signal(key);
                self.sockets.discard(key);
                self.bodies.on_stop(key, frame.payload)
            }
            (Kind::Part, _) => self.values.add_part(frame.payload),
            (Kind::Release, Side::Caller) => {
                self.values.release(frame.call);
                Ok(())
            }
            (Kind::Signal, Side::Callee) => self.values.on_signal(frame.call, frame.payload),
            (Kind::Open, Side::Caller) => {
                self.sockets.on_open(frame.call);
                Ok(())
            }
            (Kind::Socket, Side::Caller) => {
                self.sockets.on_socket(frame.call, frame.payload, frame.fds)
            }
            _ => Err(PeerError::OutOfTurn("a frame of the wrong side")),
        }
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_idle()
            && self.serving.is_idle()
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
