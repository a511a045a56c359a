//! One object of a namespace, between its lives and in them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::context::ActorContext;
use super::gates::Queue;
use crate::service::websocket::Hibernation;
use crate::service::{ActorId, Error};
use crate::storage::ObjectLock;

/// An object that has callers or WebSockets, or is live.
pub(super) struct Actor {
    pub(super) id: ActorId,
    pub(super) name: RefCell<Option<String>>,
    pub(super) queue: Rc<Queue>,
    /// What stays open between its lives.
    pub(super) sockets: Rc<Hibernation>,
    pub(super) live: RefCell<Option<Rc<ActorContext>>>,
    /// The number of its last life.
    pub(super) last_number: Cell<u64>,
    /// Whether its storage is open, if only to be closed.
    pub(super) open: Cell<bool>,
    /// Held while it is.
    pub(super) lock: RefCell<Option<ObjectLock>>,
    /// Told when a life has ended, and when the last call has.
    pub(super) ended: Notify,
    /// Calls under way.
    pub(super) calls: Cell<usize>,
    /// Calls there have been, the ones under way included.
    pub(super) total_calls: Cell<u64>,
    pub(super) idle_since: Cell<Instant>,
    /// Whether it is in the namespace's list of idle objects.
    pub(super) listed: Cell<bool>,
}

impl Actor {
    pub(super) fn new(id: ActorId) -> Self {
        Self {
            id,
            name: RefCell::new(None),
            queue: Rc::default(),
            sockets: Rc::default(),
            live: RefCell::new(None),
            last_number: Cell::new(0),
            open: Cell::new(false),
            lock: RefCell::new(None),
            ended: Notify::new(),
            calls: Cell::new(0),
            total_calls: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            listed: Cell::new(false),
        }
    }

    /// Whether it is live, or somebody calls it and so makes it so, or it has not ended quite yet.
    pub(super) fn is_running(&self) -> bool {
        self.calls.get() > 0 || self.open.get()
    }

    /// Waits until nobody calls it or holds objects of it.
    pub(super) async fn idle(&self) {
        while self.calls.get() > 0 {
            self.ended.notified().await;
        }
    }

    /// Ends its life as idleness does, and waits until its storage is closed.
    pub(super) async fn end_life(&self) {
        let live = self.live.borrow().clone();
        if let Some(live) = live {
            live.end();
        }
        let number = self.last_number.get();
        while self.open.get() && self.last_number.get() == number {
            self.ended.notified().await;
        }
    }

    /// Breaks it, if it is live.
    pub(super) fn abort(&self, error: Error) {
        let live = self.live.borrow().clone();
        if let Some(live) = live {
            live.break_with(error);
        }
    }
}
