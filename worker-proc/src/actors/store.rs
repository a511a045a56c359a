//! The storage of a live object, as its context sees it.

use std::rc::Rc;

use super::context::Safe;
use crate::service::{ActorId, Error};

/// Where a worker's objects keep what they store.
#[derive(Clone, Debug, Default)]
pub enum StoreSpec {
    #[default]
    None,
    InMemory,
}

pub struct Store;

impl Store {
    pub async fn open(
        spec: &StoreSpec,
        _key: &str,
        _id: &ActorId,
        _sql: bool,
    ) -> Result<Option<Rc<Self>>, Error> {
        match spec {
            StoreSpec::None | StoreSpec::InMemory => Ok(None),
        }
    }

    pub fn commit(&self) -> Result<Option<Safe>, Error> {
        Ok(None)
    }
}
