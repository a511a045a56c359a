//! Native things that JavaScript holds by number.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    // Numbers are never used twice in a process, so that one request's number means nothing in another.
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

/// The resources of one context; they go with it.
#[derive(Default)]
pub struct ResourceTable {
    entries: RefCell<HashMap<u32, Rc<dyn Any>>>,
    /// Those of which there is one.
    single: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
}

impl ResourceTable {
    /// Adds a resource and returns its number, which is never 0.
    pub fn insert<T: 'static>(&self, resource: Rc<T>) -> u32 {
        let id = NEXT.with(|next| {
            let id = next.get();
            next.set(id.wrapping_add(1).max(1));
            id
        });
        self.entries.borrow_mut().insert(id, resource);
        id
    }

    /// The resource of that number, if it is here and of that type.
    pub fn get<T: 'static>(&self, id: u32) -> Option<Rc<T>> {
        self.entries.borrow().get(&id).cloned()?.downcast().ok()
    }

    /// Takes the resource out.
    pub fn take<T: 'static>(&self, id: u32) -> Option<Rc<T>> {
        let resource = self.get(id)?;
        self.entries.borrow_mut().remove(&id);
        Some(resource)
    }

    /// The one resource of its type, made at first use.
    pub fn single<T: Default + 'static>(&self) -> Rc<T> {
        let mut all = self.single.borrow_mut();
        let any = all.entry(TypeId::of::<T>());
        let any = any.or_insert_with(|| Rc::new(T::default())).clone();
        any.downcast().unwrap_or_default()
    }

    /// Drops the resource of that number, whatever it is.
    pub fn remove(&self, id: u32) {
        // Once it is out of the table: that may come back here.
        let resource = self.entries.borrow_mut().remove(&id);
        drop(resource);
    }
}
