//! The sending half of a link, which is all that its tables know of it: the frames that wait to be written, and their numbers.
//!
//! What tasks want to send they write to a buffer here; `link` writes that to its socket once they have had their turn, so that
//! all of a turn goes in one system call.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::task::{Context, Waker};

use ipc::peer::frame::Tag;
use ipc::peer::head::Scratch;
use ipc::peer::{Kind, Outbox};

use super::convert;
use crate::service::Error;

/// While so much waits to be written, bodies wait, and so do answers. Calls do not: their bounds are those of `outgoing`.
const MAX_UNSENT_BYTES: usize = 512 * 1024;

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
#[derive(Default)]
pub struct Sender {
    out: RefCell<Out>,
    /// Of the task that writes the buffer.
    driver: RefCell<Option<Waker>>,
    /// Tasks that wait for the buffer to be written.
    waiting_for_room: RefCell<Vec<Waker>>,
    /// The last number that this process has chosen.
    last_number: Cell<u64>,
    closed: Cell<bool>,
}

#[derive(Default)]
struct Out {
    outbox: Outbox,
    scratch: Scratch,
}

impl Sender {
    /// Says who is woken when there is something to write.
    pub fn drive_by(&self, driver: &Waker) {
        self.driver.replace(Some(driver.clone()));
    }

    /// Runs what writes the buffer.
    pub fn write<T>(&self, write: impl FnOnce(&mut Outbox) -> T) -> T {
        write(&mut self.out.borrow_mut().outbox)
    }

    pub fn unsent_bytes(&self) -> usize {
        self.out.borrow().outbox.len()
    }

    /// Wakes those who wait for room, if there is some.
    pub fn wake_waiting(&self) {
        if self.unsent_bytes() < MAX_UNSENT_BYTES {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        let waiting = self.waiting_for_room.take();
        waiting.into_iter().for_each(Waker::wake);
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

    /// The other process is gone: from now on nothing is sent, and what the tables are told to begin ends at once.
    pub fn close(&self) {
        self.closed.set(true);
    }

    /// The tables have ended what was under way.
    pub fn closed(&self) {
        self.wake_all();
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
}
