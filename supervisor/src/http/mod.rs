//! As much of an HTTP/1.1 server (RFC 9112) as the supervisor needs for what it serves itself, in its poll loop: one request a
//! connection, without a body.
//!
//! The admin pages and the inspector each have one. `head` reads requests; what they mean is for those two to say.

pub mod head;

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::sockets::bind::BoundListener;
use head::{Head, Refusal};

/// Connections open at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
/// From a connection's opening to the end of its request's head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to take nobody in when the system has no descriptor for one.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long a request may wait for its answer before the connection is closed without one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a client may take to read its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long, and how many bytes, a client may go on sending after its answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_LINGER_BYTES: usize = 64 * 1024;

/// The listener and the connections.
pub struct Server {
    listeners: Vec<BoundListener>,
    /// Writes the answer to a request that makes no sense.
    refuse: fn(Refusal) -> Vec<u8>,
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
    /// For its answer.
    Waiting,
    Writing {
        bytes: Vec<u8>,
        written: usize,
    },
    /// The answer is out, and the client may still be sending.
    Lingering {
        left: usize,
    },
}

impl Server {
    /// Listens on what is bound.
    pub fn listen(
        listeners: Vec<BoundListener>,
        refuse: fn(Refusal) -> Vec<u8>,
    ) -> io::Result<Self> {
        listeners.iter().try_for_each(BoundListener::listen)?;
        Ok(Self {
            last_number: listeners.len() as u64,
            listeners,
            refuse,
            connections: Vec::new(),
            paused_until: None,
        })
    }

    /// The port; 0 for a file.
    pub fn port(&self) -> u16 {
        self.listeners.first().map_or(0, BoundListener::port)
    }

    /// What to wait for: descriptors, and whether to write. Listeners have the lowest numbers.
    pub fn sources(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>, bool)> {
        let room = self.connections.len() < MAX_CONNECTIONS && self.paused_until.is_none();
        let listeners = self.listeners.iter().zip(0..).filter(move |_| room);
        let listeners = listeners.map(|(listener, number)| (number, listener.as_fd(), false));
        let connections = self.connections.iter().filter_map(|connection| {
            let writes = match connection.state {
                // A client that goes away meanwhile is noticed when it is written to.
                State::Waiting => return None,
                State::Writing { .. } => true,
                State::Reading(_) | State::Lingering { .. } => false,
            };
            Some((connection.number, connection.socket.as_fd(), writes))
        });
        listeners.chain(connections)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let connections = self.connections.iter();
        let deadlines = connections.map(|connection| connection.deadline);
        deadlines.chain(self.paused_until).min()
    }

    /// A source is ready. Returns a request that is to be answered.
    pub fn on_ready(&mut self, number: u64) -> Option<(u64, Head)> {
        if (number as usize) < self.listeners.len() {
            self.accept(number as usize);
            return None;
        }
        let index = self.position(number)?;
        let connection = &mut self.connections[index];
        let done = match &mut connection.state {
            State::Reading(_) => connection.read(self.refuse),
            State::Waiting => Ok(None),
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

    fn position(&self, number: u64) -> Option<usize> {
        let mut connections = self.connections.iter();
        connections.position(|connection| connection.number == number)
    }

    fn accept(&mut self, listener: usize) {
        while self.connections.len() < MAX_CONNECTIONS {
            let socket = match self.listeners[listener].accept() {
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

    /// Answers a request: with a whole response, after which the connection is closed.
    pub fn answer(&mut self, number: u64, bytes: Vec<u8>) {
        if let Some(index) = self.position(number) {
            self.connections[index].begin_answer(bytes);
        }
    }

    /// Gives the connection of a request to somebody else.
    pub fn give(&mut self, number: u64) -> Option<Socket> {
        let index = self.position(number)?;
        Some(self.connections.swap_remove(index).socket)
    }

    /// Gives up what has taken too long.
    pub fn on_time(&mut self, now: Instant) {
        self.paused_until.take_if(|until| *until <= now);
        for connection in &mut self.connections {
            if connection.deadline <= now && matches!(connection.state, State::Reading(_)) {
                let refusal = Refusal(408, "The request took too long.");
                connection.begin_answer((self.refuse)(refusal));
            }
        }
        self.connections
            .retain(|connection| connection.deadline > now);
    }
}

impl Connection {
    fn read(&mut self, refuse: fn(Refusal) -> Vec<u8>) -> io::Result<Option<Head>> {
        let State::Reading(received) = &mut self.state else {
            return Ok(None);
        };
        let mut bytes = [0; 4096];
        match (&self.socket).read(&mut bytes)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => received.extend_from_slice(&bytes[..count]),
        }
        match head::parse(received) {
            None => Ok(None),
            Some(Ok(request)) => {
                self.state = State::Waiting;
                self.deadline = Instant::now() + ANSWER_TIMEOUT;
                Ok(Some(request))
            }
            Some(Err(refusal)) => {
                self.begin_answer(refuse(refusal));
                Ok(None)
            }
        }
    }

    fn begin_answer(&mut self, bytes: Vec<u8>) {
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
