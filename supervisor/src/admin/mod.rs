//! The admin pages: what the server's processes and its live Durable Objects do, for people and programs that may reach
//! the address of `--admin-addr`.
//!
//! Served by the supervisor itself, in its poll loop (`lifecycle::admin`), so that the pages are there while processes
//! crash, hang or reload. They only read: nothing can be changed here. Without a login, so only on this machine: a
//! loopback address, or a Unix socket that its owner alone may open. `http` reads requests, `objects` gathers what
//! processes say, `page` writes HTML.

pub mod http;
pub mod objects;
pub mod page;
pub mod processes;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::sockets::address::{Address, resolve};
use crate::sockets::bind::{BoundListener, bind};
use http::{Refusal, Request, Response};

/// Connections open at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
/// From a connection's opening to the end of its request's head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to take nobody in when the system has no descriptor for one.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long the processes may take to say what they have.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a client may take to read its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long, and how many bytes, a client may go on sending after its answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_LINGER_BYTES: usize = 64 * 1024;

/// Where the pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    Loopback(SocketAddr),
    Unix(PathBuf),
}

/// Reads `--admin-addr`.
pub fn address(text: &str) -> Result<AdminAddress, String> {
    const WANTED: &str = "the admin pages have no login, so they take a loopback address with a port, such as 127.0.0.1:9090, or \
                          unix:<path>";
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if !text.starts_with("unix:") && !text.rsplit_once(':').is_some_and(|(_, port)| is_port(port)) {
        return Err(WANTED.into());
    }
    match resolve(text, 0).map_err(|error| error.to_string())? {
        Address::Unix(path) if !path.as_os_str().is_empty() => Ok(AdminAddress::Unix(path)),
        Address::Inet(all) if all.iter().all(|one| is_loopback(one.ip())) => all
            .first()
            .map(|one| AdminAddress::Loopback(*one))
            .ok_or(WANTED.into()),
        _ => Err(WANTED.into()),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The listener and the connections of the pages.
pub struct Admin {
    listener: BoundListener,
    /// The host of requests is checked: anybody's browser can send to a port, and not to a file.
    tcp: bool,
    connections: Vec<Connection>,
    last_number: u64,
    /// Nobody is taken in before.
    paused_until: Option<Instant>,
}

struct Connection {
    number: u64,
    socket: Socket,
    state: State,
    /// When to give it up.
    deadline: Instant,
}

enum State {
    Reading(Vec<u8>),
    /// Processes have been asked.
    Waiting {
        head: bool,
    },
    Writing {
        bytes: Vec<u8>,
        written: usize,
    },
    /// The answer is out, and the client may still be sending.
    Lingering {
        left: usize,
    },
}

impl Admin {
    /// Binds and listens.
    pub fn open(address: &AdminAddress) -> io::Result<Self> {
        let listener = match address {
            AdminAddress::Loopback(address) => bind(&Address::Inet(vec![*address]), 1)?,
            AdminAddress::Unix(path) => bind_file(path)?,
        };
        let listener = listener.into_iter().next();
        let listener = listener.ok_or_else(|| io::Error::other("nothing was bound"))?;
        listener.listen()?;
        Ok(Self {
            listener,
            tcp: matches!(address, AdminAddress::Loopback(_)),
            connections: Vec::new(),
            last_number: 0,
            paused_until: None,
        })
    }

    /// The port; 0 for a file.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// What to wait for: descriptors, and whether to write. The listener has number 0.
    pub fn sources(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>, bool)> {
        let room = self.connections.len() < MAX_CONNECTIONS && self.paused_until.is_none();
        let listener = room.then(|| (0, self.listener.as_fd(), false));
        let connections = self.connections.iter().filter_map(|connection| {
            let writes = match connection.state {
                // A client that goes away meanwhile is noticed when it is written to.
                State::Waiting { .. } => return None,
                State::Writing { .. } => true,
                State::Reading(_) | State::Lingering { .. } => false,
            };
            Some((connection.number, connection.socket.as_fd(), writes))
        });
        listener.into_iter().chain(connections)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let connections = self.connections.iter();
        let deadlines = connections.map(|connection| connection.deadline);
        deadlines.chain(self.paused_until).min()
    }

    /// A source is ready. Returns a request that is to be answered.
    pub fn on_ready(&mut self, number: u64) -> Option<(u64, Request)> {
        if number == 0 {
            self.accept();
            return None;
        }
        let index = self
            .connections
            .iter()
            .position(|connection| connection.number == number)?;
        let connection = &mut self.connections[index];
        let done = match &mut connection.state {
            State::Reading(_) => connection.read(self.tcp),
            State::Waiting { .. } => Ok(None),
            State::Writing { .. } => connection.write().map(|()| None),
            State::Lingering { .. } => connection.linger().map(|()| None),
        };
        match done {
            Ok(request) => request.map(|request| (number, request)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                None
            }
            Err(_) => {
                self.connections.swap_remove(index);
                None
            }
        }
    }

    fn accept(&mut self) {
        while self.connections.len() < MAX_CONNECTIONS {
            let socket = match self.listener.accept() {
                Ok(socket) => socket,
                Err(error) => {
                    if error.kind() != ErrorKind::WouldBlock {
                        self.paused_until = Some(Instant::now() + ACCEPT_PAUSE);
                    }
                    return;
                }
            };
            self.last_number += 1;
            self.connections.push(Connection {
                number: self.last_number,
                socket,
                state: State::Reading(Vec::new()),
                deadline: Instant::now() + REQUEST_TIMEOUT,
            });
        }
    }

    /// Answers a request.
    pub fn answer(&mut self, number: u64, response: &Response) {
        let found = self
            .connections
            .iter_mut()
            .find(|connection| connection.number == number);
        if let Some(connection) = found {
            let head = matches!(connection.state, State::Waiting { head: true });
            connection.begin_answer(response, head);
        }
    }

    /// Gives up what has taken too long.
    pub fn on_time(&mut self, now: Instant) {
        self.paused_until.take_if(|until| *until <= now);
        for connection in &mut self.connections {
            if connection.deadline <= now && matches!(connection.state, State::Reading(_)) {
                connection.begin_answer(
                    &Response::refusal(Refusal(408, "The request took too long.")),
                    false,
                );
            }
        }
        self.connections
            .retain(|connection| connection.deadline > now);
    }
}

impl Connection {
    fn read(&mut self, tcp: bool) -> io::Result<Option<Request>> {
        let State::Reading(received) = &mut self.state else {
            return Ok(None);
        };
        let mut bytes = [0; 4096];
        match (&self.socket).read(&mut bytes)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => received.extend_from_slice(&bytes[..count]),
        }
        match http::parse(received, tcp) {
            None => Ok(None),
            Some(Ok(request)) => {
                self.state = State::Waiting { head: request.head };
                // Processes that do not answer have one of their own; this is for what else could go wrong.
                self.deadline = Instant::now() + 2 * ANSWER_TIMEOUT;
                Ok(Some(request))
            }
            Some(Err(refusal)) => {
                self.begin_answer(&Response::refusal(refusal), false);
                Ok(None)
            }
        }
    }

    fn begin_answer(&mut self, response: &Response, head: bool) {
        let bytes = response.bytes(head);
        self.state = State::Writing { bytes, written: 0 };
        self.deadline = Instant::now() + WRITE_TIMEOUT;
    }

    fn write(&mut self) -> io::Result<()> {
        let State::Writing { bytes, written } = &mut self.state else {
            return Ok(());
        };
        *written += (&self.socket).write(&bytes[*written..])?;
        if *written == bytes.len() {
            // Closed at once, a connection with unread bytes is reset, and the answer is lost with it.
            self.socket.shutdown(std::net::Shutdown::Write)?;
            self.state = State::Lingering {
                left: MAX_LINGER_BYTES,
            };
            self.deadline = Instant::now() + LINGER_TIMEOUT;
        }
        Ok(())
    }

    fn linger(&mut self) -> io::Result<()> {
        let State::Lingering { left } = &mut self.state else {
            return Ok(());
        };
        let count = (&self.socket).read(&mut [0; 4096])?;
        match left.checked_sub(count) {
            Some(rest) if count > 0 => *left = rest,
            _ => return Err(ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }
}

/// Binds a socket file for its owner alone. One that a server left behind which is gone makes room.
fn bind_file(path: &std::path::Path) -> io::Result<Vec<BoundListener>> {
    let address = Address::Unix(path.to_owned());
    let bound = match bind(&address, 1) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_dead(path) => {
            std::fs::remove_file(path)?;
            bind(&address, 1)?
        }
        bound => bound?,
    };
    // Nobody can connect before it listens.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(bound)
}

fn is_dead(path: &std::path::Path) -> bool {
    std::os::unix::net::UnixStream::connect(path)
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_an_address() {
        for good in [
            "127.0.0.1:0",
            "127.9.9.9:80",
            "[::1]:9090",
            "localhost:9090",
        ] {
            assert!(
                matches!(address(good), Ok(AdminAddress::Loopback(_))),
                "{good}"
            );
        }
        assert_eq!(address("unix:a/b"), Ok(AdminAddress::Unix("a/b".into())));
        for bad in [
            "0.0.0.0:80",
            "*:80",
            "10.0.0.1:80",
            "[::]:80",
            "[2001:db8::1]:80",
            "127.0.0.1",
            "9090",
            "",
            "unix:",
            "unix-abstract:a",
            "127.0.0.1:x",
            "127.0.0.1:70000",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_was_left_behind_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let admin = Admin::open(&AdminAddress::Unix(path.clone())).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            Admin::open(&AdminAddress::Unix(path.clone())).is_err(),
            "it is in use"
        );
        drop(admin);
        assert!(!path.exists());
    }
}
