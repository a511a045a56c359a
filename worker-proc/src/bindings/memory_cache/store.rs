//! What a memory cache holds in this process, and who makes what it does not. One for each id, gone with its last user.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use tokio::sync::oneshot;

/// How large a cache may grow. Where several bindings share one, the largest of each counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub keys: usize,
    pub value_bytes: usize,
    pub total_bytes: usize,
}

impl Limits {
    /// Nothing fits where one of them is 0; no value may be larger than all together.
    fn normalized(self) -> Self {
        if self.keys == 0 || self.value_bytes == 0 || self.total_bytes == 0 {
            return Self::default();
        }
        Self {
            value_bytes: self.value_bytes.min(self.total_bytes),
            ..self
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            keys: self.keys.max(other.keys),
            value_bytes: self.value_bytes.max(other.value_bytes),
            total_bytes: self.total_bytes.max(other.total_bytes),
        }
    }
}

thread_local! {
    static CACHES: RefCell<HashMap<String, Weak<Cache>>> = RefCell::default();
}

/// A binding's use of a cache.
pub struct Use {
    id: Option<String>,
    cache: Rc<Cache>,
    limits: Limits,
}

impl Use {
    /// Without an id the cache is the binding's own.
    pub fn open(id: Option<String>, limits: Limits) -> Self {
        let cache = match &id {
            None => Rc::default(),
            Some(id) => CACHES.with_borrow_mut(|caches| {
                caches.retain(|_, cache| cache.strong_count() > 0);
                let found = caches.get(id).and_then(Weak::upgrade);
                found.unwrap_or_else(|| {
                    let cache = Rc::<Cache>::default();
                    caches.insert(id.clone(), Rc::downgrade(&cache));
                    cache
                })
            }),
        };
        let limits = limits.normalized();
        cache.state.borrow_mut().uses.push(limits);
        cache.resize();
        Self { id, cache, limits }
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub fn cache(&self) -> Rc<Cache> {
        self.cache.clone()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut state = self.cache.state.borrow_mut();
        let mut uses = state.uses.iter();
        if let Some(at) = uses.position(|limits| *limits == self.limits) {
            state.uses.swap_remove(at);
        }
        drop(state);
        self.cache.resize();
    }
}

/// Milliseconds since 1970, in their order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Time(f64);

impl Eq for Time {}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A value, and when it expires, in milliseconds since 1970.
#[derive(Clone)]
pub struct Value {
    pub bytes: Bytes,
    pub expiration: Option<f64>,
}

struct Entry {
    value: Bytes,
    expiration: Option<Time>,
    /// When it was used last, as a count.
    used: u64,
}

#[derive(Default)]
struct State {
    uses: Vec<Limits>,
    limits: Limits,
    entries: HashMap<String, Entry>,
    /// Keys by when they were used last, and those of values that expire by when.
    by_use: BTreeMap<u64, String>,
    by_expiration: BTreeSet<(Time, String)>,
    total_bytes: usize,
    last_use: u64,
    /// Who waits for values that are being made.
    making: HashMap<String, VecDeque<oneshot::Sender<Turn>>>,
}

impl State {
    fn take(&mut self, key: &str) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.total_bytes -= entry.value.len();
        self.by_use.remove(&entry.used);
        if let Some(expiration) = entry.expiration {
            self.by_expiration.remove(&(expiration, key.to_owned()));
        }
        Some(entry)
    }

    fn put(&mut self, key: &str, value: Bytes, expiration: Option<Time>) {
        self.last_use += 1;
        self.total_bytes += value.len();
        self.by_use.insert(self.last_use, key.to_owned());
        if let Some(expiration) = expiration {
            self.by_expiration.insert((expiration, key.to_owned()));
        }
        let entry = Entry {
            value,
            expiration,
            used: self.last_use,
        };
        self.entries.insert(key.to_owned(), entry);
    }

