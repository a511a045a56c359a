//! What an object's hibernatable WebSockets receive, delivered as events; an object that is not live is started for them.
//!
//! `host` starts a task for each accepted socket. An idle one is that task alone, and wakes nothing but what it is told.

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;

use super::context::ActorContext;
use super::host::{Actor, Begun, Call, Life, Namespace, Running};
use crate::service::Error;
use crate::service::websocket::{Hibernated, SocketEvent};

/// What an object ends with whose handler took longer than it allows; workerd's text.
const TIMED_OUT: &str = "Actor exceeded event execution time and was disconnected.";

impl Namespace {
    /// Tells an object of what one of its sockets receives, until the socket ends.
    pub(super) async fn watch(self: Rc<Self>, actor: Rc<Actor>, socket: Rc<Hibernated>) {
        while let Some(event) = actor.sockets.next(&socket).await {
            let last = event.is_last();
            // In a box, which an idle socket has not.
            let told = Box::pin(self.tell(&actor, &socket, event)).await;
            if told.is_err() {
                // The object cannot be started: nobody would ever hear of the socket.
                actor.sockets.lose(&socket);
                self.consider(&actor);
            } else if last {
                actor.sockets.end(socket.number);
                actor.sockets.let_go(&socket).await;
            }
        }
    }

    /// Delivers one event. Ends when its handler has begun: the socket's next event need not wait for what that awaits.
    async fn tell(
        self: &Rc<Self>,
        actor: &Rc<Actor>,
        socket: &Hibernated,
        event: SocketEvent,
    ) -> Result<(), Error> {
        let call = Call::new(self, actor);
        let limit = actor.sockets.event_timeout();
        let (place, number) = (actor.queue.enter(), socket.number);
        let life = Life::default();
        let address = self.address_of(actor);
        let begun = self.deliver(
            actor,
            &address,
            place,
            &life,
            move |scope, _, instance, id| {
                super::events::socket(scope, instance, id, number, event);
            },
        );
        // A connection stays with the process that has it.
        let Begun::Here(context, mut running) = begun.await? else {
            return Err(Error::disconnected("The Durable Object has moved."));
        };
        if (&mut running).now_or_never().is_none() {
            tokio::task::spawn_local(async move {
                finish(&context, running, limit).await;
                drop(call);
            });
        }
        Ok(())
    }
}

/// Waits for the end of an event. One that takes too long ends the object's life, which its sockets survive.
async fn finish(context: &ActorContext, running: Running, limit: Option<Duration>) {
    let ended = match limit {
        Some(limit) => tokio::time::timeout(limit, running).await.is_ok(),
        None => {
            let _ = running.await;
            true
        }
    };
    if !ended {
        context.break_with(Error::disconnected(TIMED_OUT));
    }
}
