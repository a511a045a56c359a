//! What an object's hibernatable WebSockets receive, delivered as events; an object that is not live is started for them.
//!
//! `namespace` and `facets` start a task for each accepted socket. An idle one is that task alone, and wakes nothing but what it
//! is told.

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::context::ActorContext;
use super::stub::Running;
use crate::service::Error;
use crate::service::trace::SpanContext;
use crate::service::websocket::{Hibernated, Hibernation, SocketEvent};

/// What an object ends with whose handler took longer than it allows; workerd's text.
const TIMED_OUT: &str = "Actor exceeded event execution time and was disconnected.";

/// Whose the sockets are.
pub(super) trait Listener {
    fn sockets(&self) -> &Rc<Hibernation>;

    /// Delivers one event. Ends when its handler has begun: the socket's next event need not wait for what that awaits.
    /// `origin` has accepted the socket, as tail workers know it.
    fn tell(
        &self,
        socket: u32,
        origin: Option<SpanContext>,
        event: SocketEvent,
    ) -> LocalBoxFuture<'_, Result<(), Error>>;

    /// A socket is lost with nobody to tell.
    fn lost(&self) {}
}

/// Tells an object of what one of its sockets receives, until the socket ends.
pub(super) async fn watch(listener: impl Listener, socket: Rc<Hibernated>) {
    let sockets = listener.sockets().clone();
    while let Some(event) = sockets.next(&socket).await {
        let last = event.is_last();
        let told = listener.tell(socket.number, socket.origin.as_deref().copied(), event);
        if told.await.is_err() {
            // The object cannot be started: nobody would ever hear of the socket.
            sockets.lose(&socket);
            listener.lost();
        } else if last {
            sockets.end(socket.number);
            sockets.let_go(&socket).await;
        }
    }
}

/// Waits for the end of an event in the background, for which `call` is kept. One that takes too long ends the object's
/// life, which its sockets survive.
pub(super) fn finish(
    context: Rc<ActorContext>,
    mut running: Running,
    limit: Option<Duration>,
    call: impl Sized + 'static,
) {
    if (&mut running).now_or_never().is_some() {
        return;
    }
    tokio::task::spawn_local(async move {
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
        drop(call);
    });
}
