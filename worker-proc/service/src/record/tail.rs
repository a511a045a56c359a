//! What a tail worker is told by its event.

use std::rc::Rc;

use super::stream::Reader;
use super::trace::Trace;

/// What a tail worker is told.
pub enum Told {
    /// To its `tail` handler: what has been done.
    Trace(Rc<Trace>),
    /// To its `tailStream` handler: what is being done.
    Stream(Reader),
}

/// A tail worker's event.
pub struct Tail {
    /// What it is told.
    pub told: Told,
    /// The tail workers that are told of it in turn are none of these.
    pub ancestors: Ancestors,
}

/// The workers that an event goes back to by being a tail worker's: so a circle of tails ends.
#[derive(Clone, Debug, Default)]
pub struct Ancestors(Option<Rc<(String, Ancestors)>>);

impl Ancestors {
    /// These and one more.
    pub fn with(&self, name: &str) -> Self {
        Self(Some(Rc::new((name.to_owned(), self.clone()))))
    }

    /// Whether a worker of that name is one of them.
    pub fn contain(&self, name: &str) -> bool {
        let mut at = self;
        while let Some(link) = &at.0 {
            if link.0 == name {
                return true;
            }
            at = &link.1;
        }
        false
    }
}
