//! `loopback:` addresses: sockets of a test's config that only its own services reach, without the network.
//!
//! `boot` registers them, `connect` opens them. Only `workerd test` serves them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokio::io::DuplexStream;

use super::accept::Inside;
use crate::http::Server;
use crate::service::{Error, Service};

/// Bytes on their way in one direction before the writer waits.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct Loopback {
    server: Option<Rc<Server>>,
    insides: HashMap<&'static str, Inside>,
}

thread_local! {
    static LOOPBACK: RefCell<Loopback> = RefCell::default();
}

/// From now on, connections are served by this server.
pub fn serve_with(server: &Rc<Server>) {
    LOOPBACK.with_borrow_mut(|loopback| loopback.server = Some(server.clone()));
}

/// Adds the socket `loopback:name`.
pub fn register(name: &'static str, inside: Inside) {
    LOOPBACK.with_borrow_mut(|loopback| loopback.insides.insert(name, inside));
}

/// The service of the socket of that name, if it has that `capnpConnectHost`.
pub(super) fn direct(name: &str, host: &str) -> Option<Rc<dyn Service>> {
    LOOPBACK.with_borrow(|loopback| match loopback.insides.get(name)? {
        Inside::Http(endpoint) => {
            let named = endpoint.options.capnp_connect_host.as_deref() == Some(host);
            named.then(|| endpoint.service.clone())
        }
        Inside::Tcp(_) | Inside::Udp(_) | Inside::Instances(_) => None,
    })
}

/// Connects to the socket of that name.
pub(super) fn connect(name: &str) -> Result<DuplexStream, Error> {
    LOOPBACK.with_borrow(|loopback| {
        let (Some(server), Some(inside)) = (&loopback.server, loopback.insides.get(name)) else {
            return Err(Error::disconnected(format!(
                "There is no socket \"loopback:{name}\" here."
            )));
        };
        let (near, far) = tokio::io::duplex(MAX_BUFFERED_BYTES);
        let opened = std::future::ready(Ok(far));
        inside.serve(server, opened, (), None, None);
        Ok(near)
    })
}