    /// Lets go of a value that has expired, else of the one that was not used for longest.
    fn evict(&mut self, now: Option<f64>) -> bool {
        let expired = self.by_expiration.first();
        let expired = expired.filter(|(at, _)| now.is_some_and(|now| at.0 < now));
        let key = expired.map(|(_, key)| key).or(self.by_use.values().next());
        let Some(key) = key.cloned() else {
            return false;
        };
        self.take(&key).is_some()
    }
}

/// What a reader gets when it is its turn.
pub enum Turn {
    Value(Value),
    /// It is to make the value.
    Make(Ticket),
}

/// A turn, or one to wait for.
pub enum NextTurn {
    Now(Turn),
    Later(oneshot::Receiver<Turn>),
}

impl NextTurn {
    /// None if the cache is gone.
    pub async fn turn(self) -> Option<Turn> {
        match self {
            Self::Now(turn) => Some(turn),
            Self::Later(turn) => turn.await.ok(),
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct Cache {
    state: RefCell<State>,
}

impl Cache {
    fn resize(&self) {
        let state = &mut *self.state.borrow_mut();
        let none = Limits::default();
        state.limits = state.uses.iter().fold(none, |all, limits| all.max(*limits));
        let fits = |state: &State| {
            state.entries.len() <= state.limits.keys
                && state.total_bytes <= state.limits.total_bytes
        };
        while !fits(state) && state.evict(None) {}
    }

    /// The cache of that id, if there is one.
    pub fn of(id: &str) -> Option<Rc<Self>> {
        CACHES.with_borrow(|caches| caches.get(id)?.upgrade())
    }

    pub fn get(&self, key: &str, now: f64) -> Option<Value> {
        let mut state = self.state.borrow_mut();
        let entry = state.take(key)?;
        if entry.expiration.is_some_and(|at| at.0 < now) {
            return None;
        }
        let value = Value {
            bytes: entry.value.clone(),
            expiration: entry.expiration.map(|at| at.0),
        };
        state.put(key, entry.value, entry.expiration);
        Some(value)
    }

    pub fn get_or_make(self: &Rc<Self>, key: &str, now: f64) -> NextTurn {
        if let Some(value) = self.get(key, now) {
            return NextTurn::Now(Turn::Value(value));
        }
        let making = &mut self.state.borrow_mut().making;
        if let Some(waiting) = making.get_mut(key) {
            let (sender, receiver) = oneshot::channel();
            waiting.push_back(sender);
            return NextTurn::Later(receiver);
        }
        making.insert(key.to_owned(), VecDeque::new());
        NextTurn::Now(Turn::Make(Ticket::new(self, key)))
    }

    pub fn remove(&self, key: &str) {
        self.state.borrow_mut().take(key);
    }

    /// A value that does not fit, or has expired already, takes the place of none.
    fn put(&self, key: &str, value: Value, now: f64) {
        let Value {
            bytes: value,
            expiration,
        } = value;
        let mut state = self.state.borrow_mut();
        let was_there = state.take(key).is_some();
        let limits = state.limits;
        if value.len() > limits.value_bytes || expiration.is_some_and(|at| at < now) {
            return;
        }
        if !was_there && state.entries.len() >= limits.keys {
            state.evict(Some(now));
        }
        while state.total_bytes + value.len() > limits.total_bytes && state.evict(Some(now)) {}
        state.put(key, value, expiration.map(Time));
    }

    /// Nobody makes the value: the next who waits does.
    fn pass_on(self: &Rc<Self>, key: &str) {
        loop {
            let next = {
                let making = &mut self.state.borrow_mut().making;
                let next = making.get_mut(key).and_then(VecDeque::pop_front);
                if next.is_none() {
                    making.remove(key);
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Turn::Make(Ticket::new(self, key))) {
                Ok(()) => return,
                // It has gone.
                Err(Turn::Make(mut ticket)) => ticket.key = None,
                Err(Turn::Value(_)) => {}
            }
        }
    }
}

/// The duty to make a value. Dropped, it passes on to the next who waits.
pub struct Ticket {
    cache: Rc<Cache>,
    /// Until it is done.
    key: Option<String>,
}

impl Ticket {
    fn new(cache: &Rc<Cache>, key: &str) -> Self {
        Self {
            cache: cache.clone(),
            key: Some(key.to_owned()),
        }
    }

    pub fn made(mut self, value: Value, now: f64) {
        let Some(key) = self.key.take() else { return };
        self.cache.put(&key, value.clone(), now);
        let waiting = self.cache.state.borrow_mut().making.remove(&key);
        for waiting in waiting.into_iter().flatten() {
            let _ = waiting.send(Turn::Value(value.clone()));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.cache.pass_on(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: usize, expiration: Option<f64>) -> Value {
        let bytes = Bytes::from(vec![0; bytes]);
        Value { bytes, expiration }
    }

    fn small() -> Use {
        let limits = Limits {
            keys: 3,
            value_bytes: 10,
            total_bytes: 20,
        };
        Use::open(None, limits)
    }

    fn keys(cache: &Cache) -> String {
        let state = cache.state.borrow();
        let mut keys: Vec<_> = state.entries.keys().cloned().collect();
        keys.sort();
        let bytes: usize = state.entries.values().map(|entry| entry.value.len()).sum();
        assert_eq!(state.total_bytes, bytes);
        assert_eq!(state.by_use.len(), keys.len());
        keys.concat()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_but_what_has_expired_before_it() {
        let small = small();
        let cache = small.cache();
        for key in ["a", "b", "c"] {
            cache.put(key, value(1, None), 0.0);
        }
        cache.get("a", 0.0);
        cache.put("d", value(1, None), 0.0);
        assert_eq!(keys(&cache), "acd");
        cache.put("d", value(1, Some(5.0)), 0.0);
        cache.put("e", value(1, None), 6.0);
        assert_eq!(keys(&cache), "ace");
        cache.put("f", value(10, None), 6.0);
        cache.put("g", value(10, None), 6.0);
        assert_eq!(keys(&cache), "fg");
        cache.put("g", value(11, None), 6.0);
        assert_eq!(keys(&cache), "f");
        cache.put("f", value(1, Some(5.0)), 6.0);
        assert_eq!(keys(&cache), "");
    }

    #[test]
    fn caches_of_one_id_are_one_with_the_larger_limits() {
        let limits = |keys| Limits {
            keys,
            value_bytes: 10,
            total_bytes: 20,
        };
        let one = Use::open(Some("same".to_owned()), limits(1));
        let other = Use::open(Some("same".to_owned()), limits(2));
        assert!(Rc::ptr_eq(&one.cache, &other.cache));
        assert_eq!(one.cache.state.borrow().limits.keys, 2);
        one.cache.put("a", value(1, None), 0.0);
        one.cache.put("b", value(1, None), 0.0);
        drop(other);
        assert_eq!(keys(&one.cache), "b");
        drop(one);
        let again = Use::open(Some("same".to_owned()), limits(1));
        assert_eq!(keys(&again.cache), "");
    }

    #[test]
    fn one_makes_a_value_and_the_next_if_that_one_cannot() {
        let small = small();
        let cache = small.cache();
        let NextTurn::Now(Turn::Make(first)) = cache.get_or_make("a", 0.0) else {
            panic!("the first is to make it");
        };
        let mut waiting: Vec<_> = (0..4)
            .map(|_| match cache.get_or_make("a", 0.0) {
                NextTurn::Later(receiver) => receiver,
                NextTurn::Now(_) => panic!("the others wait"),
            })
            .collect();
        // One of them goes away.
        drop(waiting.remove(0));
        drop(first);
        let Ok(Turn::Make(second)) = waiting.remove(0).try_recv() else {
            panic!("the next is to make it");
        };
        second.made(value(3, None), 0.0);
        for mut receiver in waiting {
            assert!(
                matches!(receiver.try_recv(), Ok(Turn::Value(value)) if value.bytes.len() == 3)
            );
        }
        assert!(cache.state.borrow().making.is_empty());
        assert!(matches!(
            cache.get_or_make("a", 0.0),
            NextTurn::Now(Turn::Value(_))
        ));
    }
}
