//! Accepts connections on this process's listeners, and on a sibling's while that is down.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ipc::metrics::{self, Limit};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::task::AbortHandle;

use super::datagrams::{self, UdpEndpoint};
use super::stream::Accepted;
use super::{start_tls, tls};
use crate::http::server::{Counted, Endpoint, Peer};
use crate::http::{Server, lacked_descriptors};
use crate::interop;
use crate::log;
use crate::service::websocket::ByteStream;
use crate::service::{Connect, DebugPort, Service, Tls, channel, tunnel};

/// After an error of `accept` (no descriptors left, say) the listener waits this long.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// While connections are at their limit, the listener looks again this often.
const FULL_RETRY: Duration = Duration::from_millis(10);

/// The listeners of one process, with the tasks that accept on them.
pub struct Doors {
    doors: RefCell<Vec<Door>>,
    entrances: HashMap<usize, Rc<FrontDoor>>,
    server: Rc<Server>,
}

struct Door {
    slot: u32,
    state: DoorState,
    entrance: Rc<FrontDoor>,
}

/// What is behind the connections of one socket of the config.
pub struct FrontDoor {
    pub inside: Inside,
    pub tls: Option<tls::Server>,
    /// Where its connections are counted.
    pub metrics: &'static metrics::Socket,
    /// Connections are encrypted when the service asks for it.
    pub starts_tls: bool,
}

/// What is spoken there, and who answers.
#[derive(Clone)]
pub enum Inside {
    Http(Rc<Endpoint>),
    Tcp(Rc<TcpEndpoint>),
    Udp(Rc<UdpEndpoint>),
    /// Other instances, by Cap'n Proto RPC.
    Instances(Rc<dyn DebugPort>),
}

/// What the connections of a TCP socket share.
pub struct TcpEndpoint {
    pub service: Rc<dyn Service>,
    /// The address that clients connect to, as the config has it.
    pub address: String,
}

/// A socket is watched only once it listens: before, the kernel reports it as hung up, which sticks.
enum DoorState {
    Bound(OwnedFd, ipc::ListenerKind),
    Accepting(Rc<Listening>, AbortHandle),
    Broken,
}

enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
    Udp(Rc<UdpSocket>),
}

impl Doors {
    /// Takes the supervisor's listeners; nothing is accepted yet.
    pub fn new(
        listeners: Vec<ipc::Listener>,
        entrances: HashMap<usize, Rc<FrontDoor>>,
        server: Rc<Server>,
    ) -> Rc<Self> {
        let doors = Self {
            doors: RefCell::default(),
            entrances,
            server,
        };
        doors.add(listeners);
        Rc::new(doors)
    }

    fn add(&self, listeners: Vec<ipc::Listener>) {
        for listener in listeners {
            if let Some(entrance) = self.entrances.get(&listener.socket).cloned() {
                let state = DoorState::Bound(listener.fd, listener.kind);
                self.doors.borrow_mut().push(Door {
                    slot: listener.slot,
                    state,
                    entrance,
                });
            }
        }
    }

    /// Begins to accept; the listeners listen by now.
    pub fn open(&self) {
        for door in self.doors.borrow_mut().iter_mut() {
            door.state = match std::mem::replace(&mut door.state, DoorState::Broken) {
                DoorState::Bound(fd, kind) => match watch(fd, kind) {
                    Ok(listening) => {
                        let listener = Rc::new(listening);
                        let (server, entrance, accepting) =
                            (self.server.clone(), door.entrance.clone(), listener.clone());
                        let task = tokio::task::spawn_local(async move {
                            accept_all(&server, &accepting, &entrance).await;
                        });
                        DoorState::Accepting(listener, task.abort_handle())
                    }
                    Err(error) => {
                        log::error(format_args!("a listening socket cannot be used: {error}"));
                        DoorState::Broken
                    }
                },
                state => state,
            };
        }
    }

    /// Accepts for a sibling that is down, too.
    pub fn adopt(&self, listeners: Vec<ipc::Listener>) {
        self.add(listeners);
        self.open();
    }

    /// The sibling of that slot is back.
    pub fn release(&self, slot: u32) {
        self.doors.borrow_mut().retain(|door| {
            if door.slot == slot
                && let DoorState::Accepting(_, task) = &door.state
            {
                task.abort();
            }
            door.slot != slot
        });
    }

    /// Takes what already waits in the queues, then stops accepting.
    pub async fn close(&self) {
        let doors = std::mem::take(&mut *self.doors.borrow_mut());
        for door in &doors {
            if let DoorState::Accepting(_, task) = &door.state {
                task.abort();
            }
        }
        // The tasks let go of the listeners, which then close right after their last connection is taken.
        tokio::task::yield_now().await;
        for door in doors {
            if let DoorState::Accepting(listener, _) = door.state {
                // To their clients, queued connections are open; datagrams may be lost.
                while let Ok(stream) = accept_queued(&listener) {
                    door.entrance.serve(&self.server, stream);
                }
            }
        }
    }
}

