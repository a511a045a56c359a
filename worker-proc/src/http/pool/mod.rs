//! Connections to other servers: shared, kept for the next request, and never many.
//!
//! `client` asks for one, and is given one that is open or leave to open one. One shelf for the idle ones of all services of the
//! process, as what it bounds (descriptors) is the process's; one sweep closes what nobody has asked for, and ends when
//! nothing is left. From the bottom up: `shelf` keeps the idle ones, `unread` the
//! answers that may be given up, `connections` knows them all.

mod connections;
mod shelf;
mod unread;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use connections::Server;

pub use connections::{
    Connection, ConnectionSlot, Http1, Http2, Http2State, MAX_CONNECTIONS, MAX_STREAMS, Permit,
    Stream, Version, lacked_descriptors,
};

use crate::service::Error;

/// How long a request waits for a connection where there are as many as there may be.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How often it is looked for answers that keep connections in vain.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

thread_local! {
    static POOLS: Cell<u64> = const { Cell::new(0) };
}

/// The connections of one service.
#[derive(Clone)]
pub struct Pool {
    number: u64,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            number: POOLS.replace(POOLS.get() + 1),
        }
    }
}

/// What a request is sent on.
pub enum Checkout {
    /// It is open, and was used before or is by others.
    Open(Connection),
    /// One is to be opened.
    Permit(Permit),
}

impl Pool {
    /// A connection with a server. `may_share`: it may turn out to speak HTTP/2, so that it is better to wait for the first one
    /// than to open many.
    ///
    /// # Errors
    /// All that there may be are busy for [`MAX_WAIT`].
    pub async fn connection(&self, server: &str, may_share: bool) -> Result<Checkout, Error> {
        let server = Server::of(self.number, server);
        if let Some(found) = find(&server, may_share) {
            return Ok(found);
        }
        let waited = tokio::time::timeout(MAX_WAIT, async {
            loop {
                let mut changed = pin!(server.changed());
                // What changes from here on is not missed.
                changed.as_mut().enable();
                if let Some(found) = find(&server, may_share) {
                    return found;
                }
                server.free_one();
                let _ = tokio::time::timeout(LOOK_INTERVAL, changed).await;
            }
        });
        waited.await.map_err(|_| {
            Error::overloaded(format!(
                "All of {MAX_CONNECTIONS} connections to the server were in use for too long."
            ))
        })
    }
}

fn find(server: &Rc<Server>, may_share: bool) -> Option<Checkout> {
    if let Some(open) = server.take() {
        return Some(Checkout::Open(open));
    }
    server.permit(may_share).map(Checkout::Permit)
}
