//! The task of a live object: runs what is under way until the object is over, then closes its storage.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::stream::Stream;

use super::super::gates::Tag;
use super::{ActorContext, reset};
use crate::request::timer_turn;

/// What a critical section that lasts too long breaks the object with; workerd's text.
const SECTION_TIMED_OUT: &str = "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable Object was reset.";

/// The same for one that waits for what it holds back itself.
const SECTION_DEADLOCK: &str = "A critical section within this Durable Object awaited a Promise that apparently will never complete. This could happen in particular if a critical section awaits a task that was initiated outside of the critical section. Since a critical section blocks all other tasks from completing, this leads to deadlock.";

impl ActorContext {
    pub(super) async fn drive(self: Rc<Self>) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
        self.io.clear();
        drop(self.on_gone.take());
        self.instance.borrow_mut().take();
        let commits = self.commits.take();
        drop(commits);
        if let Some(facets) = self.facets.get() {
            facets.closed().await;
        }
        let store = self.store.take();
        self.sockets.end_life();
        if let Some(store) = store {
            // The turn that broke it may have gone on, and written more.
            store.undo();
            store.close().await;
        }
        self.closed.set(true);
        self.closing.notify_waiters();
        if let Some(owner) = self.owner.upgrade() {
            owner.ended(&self);
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.broken.borrow().is_some() {
                return Poll::Ready(());
            }
            // One at a time: a turn may close the gate to the next.
            if let Some(turn) = self.io.poll_op(cx) {
                self.turn(None, turn);
                continue;
            }
            while let Some(id) = self.io.poll_timer(cx) {
                self.due.borrow_mut().push_back(id);
            }
            match self.next_due() {
                Some((id, tag)) => self.turn(tag, timer_turn(id)),
                None => break,
            }
        }
        if self.poll_commits(cx) || self.poll_section(cx) {
            return Poll::Ready(());
        }
        self.io.park(cx);
        Poll::Pending
    }

    /// The first timer that is due and not held back.
    fn next_due(&self) -> Option<(u32, Tag)> {
        let mut due = self.due.borrow_mut();
        let tags = self.timer_tags.borrow();
        let tag = |id: &u32| tags.get(id).and_then(|timer| timer.tag.clone());
        let index = due.iter().position(|id| self.gate.is_open(&tag(id)))?;
        let id = due.remove(index)?;
        let tag = tag(&id);
        drop(tags);
        let mut tags = self.timer_tags.borrow_mut();
        if tags.get(&id).is_some_and(|timer| !timer.repeat) {
            tags.remove(&id);
        }
        Some((id, tag))
    }

    /// Opens the output gate for what is safe; whether the object broke by it.
    fn poll_commits(&self, cx: &mut Context<'_>) -> bool {
        loop {
            let polled = Pin::new(&mut *self.commits.borrow_mut()).poll_next(cx);
            match polled {
                Poll::Ready(Some(Ok(()))) => self.output.confirm(),
                Poll::Ready(Some(Err(error))) => {
                    self.break_with(error);
                    return true;
                }
                Poll::Ready(None) | Poll::Pending => return false,
            }
        }
    }

    /// Ends a critical section that lasts too long or can never end; whether it did.
    fn poll_section(&self, cx: &mut Context<'_>) -> bool {
        let late = self.section_clock.borrow_mut().poll_late(&self.gate, cx);
        if late {
            self.break_with(reset(SECTION_TIMED_OUT));
        } else if !self.gate.is_open(&None) && !self.may_move() {
            self.break_with(reset(SECTION_DEADLOCK));
        } else {
            return false;
        }
        true
    }

    /// Whether anything is under way that a critical section does not hold back, or may come from outside.
    fn may_move(&self) -> bool {
        self.io.op_count() > self.held.get() || self.exports.get() > 0 || self.has_open_timer()
    }

    fn has_open_timer(&self) -> bool {
        let timers = self.timer_tags.borrow();
        timers.values().any(|timer| self.gate.is_open(&timer.tag))
    }
}
