//! Connections to other servers between two requests: kept for the next one, and never for long.
//!
//! `client` puts them here and takes them. One shelf for all services of the process, as what it bounds (descriptors) is
//! the process's; one sweep closes what nobody has asked for, and ends when nothing is left.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hyper::client::conn::http1::SendRequest;
use nix::sys::resource::{Resource, getrlimit};

use super::body::ToHyper;
use crate::log;

/// Idle connections kept for one server; then the oldest closes.
const MAX_IDLE_PER_SERVER: usize = 32;

/// Idle connections kept in all; then the oldest closes.
const MAX_IDLE: usize = 1024;

/// Of the descriptors that the process may have, this part may be idle connections'.
const IDLE_DESCRIPTORS_PART: usize = 4;

/// An idle connection older than this is closed.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A lack of descriptors is logged this often.
const LACK_LOG_INTERVAL: Duration = Duration::from_secs(1);

pub type Sender = SendRequest<ToHyper<()>>;

thread_local! {
    static SHELF: RefCell<Shelf<Sender>> = RefCell::default();
    static SWEEPING: Cell<bool> = const { Cell::new(false) };
    static POOLS: Cell<u64> = const { Cell::new(0) };
}

/// The idle connections of one service.
#[derive(Clone)]
pub struct Pool {
    number: u64,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            number: POOLS.replace(POOLS.get() + 1),
        }
    }
}

impl Pool {
    /// The connection to a server that has been used last.
    pub fn take(&self, server: &str) -> Option<Sender> {
        SHELF.with_borrow_mut(|shelf| shelf.take(self.number, server, Sender::is_ready))
    }

    pub fn put(&self, server: String, sender: Sender) {
        let (number, now) = (self.number, Instant::now());
        SHELF.with_borrow_mut(|shelf| shelf.put(number, server, sender, now, max_idle()));
        if !SWEEPING.replace(true) {
            tokio::task::spawn_local(sweep());
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

async fn sweep() {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let is_empty = SHELF.with_borrow_mut(|shelf| {
            shelf.close_old(Instant::now(), Sender::is_closed);
            shelf.is_empty()
        });
        if is_empty {
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
    let closing = SHELF.with_borrow_mut(std::mem::take).waiting;
    let is_due = |logged: Instant| logged.elapsed() >= LACK_LOG_INTERVAL;
    if LOGGED.get().is_none_or(is_due) {
        LOGGED.set(Some(Instant::now()));
        let count = closing.len();
        log::error(format_args!(
            "{doing}: {error} (ulimit -n); {count} idle connections to other servers are closed"
        ));
    }
    drop(closing);
    // Each has a task, which closes the socket at its next turn.
    tokio::task::yield_now().await;
    true
}

/// Lists of servers whose connections are all in use stay for the next one, until there are more or the next sweep.
const MAX_EMPTY_LISTS: usize = MAX_IDLE;

/// Idle connections by server, and by age.
struct Shelf<C> {
    /// The one that waits longest is first.
    waiting: BTreeMap<u64, Waiting<C>>,
    /// By the number of a service and the name of its server; the youngest last.
    servers: HashMap<u64, HashMap<Rc<str>, Vec<u64>>>,
    /// At least as many lists as are empty.
    empty: usize,
    next: u64,
}

struct Waiting<C> {
    service: u64,
    server: Rc<str>,
    connection: C,
    since: Instant,
}

impl<C> Default for Shelf<C> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            servers: HashMap::new(),
            empty: 0,
            next: 0,
        }
    }
}

impl<C> Shelf<C> {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn take(&mut self, service: u64, server: &str, is_ready: impl Fn(&C) -> bool) -> Option<C> {
        let list = self.servers.get_mut(&service)?.get_mut(server)?;
        loop {
            let youngest = list.pop()?;
            self.empty += usize::from(list.is_empty());
            let Waiting {
                connection, since, ..
            } = self.waiting.remove(&youngest)?;
            if since.elapsed() < MAX_IDLE_AGE && is_ready(&connection) {
                return Some(connection);
            }
        }
    }

    fn put(&mut self, service: u64, server: String, connection: C, since: Instant, max: usize) {
        if self.empty > MAX_EMPTY_LISTS {
            self.tidy();
        }
        let lists = self.servers.entry(service).or_default();
        let known = lists.get_key_value(server.as_str());
        let (server, full) = match known {
            Some((server, ids)) => {
                let full = ids.len() >= MAX_IDLE_PER_SERVER;
                (server.clone(), full.then(|| ids[0]))
            }
            None => (server.into(), None),
        };
        if let Some(oldest) = full {
            self.remove(oldest);
        }
        while self.waiting.len() >= max.max(1)
            && let Some(oldest) = self.oldest()
        {
            self.remove(oldest);
        }
        let id = self.next;
        self.next += 1;
        let lists = self.servers.entry(service).or_default();
        match lists.get_mut(&server) {
            Some(ids) => {
                self.empty -= usize::from(ids.is_empty());
                ids.push(id);
            }
            None => _ = lists.insert(server.clone(), vec![id]),
        }
        let waiting = Waiting {
            service,
            server,
            connection,
            since,
        };
        self.waiting.insert(id, waiting);
    }

