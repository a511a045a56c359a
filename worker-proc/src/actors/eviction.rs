//! Ends objects from outside, as tests ask for it: what idleness does after a while, and what a failure does, at once.
//!
//! `api/cloudflare/actors/unsafe.js` asks through [`Objects`].

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, try_join_all};

use super::actor::Actor;
use super::host::Host;
use crate::glue::context::ActorIo;
use crate::service::{Address, Error, Kind, Objects};

/// How long an eviction waits for the object's calls to end, as on workerd.
const MAX_EVICTION_WAIT: Duration = Duration::from_secs(30);

const STILL_USED: &str =
    "Timed out waiting to evict Durable Object: it still has active references.";

fn refused(message: &str) -> Error {
    Error::new(Kind::Worker, message)
}

/// Ends the object's life once it has no caller.
async fn evict(actor: Rc<Actor>, close: bool) -> Result<(), Error> {
    tokio::time::timeout(MAX_EVICTION_WAIT, actor.idle())
        .await
        .map_err(|_| refused(STILL_USED))?;
    actor.end_life().await;
    if close {
        actor.sockets.clear();
    }
    Ok(())
}

impl Objects for Host {
    fn evict(&self, address: &Address, close: bool) -> LocalBoxFuture<'static, Result<(), Error>> {
        let namespace = self.namespace(&address.namespace);
        let actor = namespace.map(|namespace| match namespace.is_evictable() {
            true => namespace.running(&address.id).ok_or_else(|| {
                refused("Cannot evict Durable Object: it is not currently running.")
            }),
            false => Err(refused(
                "Cannot evict Durable Object: its namespace has preventEviction set.",
            )),
        });
        Box::pin(async move {
            let actor = actor.ok_or_else(|| refused("This namespace is not this server's."))??;
            evict(actor, close).await
        })
    }

    fn evict_all(&self, close: bool) -> LocalBoxFuture<'static, Result<(), Error>> {
        let all: Vec<_> = self
            .all_running()
            .into_iter()
            .map(|actor| evict(actor, close))
            .collect();
        Box::pin(async move { try_join_all(all).await.map(drop) })
    }

    fn abort_all(&self, error: Error) {
        for actor in self.all_running() {
            actor.abort(error.clone());
        }
    }

    fn delete_all(&self, error: Error) {
        for actor in self.all_running() {
            actor.forget_stored();
            actor.abort(error.clone());
        }
        let all = self.all();
        for namespace in all.iter().filter(|namespace| namespace.is_evictable()) {
            let Some(schedule) = namespace.stores().schedule() else {
                continue;
            };
            if let Err(error) = schedule.delete_all() {
                crate::log::error(format_args!("deleting alarms: {}", error.message()));
            }
        }
    }
}

impl Actor {
    /// Deletes what a live object has stored. One whose storage is broken keeps it.
    fn forget_stored(&self) {
        let live = self.live.borrow().clone();
        let Some(storage) = live.and_then(|live| live.storage()) else {
            return;
        };
        storage.abandon();
        let deleted = storage.delete_all(true).and_then(|_| storage.commit());
        if let Err(error) = deleted {
            crate::log::error(format_args!("deleting an object: {}", error.message()));
        }
    }
}

impl Host {
    /// Every live object of the namespaces whose objects may be ended so.
    fn all_running(&self) -> Vec<Rc<Actor>> {
        let all = self.all();
        let evictable = all.iter().filter(|namespace| namespace.is_evictable());
        evictable
            .flat_map(|namespace| namespace.running_ones())
            .collect()
    }
}
