//! `loopback:` addresses: sockets of a test's config that only its own services reach, without the network.
//!
//! `boot` registers them, `connect` opens them. Only `workerd test` serves them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::io::DuplexStream;

use crate::http::Server;
use crate::http::server::Endpoint;
use crate::service::Error;

/// Bytes on their way in one direction before the writer waits.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct Loopback {
    server: Option<Rc<Server>>,
    endpoints: HashMap<&'static str, Rc<Endpoint>>,
}

thread_local! {
    static LOOPBACK: RefCell<Loopback> = RefCell::default();
}

/// From now on, connections are served by this server.
pub fn serve_with(server: &Rc<Server>) {
    LOOPBACK.with_borrow_mut(|loopback| loopback.server = Some(server.clone()));
}

/// Adds the socket `loopback:name`.
pub fn register(name: &'static str, endpoint: Rc<Endpoint>) {
    LOOPBACK.with_borrow_mut(|loopback| loopback.endpoints.insert(name, endpoint));
}

/// Connects to the socket of that name.
pub(super) fn connect(name: &str) -> Result<DuplexStream, Error> {
    LOOPBACK.with_borrow(|loopback| {
        let (Some(server), Some(endpoint)) = (&loopback.server, loopback.endpoints.get(name))
        else {
            return Err(Error::disconnected(format!(
                "There is no socket \"loopback:{name}\" here."
            )));
        };
        let (near, far) = tokio::io::duplex(MAX_BUFFERED_BYTES);
        tokio::task::spawn_local(server.clone().connection(
            std::future::ready(Ok(far)),
            std::future::pending(),
            None,
            endpoint.clone(),
        ));
        Ok(near)
    })
}
