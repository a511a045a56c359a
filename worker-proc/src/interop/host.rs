//! `capnpConnectHost`: a CONNECT to that host opens a session of calls with the service of a socket, for what HTTP cannot say.

use std::future::Future;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use schema::instance_capnp::workerd_bootstrap;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{self, Line};
use super::events;
use super::remote::Remote;
use crate::service::{
    Connect, Connection, Error, Event, Request, Response, Service, Tls, rpc, tunnel,
};

/// Bytes on their way in one direction before the writer waits.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;

/// The service of a socket that others may call by that host.
pub fn behind(host: String, service: Rc<dyn Service>) -> Rc<dyn Service> {
    Rc::new(Host { host, service })
}

struct Host {
    host: String,
    service: Rc<dyn Service>,
}

impl Service for Host {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        self.service.clone().fetch(request)
    }

    fn connect(
        self: Rc<Self>,
        connect: Connect,
    ) -> LocalBoxFuture<'static, Result<Connection, Error>> {
        if connect.authority != self.host || connect.tls != Tls::Never {
            return self.service.clone().connect(connect);
        }
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(MAX_BUFFERED_BYTES);
            let bootstrap = events::serve(self.service.clone());
            tokio::task::spawn_local(connection::serve(far, bootstrap.client));
            Ok(tunnel::open(near, connect.output))
        })
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        self.service.clone().event(event)
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        self.service.clone().rpc(call)
    }
}

/// A service that such a session was opened with.
pub struct Session {
    line: Rc<Line<workerd_bootstrap::Client>>,
}

impl Session {
    /// By a connection that is being opened.
    pub fn open<S: AsyncRead + AsyncWrite + 'static>(
        opened: impl Future<Output = Result<S, Error>> + 'static,
    ) -> Self {
        let line = Line::new(opened);
        Self { line }
    }

    /// Whether it is of no use any more.
    pub fn is_over(&self) -> bool {
        self.line.is_closed()
    }

    pub fn service(&self) -> Rc<dyn Service> {
        Remote::new(
            self.line.clone(),
            |bootstrap: &workerd_bootstrap::Client| Ok(bootstrap.clone()),
        )
    }
}
