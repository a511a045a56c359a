//! The storage of one live object.

use std::rc::Rc;

use crate::service::{Error, Kind};
use crate::storage::{self, Storage};

/// See the module.
pub struct Store {
    storage: Rc<Storage>,
    /// The data is in it alone.
    keep: bool,
}

impl Store {
    /// Its object's lock is held; `keep` if the data is in it alone.
    pub fn new(storage: Rc<Storage>, keep: bool) -> Self {
        Self { storage, keep }
    }

    pub fn storage(&self) -> &Rc<Storage> {
        &self.storage
    }

    /// Undoes what the turn has written: the object broke.
    pub fn undo(&self) {
        self.storage.abandon();
    }

    /// Closes the file; nobody uses it any more.
    pub async fn close(self) {
        if !self.keep
            && let Ok(storage) = Rc::try_unwrap(self.storage)
            && let Err(error) = storage.close().await
        {
            crate::log::error(format_args!(
                "closing a Durable Object's storage: {}",
                error.message()
            ));
        }
    }
}

/// What a storage error means for the object that meets it at the end of a turn: it breaks.
pub fn broken_by(error: &storage::Error) -> Error {
    let mut broken = Error::new(Kind::Worker, error.message());
    broken.flags.durable_object_reset = true;
    broken
}
