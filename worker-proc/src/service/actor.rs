//! Durable Objects as others see them: which one a call is for, and where to find it.

use std::rc::Rc;

use super::{Error, Service};

/// The 32 bytes of an object's id.
pub type ActorId = [u8; 32];

/// The number of a runtime process among those of its server, `0..slots`.
pub type Slot = u32;

/// One object of one namespace, as every process of a server names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The namespace's unique key.
    pub namespace: String,
    pub id: ActorId,
    /// The name that the id was made from, if its caller knows it.
    pub name: Option<String>,
    /// `ctx.props` as JSON.
    pub props: Option<String>,
}

/// A namespace of objects, as a binding.
pub trait Namespace {
    /// An id that no other call returns.
    ///
    /// # Errors
    /// The system has no random bytes.
    fn unique_id(&self) -> Result<ActorId, Error>;

    /// The id that a name always has.
    fn id_from_name(&self, name: &str) -> ActorId;

    /// The id of 64 hex digits.
    ///
    /// # Errors
    /// A `TypeError`: other text, or an id of another namespace.
    fn id_from_string(&self, text: &str) -> Result<ActorId, Error>;

    /// The object of that id, wherever it lives.
    fn object(&self, id: ActorId, name: Option<String>) -> Rc<dyn Service>;
}
