//! Who waits for an event of an object: the object learns when its caller has the answer, or has gone without it.

use std::rc::Weak;

/// What learns of it.
pub(super) trait Called {
    /// The caller of an event has its answer, or has gone without it.
    fn part(&self, event: u32, is_answered: bool);
}

/// See the module.
pub(super) struct Caller {
    called: Weak<dyn Called>,
    event: u32,
    is_answered: bool,
}

impl Caller {
    pub fn new(called: Weak<dyn Called>, event: u32) -> Self {
        Self {
            called,
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
        if let Some(called) = self.called.upgrade() {
            called.part(self.event, self.is_answered);
        }
    }
}
