//! Which Durable Object a call is for.

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
