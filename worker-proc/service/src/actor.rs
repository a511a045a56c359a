//! Which Durable Object a call is for, and where to find it.

const BYTES: usize = size_of::<ActorId>();

/// The 32 bytes of an object's id.
pub type ActorId = [u8; 32];

/// 64 hex digits as an id, whatever namespace it is of.
pub fn from_hex(text: &str) -> Option<ActorId> {
    let digits = text.as_bytes();
    if digits.len() != 2 * BYTES {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16);
    let mut id = [0; BYTES];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(id)
}

/// An id as 64 lower-case hex digits.
pub fn to_hex(id: &ActorId) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * BYTES);
    for byte in id {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// The number of a runtime process among those of its server, `0..slots`.
pub type Slot = u32;

/// One object of one namespace, as every process of a server names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The namespace's unique key.
    pub namespace: String,
    /// The object's id.
    pub id: ActorId,
    /// The name that the id was made from, if its caller knows it.
    pub name: Option<String>,
    /// `ctx.props` as JSON.
    pub props: Option<String>,
}

/// What an object is told of itself: `ctx.id`.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Its id, with the name that it was made from if that is known.
    Id(ActorId, Option<String>),
    /// Text that tells nobody else where it is: an ephemeral object's name, or what its parent calls a facet.
    Text(String),
}
