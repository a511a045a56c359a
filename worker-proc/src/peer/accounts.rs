//! What the calls under way to another process count for: each of its objects has a bound of its own, so that a slow one leaves
//! the others theirs. Calls on what an object has given out count for it.
//!
//! `outgoing` asks for admission to a link, `mod` to the queue of a process that is away.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::service::ActorId;

/// Calls that this process may have under way to one object of another one. Beyond it they fail as overloaded.
pub const MAX_CALLS_PER_OBJECT: usize = 4096;

/// The same to all objects of one other process, which also refuses incoming ones beyond it: a bound for many objects that are
/// slow at once.
pub const MAX_CALLS_PER_PEER: usize = 16 * MAX_CALLS_PER_OBJECT;

/// Accounts of idle objects are let go of when there are more accounts than this, and twice as many as were busy before.
const MAX_IDLE_ACCOUNTS: usize = 64;

/// The accounts of the objects that have calls under way, and of some that had.
#[derive(Default)]
pub struct Accounts(RefCell<Objects>);

#[derive(Default)]
struct Objects {
    accounts: HashMap<ActorId, Rc<Account>>,
    /// How many were busy when idle ones were last let go of.
    busy: usize,
}

/// What counts for one object; the default is for what is of no object that this process knows of.
#[derive(Default)]
pub struct Account {
    calls: Cell<usize>,
}

/// Of one call, until it is dropped.
pub struct Admission(Rc<Account>);

impl Accounts {
    pub fn of(&self, id: &ActorId) -> Rc<Account> {
        let objects = &mut *self.0.borrow_mut();
        if let Some(account) = objects.accounts.get(id) {
            return account.clone();
        }
        if objects.accounts.len() >= MAX_IDLE_ACCOUNTS + 2 * objects.busy {
            // Whoever has a place, or may yet ask for one, holds the account.
            objects
                .accounts
                .retain(|_, account| Rc::strong_count(account) > 1);
            objects.busy = objects.accounts.len();
        }
        objects.accounts.entry(*id).or_default().clone()
    }
}

impl Account {
    pub fn is_full(&self) -> bool {
        self.calls.get() >= MAX_CALLS_PER_OBJECT
    }

    /// Admits a call, if there is room.
    pub fn enter(self: &Rc<Self>) -> Option<Admission> {
        if self.is_full() {
            return None;
        }
        self.calls.set(self.calls.get() + 1);
        Some(Admission(self.clone()))
    }
}

impl Admission {
    pub fn account(&self) -> &Rc<Account> {
        &self.0
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_its_own_room_and_few_idle_ones_are_known() {
        let accounts = Accounts::default();
        let (slow, other) = (accounts.of(&[1; 32]), accounts.of(&[2; 32]));
        let mut admitted: Vec<_> = std::iter::from_fn(|| slow.enter()).collect();
        assert_eq!(admitted.len(), MAX_CALLS_PER_OBJECT);
        assert!(accounts.of(&[1; 32]).is_full());
        assert!(other.enter().is_some());
        admitted.pop();
        assert!(slow.enter().is_some());
        drop((slow, other));
        for id in 0..100_u128 {
            let id = [[0; 16], id.to_be_bytes()].concat();
            accounts.of(&id.try_into().unwrap());
        }
        let known = || accounts.0.borrow().accounts.len();
        assert!(known() <= MAX_IDLE_ACCOUNTS + 2, "{}", known());
        assert_eq!(
            accounts.of(&[1; 32]).calls.get(),
            admitted.len(),
            "that which has calls"
        );
    }
}
