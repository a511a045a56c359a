//! Connections between two requests, by the server that they are with and by their age.
//!
//! `connections` puts them here and takes them.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Idle connections kept for one server; then the oldest closes.
const MAX_IDLE_PER_SERVER: usize = 32;

/// Idle connections kept in all; then the oldest closes.
pub const MAX_IDLE: usize = 1024;

/// An idle connection older than this is closed.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

/// Lists of servers whose connections are all in use stay for the next one, until there are more or the next sweep.
const MAX_EMPTY_LISTS: usize = MAX_IDLE;

/// Idle connections by server, and by age.
pub struct Shelf<C> {
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
    /// The youngest that is ready.
    pub fn take(&mut self, service: u64, server: &str, is_ready: impl Fn(&C) -> bool) -> Option<C> {
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

    /// Keeps one of the service `service` with `server`, and at most `max` in all.
    pub fn put(&mut self, service: u64, server: &str, connection: C, since: Instant, max: usize) {
        if self.empty > MAX_EMPTY_LISTS {
            self.tidy();
        }
        let lists = self.servers.entry(service).or_default();
        let known = lists.get_key_value(server);
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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.waiting.len()
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
    pub fn close_old(&mut self, now: Instant, is_closed: impl Fn(&C) -> bool) {
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
        shelf.put(0, &server.to_string(), connection, since, max);
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
        assert!(shelf.waiting.is_empty());
        assert_eq!((lists(&shelf), shelf.empty), (2, 2));
        put(&mut shelf, 1, 6, Instant::now(), 10);
        assert_eq!((lists(&shelf), shelf.empty), (2, 1));
        shelf.close_old(Instant::now(), |_| true);
        assert!(shelf.waiting.is_empty() && shelf.servers.is_empty() && shelf.empty == 0);
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
