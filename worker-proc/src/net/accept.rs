//! Accepts connections on this process's listeners, and on a sibling's while that is down.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::AbortHandle;

use crate::http::Server;
use crate::http::server::Endpoint;
use crate::log;

/// After an error of `accept` (no descriptors left, say) the listener waits this long.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// While connections are at their limit, the listener looks again this often.
const FULL_RETRY: Duration = Duration::from_millis(10);

/// The listeners of one process, with the tasks that accept on them.
pub struct Doors {
    doors: RefCell<Vec<Door>>,
    endpoints: HashMap<usize, Rc<Endpoint>>,
    server: Rc<Server>,
}

struct Door {
    slot: u32,
    state: DoorState,
    endpoint: Rc<Endpoint>,
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
}

impl Doors {
    /// Takes the supervisor's listeners; nothing is accepted yet.
    pub fn new(
        listeners: Vec<ipc::Listener>,
        sockets: Vec<(usize, Option<Rc<Endpoint>>)>,
        server: Rc<Server>,
    ) -> Rc<Self> {
        let endpoints = sockets
            .into_iter()
            .filter_map(|(index, endpoint)| Some((index, endpoint?)))
            .collect();
        let doors = Self {
            doors: RefCell::default(),
            endpoints,
            server,
        };
        doors.add(listeners);
        Rc::new(doors)
    }

    fn add(&self, listeners: Vec<ipc::Listener>) {
        for listener in listeners {
            if let Some(endpoint) = self.endpoints.get(&listener.socket).cloned() {
                let state = DoorState::Bound(listener.fd, listener.kind);
                self.doors.borrow_mut().push(Door {
                    slot: listener.slot,
                    state,
                    endpoint,
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
                        let (server, endpoint, accepting) =
                            (self.server.clone(), door.endpoint.clone(), listener.clone());
                        let task = tokio::task::spawn_local(async move {
                            accept_all(&server, &accepting, &endpoint).await;
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
                // To their clients, queued connections are open.
                while accept_queued(&self.server, &listener, &door.endpoint).is_ok() {}
            }
        }
    }
}

/// Takes a connection from the queue. Asks the kernel, where [`accept`] asks what the event loop knew at its last turn.
fn accept_queued(
    server: &Rc<Server>,
    listener: &Listening,
    endpoint: &Rc<Endpoint>,
) -> std::io::Result<()> {
    let (socket, _) = match listener {
        Listening::Tcp(listener) => SockRef::from(listener).accept()?,
        Listening::Unix(listener) => SockRef::from(listener).accept()?,
    };
    socket.set_nonblocking(true)?;
    match listener {
        Listening::Tcp(_) => {
            socket.set_tcp_nodelay(true)?;
            let stream = TcpStream::from_std(socket.into())?;
            tokio::task::spawn_local(server.clone().connection(stream, endpoint.clone()));
        }
        Listening::Unix(_) => {
            let stream = UnixStream::from_std(OwnedFd::from(socket).into())?;
            tokio::task::spawn_local(server.clone().connection(stream, endpoint.clone()));
        }
    }
    Ok(())
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
    }
}

async fn accept(
    server: &Rc<Server>,
    listener: &Listening,
    endpoint: &Rc<Endpoint>,
) -> std::io::Result<()> {
    match listener {
        Listening::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // Answers are written whole: waiting for more would only delay them.
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(server.clone().connection(stream, endpoint.clone()));
        }
        Listening::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            tokio::task::spawn_local(server.clone().connection(stream, endpoint.clone()));
        }
    }
    Ok(())
}

async fn accept_all(server: &Rc<Server>, listener: &Listening, endpoint: &Rc<Endpoint>) {
    loop {
        if server.is_full() {
            tokio::time::sleep(FULL_RETRY).await;
        } else if accept(server, listener, endpoint).await.is_err() {
            tokio::time::sleep(ACCEPT_RETRY).await;
        }
    }
}
