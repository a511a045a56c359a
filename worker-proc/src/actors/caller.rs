//! Who waits for an event of an object: the object learns when its caller has the answer, or has gone without it.

use std::rc::{Rc, Weak};

use super::context::ActorContext;

/// See the module.
pub(super) struct Caller {
    context: Weak<ActorContext>,
    event: u32,
    is_answered: bool,
}

impl Caller {
    pub fn new(context: &Rc<ActorContext>, event: u32) -> Self {
        Self {
            context: Rc::downgrade(context),
            event,
            is_answered: false,
        }
    }

    pub fn part(mut self, is_answered: bool) {
        self.is_answered = is_answered;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(context) = self.context.upgrade() {
            context.part(self.event, self.is_answered);
        }
    }
}
