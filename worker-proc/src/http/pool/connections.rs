//! The servers that there are connections with: how many, those that requests share, and the idle ones.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::super::body::ToHyper;
use super::shelf::{MAX_IDLE, Shelf};
use super::unread::Answers;
use crate::log;
use crate::service::Body;

/// Connections of a service with one server, but for those that are WebSockets or tunnels; then requests wait.
pub const MAX_CONNECTIONS: usize = 1000;

/// Requests on one HTTP/2 connection at once, unless its server takes fewer; then there is one connection more.
pub const MAX_STREAMS: usize = 100;

/// Of the descriptors that the process may have, this part may be idle connections'.
const IDLE_DESCRIPTORS_PART: usize = 4;

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A lack of descriptors is logged this often.
const LACK_LOG_INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    static SHELF: RefCell<Shelf<Idle>> = RefCell::default();
    static SWEEPING: Cell<bool> = const { Cell::new(false) };
    static SERVERS: RefCell<HashMap<u64, ServersByName>> = RefCell::default();
}

/// The servers of one service.
type ServersByName = HashMap<Rc<str>, Weak<Server>>;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

/// A server that a service has connections with, or wants some; gone with the last of them.
pub struct Server {
    service: u64,
    name: Rc<str>,
    connections: Cell<usize>,
    /// Somebody opens one that others wait to share.
    opening: Cell<bool>,
    /// What it spoke last.
    version: Cell<Option<Version>>,
    /// Connections with requests on them. Each leaves with its last request, so that no circle of references stays.
    shared: RefCell<Vec<Http2>>,
    /// Over connections for one request at a time.
    answers: Answers,
    changed: Notify,
}

impl Server {
    /// The server of that name.
    pub fn of(service: u64, name: &str) -> Rc<Self> {
        SERVERS.with_borrow_mut(|servers| {
            let servers = servers.entry(service).or_default();
            if let Some(known) = servers.get(name).and_then(Weak::upgrade) {
                return known;
            }
            let name: Rc<str> = name.into();
            let server = Rc::new(Self {
                service,
                name: name.clone(),
                connections: Cell::new(0),
                opening: Cell::new(false),
                version: Cell::new(None),
                shared: RefCell::default(),
                answers: Answers::default(),
                changed: Notify::new(),
            });
            servers.insert(name, Rc::downgrade(&server));
            server
        })
    }

    /// Tells who waits that there may be a connection.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// A connection that a request can be sent on.
    pub fn take(&self) -> Option<Connection> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(Http2::is_open);
        if let Some(connection) = shared.iter().find(|connection| connection.has_room()) {
            return Some(Connection::Http2(connection.stream()));
        }
        let (service, name) = (self.service, &*self.name);
        match SHELF.with_borrow_mut(|shelf| shelf.take(service, name, Idle::is_ready))? {
            Idle::Http1(connection) => Some(Connection::Http1(connection)),
            Idle::Http2(connection) => {
                let stream = connection.stream();
                shared.push(connection);
                Some(Connection::Http2(stream))
            }
        }
    }

    /// Leave to open a connection; none while there are too many, or while one is opened that may be shared.
    pub fn permit(self: &Rc<Self>, may_share: bool) -> Option<Permit> {
        let shares = may_share && self.version.get() != Some(Version::Http1);
        if self.connections.get() >= MAX_CONNECTIONS || shares && self.opening.get() {
            return None;
        }
        if shares {
            self.opening.set(true);
        }
        let place = ConnectionSlot::of(self);
        Some(Permit { place, shares })
    }

    /// Frees a connection that is kept by an answer which nobody reads, if there is one.
    pub fn free_one(&self) {
        self.answers.give_up_one();
    }

    fn put(&self, connection: Idle) {
        let now = Instant::now();
        SHELF.with_borrow_mut(|shelf| {
            shelf.put(self.service, &self.name, connection, now, max_idle());
        });
        self.changed.notify_one();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is none at the end of a thread.
        let _ = SERVERS.try_with(|servers| {
            let mut servers = servers.borrow_mut();
            if let Some(of_service) = servers.get_mut(&self.service) {
                of_service.remove(&self.name);
                if of_service.is_empty() {
                    servers.remove(&self.service);
                }
            }
        });
    }
}

/// Leave to open a connection. It is given back with a failure.
pub struct Permit {
    place: ConnectionSlot,
    /// Others wait for this connection.
    shares: bool,
}

impl Permit {
    /// It is open, and this is spoken on it: the place is the connection's for as long as it is open.
    pub fn opened(self, version: Version) -> (Rc<Server>, ConnectionSlot) {
        let server = self.place.0.clone();
        server.version.set(Some(version));
        if !SWEEPING.replace(true) {
            tokio::task::spawn_local(sweep());
        }
        let place = ConnectionSlot::of(&server);
        (server, place)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.shares {
            self.place.0.opening.set(false);
            self.place.0.changed.notify_waiters();
        }
    }
}

/// One of the connections that a server is allowed.
pub struct ConnectionSlot(Rc<Server>);

