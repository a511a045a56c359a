//! What the calls under way to another process count for: each of its objects has a bound of its own, so that a slow one leaves
//! the others theirs. Calls on what an object has given out count for it.
//!
//! `outgoing` asks for admission to a link, `mod` to the queue of a process that is away.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::service::ActorId;

/// Calls that this process may have under way to one object of another one. Beyond it they fail as overloaded.
pub const MAX_CALLS_PER_OBJECT: usize = 4096;

/// The same to all objects of one other process, which also refuses incoming ones beyond it: a bound for many objects that are
/// slow at once.
pub const MAX_CALLS_PER_PEER: usize = 16 * MAX_CALLS_PER_OBJECT;

/// The accounts of the objects that have calls under way.
#[derive(Default)]
pub struct Accounts(Rc<Objects>);

type Objects = RefCell<HashMap<ActorId, Weak<Account>>>;

/// What counts for one object; the default is for what is of no object that this process knows of.
#[derive(Default)]
pub struct Account {
    calls: Cell<usize>,
    listed: Option<(ActorId, Weak<Objects>)>,
}

/// Of one call, until it is dropped.
pub struct Admission(Rc<Account>);

impl Accounts {
    pub fn of(&self, id: &ActorId) -> Rc<Account> {
        let mut objects = self.0.borrow_mut();
        if let Some(account) = objects.get(id).and_then(Weak::upgrade) {
            return account;
        }
        let account = Rc::new(Account {
            calls: Cell::new(0),
            listed: Some((*id, Rc::downgrade(&self.0))),
        });
        objects.insert(*id, Rc::downgrade(&account));
        account
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

impl Drop for Account {
    fn drop(&mut self) {
        if let Some((id, objects)) = &self.listed
            && let Some(objects) = objects.upgrade()
        {
            objects.borrow_mut().remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_its_own_room_and_nothing_is_kept_of_idle_ones() {
        let accounts = Accounts::default();
        let (slow, other) = (accounts.of(&[1; 32]), accounts.of(&[2; 32]));
        let mut admitted: Vec<_> = std::iter::from_fn(|| slow.enter()).collect();
        assert_eq!(admitted.len(), MAX_CALLS_PER_OBJECT);
        assert!(accounts.of(&[1; 32]).is_full());
        assert!(other.enter().is_some());
        admitted.pop();
        assert!(slow.enter().is_some());
        drop((slow, other));
        assert_eq!(accounts.0.borrow().len(), 1, "that which has calls");
        drop(admitted);
        assert!(accounts.0.borrow().is_empty());
    }
}
