//! Accepts connections on this process's listeners, and on a sibling's while that is down.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

use crate::http::Server;
use crate::http::server::Endpoint;

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
    listener: Rc<Listening>,
    endpoint: Rc<Endpoint>,
    accepting: Option<AbortHandle>,
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
    ) -> Result<Rc<Self>, String> {
        let endpoints = sockets.into_iter().filter_map(|(index, endpoint)| Some((index, endpoint?))).collect();
        let doors = Rc::new(Self { doors: RefCell::default(), endpoints, server });
        doors.add(listeners)?;
        Ok(doors)
    }

    fn add(&self, listeners: Vec<ipc::Listener>) -> Result<(), String> {
        for listener in listeners {
            let Some(endpoint) = self.endpoints.get(&listener.socket).cloned() else { continue };
            let listening = adopt(listener.fd, listener.kind)
                .map_err(|error| format!("a listening socket cannot be used: {error}"))?;
            let door = Door { slot: listener.slot, listener: Rc::new(listening), endpoint, accepting: None };
            self.doors.borrow_mut().push(door);
        }
        Ok(())
    }

    /// Begins to accept.
    pub fn open(&self) {
        for door in self.doors.borrow_mut().iter_mut().filter(|door| door.accepting.is_none()) {
            let (server, listener, endpoint) = (self.server.clone(), door.listener.clone(), door.endpoint.clone());
            let task =
                tokio::task::spawn_local(async move { accept_all(&server, &listener, &endpoint).await });
            door.accepting = Some(task.abort_handle());
        }
    }

    /// Accepts for a sibling that is down, too.
    pub fn adopt(&self, listeners: Vec<ipc::Listener>) {
        if let Err(error) = self.add(listeners) {
            eprintln!("error: {error}");
        }
        self.open();
    }

    /// The sibling of that slot is back.
    pub fn release(&self, slot: u32) {
        self.doors.borrow_mut().retain(|door| {
            let keep = door.slot != slot;
            if !keep && let Some(task) = &door.accepting {
                task.abort();
            }
            keep
        });
    }

    /// Takes what already waits in the queues, then stops accepting.
    pub fn close(&self) {
        for door in self.doors.borrow_mut().drain(..) {
            if let Some(task) = &door.accepting {
                task.abort();
            }
            // To their clients, queued connections are open.
            while let Some(Ok(())) = accept(&self.server, &door.listener, &door.endpoint).now_or_never() {}
        }
    }
}

fn adopt(fd: OwnedFd, kind: ipc::ListenerKind) -> std::io::Result<Listening> {
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

async fn accept(server: &Rc<Server>, listener: &Listening, endpoint: &Rc<Endpoint>) -> std::io::Result<()> {
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