impl ConnectionSlot {
    fn of(server: &Rc<Server>) -> Self {
        server.connections.set(server.connections.get() + 1);
        Self(server.clone())
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.changed.notify_one();
    }
}

/// A connection that a request can be sent on.
pub enum Connection {
    Http1(Http1),
    Http2(Stream),
}

/// A connection between two requests.
enum Idle {
    Http1(Http1),
    Http2(Http2),
}

impl Idle {
    fn is_ready(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.sender.is_ready(),
            Self::Http2(connection) => connection.is_open(),
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.sender.is_closed(),
            Self::Http2(connection) => !connection.is_open(),
        }
    }
}

/// A connection for one request at a time.
pub struct Http1 {
    pub sender: http1::SendRequest<ToHyper<()>>,
    server: Rc<Server>,
}

impl Http1 {
    pub fn new(sender: http1::SendRequest<ToHyper<()>>, server: Rc<Server>) -> Self {
        Self { sender, server }
    }

    /// An answer's body that came over it.
    pub fn answered(&self, body: Body) -> Body {
        self.server.answers.watch(body)
    }

    /// Keeps it for the next request, once this one is over.
    pub async fn keep(mut self) {
        if self.sender.ready().await.is_ok() {
            self.server.clone().put(Idle::Http1(self));
        }
    }
}

/// A connection that requests share.
#[derive(Clone)]
pub struct Http2 {
    sender: http2::SendRequest<ToHyper<()>>,
    state: Rc<Http2State>,
}

/// What the connection's task says, and how many requests there are.
pub struct Http2State {
    server: Rc<Server>,
    _place: ConnectionSlot,
    streams: Cell<usize>,
    /// Streams that the server takes.
    pub max_streams: Cell<usize>,
    /// It takes no more requests.
    pub is_over: Cell<bool>,
}

impl Http2State {
    pub fn new(server: Rc<Server>, place: ConnectionSlot) -> Rc<Self> {
        Rc::new(Self {
            server,
            _place: place,
            streams: Cell::new(0),
            max_streams: Cell::new(MAX_STREAMS),
            is_over: Cell::new(false),
        })
    }
}

impl Http2 {
    /// The first request on a new connection, which others share from now on.
    pub fn open(sender: http2::SendRequest<ToHyper<()>>, state: Rc<Http2State>) -> Stream {
        let connection = Self { sender, state };
        let stream = connection.stream();
        let server = &connection.state.server;
        server.shared.borrow_mut().push(connection.clone());
        stream
    }

    fn is_open(&self) -> bool {
        !self.state.is_over.get() && !self.sender.is_closed()
    }

    fn has_room(&self) -> bool {
        let max = self.state.max_streams.get().clamp(1, MAX_STREAMS);
        self.state.streams.get() < max
    }

    fn stream(&self) -> Stream {
        self.state.streams.set(self.state.streams.get() + 1);
        Stream(self.clone())
    }
}

/// A request's part of an HTTP/2 connection, until it is dropped.
pub struct Stream(Http2);

impl Stream {
    pub fn sender(&mut self) -> &mut http2::SendRequest<ToHyper<()>> {
        &mut self.0.sender
    }

    /// The connection takes no more requests; those that it has go on.
    pub fn retire(&self) {
        self.0.state.is_over.set(true);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let state = &self.0.state;
        state.streams.set(state.streams.get() - 1);
        let server = state.server.clone();
        if state.streams.get() > 0 {
            server.changed.notify_one();
            return;
        }
        let mut shared = server.shared.borrow_mut();
        shared.retain(|other| !Rc::ptr_eq(&other.state, state));
        drop(shared);
        if self.0.is_open() {
            server.put(Idle::Http2(self.0.clone()));
        }
    }
}

fn max_idle() -> usize {
    static MAX: LazyLock<usize> = LazyLock::new(|| {
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        MAX_IDLE.min(descriptors / IDLE_DESCRIPTORS_PART)
    });
    *MAX
}

/// Closes idle connections for as long as there are servers.
async fn sweep() {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        SHELF.with_borrow_mut(|shelf| shelf.close_old(Instant::now(), Idle::is_closed));
        // What was closed has a task, which then lets go of its server.
        if SERVERS.with_borrow(HashMap::is_empty) {
            SWEEPING.set(false);
            return;
        }
    }
}

/// Whether an error says that there are no descriptors left. If so, all idle connections close, which the log tells.
pub async fn lacked_descriptors(error: &std::io::Error, doing: &str) -> bool {
    thread_local! {
        static LOGGED: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    if !matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
        return false;
    }
    let closing = SHELF.with_borrow_mut(std::mem::take);
    let is_due = |logged: Instant| logged.elapsed() >= LACK_LOG_INTERVAL;
    if LOGGED.get().is_none_or(is_due) {
        LOGGED.set(Some(Instant::now()));
        let count = closing.count();
        log::error(format_args!(
            "{doing}: {error} (ulimit -n); {count} idle connections to other servers are closed"
        ));
    }
    drop(closing);
    // Each has a task, which closes the socket at its next turn.
    tokio::task::yield_now().await;
    true
}
