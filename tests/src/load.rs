//! Load: many clients that ask again and again, and an account of every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::DEADLINE;
use crate::http::Client;
use crate::stream::Address;

/// Clients at work, each with one request under way at any time.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<Connection>>>,
}

/// What became of one connection.
#[derive(Debug)]
pub struct Connection {
    /// When it was connected.
    pub opened: Instant,
    /// The bodies of the answers, each with how often it came in a row.
    pub answers: Vec<(String, usize)>,
    /// How it ended.
    pub end: End,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The client had enough, or the server announced it with its last answer.
    Agreed,
    /// It could not be opened.
    Refused(String),
    /// A request got no whole answer.
    Lost(String),
    /// A request was answered, and not with success.
    Failed(u16),
}

impl Load {
    /// Starts clients that keep their connections open, or that ask once on each.
    pub fn start(address: &Address, clients: usize, keep_alive: bool) -> Self {
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let clients = (0..clients)
            .map(|_| {
                let (address, stop, answered) = (address.clone(), stop.clone(), answered.clone());
                thread::spawn(move || {
                    let mut connections = Vec::new();
                    while !stop.load(Relaxed) {
                        let connection = one_connection(&address, keep_alive, &stop, &answered);
                        let refused = matches!(connection.end, End::Refused(_));
                        connections.push(connection);
                        if refused {
                            break;
                        }
                    }
                    connections
                })
            })
            .collect();
        Self {
            stop,
            answered,
            clients,
        }
    }

    /// Waits until this many more requests have been answered.
    pub fn wait_for(&self, more: usize) {
        let (target, deadline) = (
            self.answered.load(Relaxed) + more,
            Instant::now() + DEADLINE,
        );
        while self.answered.load(Relaxed) < target {
            assert!(Instant::now() < deadline, "the server does not answer");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Lets every client finish, and tells what became of all connections.
    pub fn stop(self) -> Vec<Connection> {
        self.stop.store(true, Relaxed);
        self.join()
    }

    /// Waits until the server refuses every client.
    pub fn join(self) -> Vec<Connection> {
        self.clients
            .into_iter()
            .flat_map(|client| client.join().expect("no panic"))
            .collect()
    }
}

fn one_connection(
    address: &Address,
    keep_alive: bool,
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> Connection {
    let mut connection = Connection {
        opened: Instant::now(),
        answers: Vec::new(),
        end: End::Agreed,
    };
    let mut client = match Client::connect(address) {
        Ok(client) => client,
        Err(error) => {
            connection.end = End::Refused(error.to_string());
            return connection;
        }
    };
    let close = if keep_alive {
        ""
    } else {
        "Connection: close\r\n"
    };
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{close}\r\n");
    let mut idle_since = Instant::now();
    while !stop.load(Relaxed) {
        let idle = idle_since.elapsed();
        match client
            .send(request.as_bytes())
            .and_then(|()| client.answer())
        {
            Err(error) => {
                connection.end = End::Lost(format!("{error}; asked after {idle:?} of silence"))
            }
            Ok(answer) if answer.status != 200 => connection.end = End::Failed(answer.status),
            Ok(answer) => {
                answered.fetch_add(1, Relaxed);
                idle_since = Instant::now();
                match connection.answers.last_mut() {
                    Some((body, count)) if *body == answer.text() => *count += 1,
                    _ => connection.answers.push((answer.text().to_owned(), 1)),
                }
                if keep_alive && !answer.closes() {
                    continue;
                }
            }
        }
        break;
    }
    connection
}