/// Takes a connection from the queue. Asks the kernel, where [`accept`] asks what the event loop knew at its last turn.
fn accept_queued(listener: &Listening) -> std::io::Result<Accepted> {
    let (socket, _) = match listener {
        Listening::Tcp(listener) => SockRef::from(listener).accept()?,
        Listening::Unix(listener) => SockRef::from(listener).accept()?,
        Listening::Udp(_) => return Err(no_connections()),
    };
    socket.set_nonblocking(true)?;
    match listener {
        Listening::Tcp(_) => Accepted::tcp(TcpStream::from_std(socket.into())?),
        Listening::Unix(_) => {
            UnixStream::from_std(OwnedFd::from(socket).into()).map(Accepted::unix)
        }
        Listening::Udp(_) => Err(no_connections()),
    }
}

fn no_connections() -> std::io::Error {
    std::io::ErrorKind::Unsupported.into()
}

fn watch(fd: OwnedFd, kind: ipc::ListenerKind) -> std::io::Result<Listening> {
    match kind {
        ipc::ListenerKind::Tcp => {
            let listener = std::net::TcpListener::from(fd);
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener).map(Listening::Tcp)
        }
        ipc::ListenerKind::Unix => {
            let listener = std::os::unix::net::UnixListener::from(fd);
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener).map(Listening::Unix)
        }
        ipc::ListenerKind::Udp => {
            let socket = std::net::UdpSocket::from(fd);
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket).map(|socket| Listening::Udp(Rc::new(socket)))
        }
    }
}

async fn accept(listener: &Listening) -> std::io::Result<Accepted> {
    match listener {
        Listening::Tcp(listener) => Accepted::tcp(listener.accept().await?.0),
        Listening::Unix(listener) => Ok(Accepted::unix(listener.accept().await?.0)),
        Listening::Udp(_) => Err(no_connections()),
    }
}

async fn accept_all(server: &Rc<Server>, listener: &Listening, entrance: &FrontDoor) {
    if let (Listening::Udp(socket), Inside::Udp(endpoint)) = (listener, &entrance.inside) {
        datagrams::serve(server, socket, endpoint).await;
    }
    let mut was_full = false;
    loop {
        let is_full = server.is_full();
        if is_full && !was_full {
            Limit::Connections.hit();
        }
        was_full = is_full;
        if is_full {
            tokio::time::sleep(FULL_RETRY).await;
            continue;
        }
        match accept(listener).await {
            Ok(stream) => entrance.serve(server, stream),
            Err(error) => {
                lacked_descriptors(&error, "a connection cannot be accepted").await;
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

impl FrontDoor {
    fn serve(&self, server: &Rc<Server>, stream: Accepted) {
        self.metrics.accepted.add(1);
        if let (Some(tls), Inside::Tcp(endpoint), true) = (&self.tls, &self.inside, self.starts_tls)
        {
            let (held, within) = (server.hold(), server.handshake_timeout());
            let relay = start_tls::relay(held, tls.clone(), stream, within, endpoint.clone());
            tokio::task::spawn_local(relay);
            return;
        }
        let peer = stream.clone();
        let (client, remote) = match &self.inside {
            Inside::Http(endpoint) if endpoint.options.cf_blob.is_some() => (None, None),
            Inside::Http(_) => (stream.client(), None),
            Inside::Tcp(_) | Inside::Udp(_) => (None, stream.peer()),
            Inside::Instances(_) => (None, None),
        };
        match &self.tls {
            None => {
                let opened = std::future::ready(Ok(stream));
                self.inside.serve(server, opened, peer, client, remote);
            }
            Some(tls) => {
                let opened = tls.accept(stream);
                self.inside.serve(server, opened, peer, client, remote);
            }
        }
    }
}

impl Inside {
    /// Serves a connection. `client` is JSON for `request.cf`, `remote` the address of who connects.
    pub fn serve<I: ByteStream + Send + 'static>(
        &self,
        server: &Rc<Server>,
        opened: impl Future<Output = std::io::Result<I>> + 'static,
        peer: impl Peer,
        client: Option<String>,
        remote: Option<String>,
    ) {
        match self {
            Self::Http(endpoint) => {
                let served = server
                    .clone()
                    .connection(opened, peer, client, endpoint.clone());
                tokio::task::spawn_local(served);
            }
            Self::Tcp(endpoint) => {
                let held = server.hold();
                let opened = tokio::time::timeout(server.handshake_timeout(), opened);
                tokio::task::spawn_local(relay(held, opened, endpoint.clone(), remote));
            }
            Self::Instances(port) => {
                let (held, port) = (server.hold(), port.clone());
                tokio::task::spawn_local(async move {
                    let _held = held;
                    if let Ok(stream) = opened.await {
                        interop::port::serve(stream, port).await;
                    }
                });
            }
            // Nobody connects there.
            Self::Udp(_) => {}
        }
    }
}

/// Connects a client with the service of a TCP socket.
async fn relay<I: ByteStream + 'static>(
    _held: Counted,
    opened: tokio::time::Timeout<impl Future<Output = std::io::Result<I>>>,
    endpoint: Rc<TcpEndpoint>,
    remote: Option<String>,
) {
    let mut stream = match opened.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return log::error(format_args!("TCP connection failed: {error}")),
        // Who is silent has nothing to be told.
        Err(_) => return,
    };
    let (writer, output) = channel(None);
    let connect = Connect {
        authority: endpoint.address.clone(),
        tls: Tls::Never,
        remote,
        is_datagrams: false,
        output,
    };
    // The worker's log has said why it refuses.
    if let Ok(connection) = endpoint.service.clone().connect(connect).await {
        tunnel::carry(&mut stream, connection.input, writer, None).await;
    }
}