    fn oldest(&self) -> Option<u64> {
        self.waiting.keys().next().copied()
    }

    fn remove(&mut self, id: u64) -> Option<Waiting<C>> {
        let waiting = self.waiting.remove(&id)?;
        let lists = self.servers.get_mut(&waiting.service);
        if let Some(ids) = lists.and_then(|lists| lists.get_mut(&waiting.server)) {
            ids.retain(|other| *other != id);
            self.empty += usize::from(ids.is_empty());
        }
        Some(waiting)
    }

    /// Lets go of empty lists.
    fn tidy(&mut self) {
        self.servers.retain(|_, lists| {
            lists.retain(|_, ids| !ids.is_empty());
            !lists.is_empty()
        });
        self.empty = 0;
    }

    /// Closes what is over its age, and lets go of what its server has closed, and of empty lists.
    fn close_old(&mut self, now: Instant, is_closed: impl Fn(&C) -> bool) {
        let is_over = |waiting: &Waiting<C>| {
            now.duration_since(waiting.since) >= MAX_IDLE_AGE || is_closed(&waiting.connection)
        };
        let over = self.waiting.iter().filter(|(_, waiting)| is_over(waiting));
        let over: Vec<_> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.remove(id);
        }
        self.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(shelf: &mut Shelf<u32>, server: u32, connection: u32, since: Instant, max: usize) {
        shelf.put(0, server.to_string(), connection, since, max);
    }

    fn lists(shelf: &Shelf<u32>) -> usize {
        shelf.servers.values().map(HashMap::len).sum()
    }

    /// Connections are numbers; odd ones are not ready any more.
    fn take(shelf: &mut Shelf<u32>, server: u32) -> Option<u32> {
        let server = server.to_string();
        assert_eq!(shelf.take(1, &server, |_| true), None, "of another service");
        shelf.take(0, &server, |connection| connection % 2 == 0)
    }

    #[test]
    fn the_youngest_that_is_ready_is_used_again() {
        let mut shelf = Shelf::default();
        for connection in [0, 2, 3] {
            put(&mut shelf, 1, connection, Instant::now(), 10);
        }
        put(&mut shelf, 2, 4, Instant::now(), 10);
        assert_eq!(take(&mut shelf, 1), Some(2));
        assert_eq!(take(&mut shelf, 1), Some(0));
        assert_eq!(take(&mut shelf, 1), None);
        assert_eq!(take(&mut shelf, 2), Some(4));
        assert!(shelf.is_empty());
        assert_eq!((lists(&shelf), shelf.empty), (2, 2));
        put(&mut shelf, 1, 6, Instant::now(), 10);
        assert_eq!((lists(&shelf), shelf.empty), (2, 1));
        shelf.close_old(Instant::now(), |_| true);
        assert!(shelf.is_empty() && shelf.servers.is_empty() && shelf.empty == 0);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut shelf = Shelf::default();
        for server in 0..100 {
            put(&mut shelf, server, 2 * server, Instant::now(), 10);
        }
        shelf.tidy();
        assert_eq!((shelf.waiting.len(), lists(&shelf)), (10, 10));
        assert_eq!(take(&mut shelf, 89), None);
        assert_eq!(take(&mut shelf, 90), Some(180));
        let mut shelf = Shelf::default();
        for connection in 0..100 {
            put(&mut shelf, 1, connection, Instant::now(), 1000);
        }
        assert_eq!(shelf.waiting.len(), MAX_IDLE_PER_SERVER);
        assert_eq!(take(&mut shelf, 1), Some(98));
    }

    #[test]
    fn what_is_old_or_closed_is_let_go_of() {
        let mut shelf = Shelf::default();
        let now = Instant::now();
        put(&mut shelf, 1, 0, now, 10);
        put(&mut shelf, 2, 1, now + MAX_IDLE_AGE / 2, 10);
        put(&mut shelf, 3, 2, now + MAX_IDLE_AGE / 2, 10);
        shelf.close_old(now + MAX_IDLE_AGE / 2, |connection| *connection == 1);
        assert_eq!((shelf.waiting.len(), lists(&shelf)), (2, 2));
        shelf.close_old(now + MAX_IDLE_AGE, |_| false);
        assert_eq!((shelf.waiting.len(), lists(&shelf)), (1, 1));
    }
}
