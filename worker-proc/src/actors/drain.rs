//! From serving to the end: when alarms begin to fire, and how the objects of a process that is to end leave it.
//!
//! `boot` calls it for what the supervisor says. If another process replaces this one, an object leaves as soon as it is at
//! rest: its file is closed, its lock let go of, and what is called on it from then on goes to the successor (`namespace`). While
//! anything of it is under way here, calls made here still reach it here: what it does may wait for them. If nothing
//! replaces this process, objects go on being called until every process of the server has drained.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::actor::Actor;
use super::host::Host;
use super::namespace::Namespace;
use super::routes::{Routes, Stage};
use crate::service::{Address, Error, Service};

/// How often objects that are to leave are looked at. A call's end is seen at once; the end of other work, then.
const LOOK: Duration = Duration::from_millis(20);

/// How long closing files may take once the time to drain is over; the supervisor gives a process twice that.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

impl Host {
    /// The process serves: its objects' alarms fire from now on.
    pub fn serve(self: &Rc<Self>) {
        for namespace in self.all() {
            namespace.watch_alarms();
        }
    }

    /// The process is to end. Objects at rest leave at once, if another process replaces this one; clients with hibernatable
    /// WebSockets are told to go away.
    pub fn begin_drain(self: &Rc<Self>) {
        if self.standing.stage() >= Stage::Draining {
            return;
        }
        self.standing.set_stage(Stage::Draining);
        let host = self.clone();
        tokio::task::spawn_local(async move {
            while host.standing.stage() == Stage::Draining {
                host.consider_all();
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Ends when nothing of an object is under way here.
    pub async fn at_rest(&self) {
        let busy = |namespace: &Rc<Namespace>| {
            let actors = namespace.actors.borrow();
            actors.values().any(|actor| actor.is_busy())
        };
        while self.all().iter().any(busy) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends every object, whatever it does, and waits until their files are closed, but not beyond the time to drain. What
    /// waits for one goes to the successor, if there is one.
    pub async fn close(&self, end: Instant) {
        self.standing.set_stage(Stage::Closing);
        for namespace in self.all() {
            for actor in namespace.all() {
                let live = actor.live.borrow().clone();
                if let Some(live) = live {
                    live.end();
                }
            }
        }
        let open = |namespace: &Rc<Namespace>| namespace.all().iter().any(|actor| actor.open.get());
        let closed = async {
            while self.all().iter().any(open) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let end = end.max(Instant::now() + CLOSE_GRACE);
        if tokio::time::timeout_at(end, closed).await.is_err() {
            crate::log::error(
                "Not every Durable Object was closed before the process ended; what they had committed is safe.",
            );
        }
    }

    fn consider_all(&self) {
        for namespace in self.all() {
            for actor in namespace.all() {
                // They keep neither an object alive nor the process; their clients find the object where it lives on.
                actor.sockets.go_away();
                if let Some(live) = &*actor.live.borrow() {
                    live.close_sockets();
                }
                namespace.consider(&actor);
            }
        }
    }
}

impl Namespace {
    fn all(&self) -> Vec<Rc<Actor>> {
        self.actors.borrow().values().cloned().collect()
    }

    fn stage(&self) -> Stage {
        let standing = self.standing();
        standing.map_or(Stage::Closing, |standing| standing.stage())
    }

    /// Whether alarms are left for whoever comes after this process.
    pub(super) fn is_draining(&self) -> bool {
        self.stage() >= Stage::Draining
    }

    /// Whether the process that this one replaces is still there.
    pub(super) fn has_predecessor(&self) -> bool {
        self.routes().is_some_and(|routes| routes.has_predecessor())
    }

    fn routes(&self) -> Option<Rc<dyn Routes>> {
        self.standing()?.routes()
    }

    /// An object in the process that replaces this one, which makes none alive any more; none while this one does.
    ///
    /// # Errors
    /// The process ends, and nothing replaces it.
    pub(super) fn successor(&self, address: &Address) -> Result<Option<Rc<dyn Service>>, Error> {
        let stage = self.stage();
        if stage == Stage::Open {
            return Ok(None);
        }
        let successor = self.routes().and_then(|routes| routes.successor(address));
        if successor.is_none() && stage == Stage::Closing {
            return Err(Error::shutting_down());
        }
        Ok(successor)
    }

    /// Whether its objects are to leave for the process that replaces this one.
    pub(super) fn is_leaving(&self) -> bool {
        self.routes().is_some_and(|routes| routes.is_replaced())
    }
}

impl Actor {
    fn is_busy(&self) -> bool {
        let live = self.live.borrow();
        self.calls.get() > 0 || live.as_ref().is_some_and(|live| !live.is_at_rest())
    }
}
