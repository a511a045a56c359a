//! Ids of objects: 32 bytes, half of them a base, half a MAC of it that tells the namespace.
//!
//! Derived as workerd derives them, so that links, names and stored data carry over.

use aws_lc_rs::{digest, hmac};

use crate::service::ActorId;

const HALF: usize = 16;

/// Makes and checks the ids of one namespace.
pub struct IdFactory {
    key: hmac::Key,
}

/// What is wrong with the text of an id.
#[derive(Debug, PartialEq, Eq)]
pub enum BadId {
    NotHex,
    OtherNamespace,
}

impl IdFactory {
    /// Of the namespace with this unique key.
    pub fn new(unique_key: &str) -> Self {
        let key = digest::digest(&digest::SHA256, unique_key.as_bytes());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        }
    }

    fn half(&self, data: &[u8]) -> [u8; HALF] {
        let tag = hmac::sign(&self.key, data);
        let mut half = [0; HALF];
        half.copy_from_slice(&tag.as_ref()[..HALF]);
        half
    }

    fn complete(&self, base: [u8; HALF]) -> ActorId {
        let mut id = [0; 2 * HALF];
        id[..HALF].copy_from_slice(&base);
        id[HALF..].copy_from_slice(&self.half(&base));
        id
    }

    /// The id that this name always has.
    pub fn named(&self, name: &str) -> ActorId {
        self.complete(self.half(name.as_bytes()))
    }

    /// An id that no other call returns.
    ///
    /// # Errors
    /// None is made if the system has no random bytes.
    pub fn unique(&self) -> Option<ActorId> {
        let mut base = [0; HALF];
        aws_lc_rs::rand::fill(&mut base).ok()?;
        Some(self.complete(base))
    }

    /// The id of 64 hex digits.
    ///
    /// # Errors
    /// Other text, and ids of other namespaces.
    pub fn parse(&self, text: &str) -> Result<ActorId, BadId> {
        let id = from_hex(text).ok_or(BadId::NotHex)?;
        if self.half(&id[..HALF]) == id[HALF..] {
            Ok(id)
        } else {
            Err(BadId::OtherNamespace)
        }
    }
}

/// 64 hex digits as an id, whatever namespace it is of.
pub fn from_hex(text: &str) -> Option<ActorId> {
    let digits = text.as_bytes();
    if digits.len() != 4 * HALF {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16);
    let mut id = [0; 2 * HALF];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(id)
}

/// An id as 64 lower-case hex digits.
pub fn to_hex(id: &ActorId) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(4 * HALF);
    for byte in id {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_their_namespace() {
        let ids = IdFactory::new("my-key");
        let named = ids.named("alice");
        // As the published binary derives it.
        let known = "38cbc44f942b677e49cd03b34fcd89bd1446ae283fa461253a8f41b134d4cb80";
        assert_eq!(to_hex(&named), known);
        assert_eq!(named, ids.named("alice"));
        assert_ne!(named, ids.named("bob"));
        assert_eq!(ids.parse(&to_hex(&named)), Ok(named));
        assert_eq!(ids.parse(&to_hex(&named).to_uppercase()), Ok(named));
        let other = IdFactory::new("other");
        assert_eq!(other.parse(&to_hex(&named)), Err(BadId::OtherNamespace));
        for text in ["", "zz", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
            assert_eq!(ids.parse(text), Err(BadId::NotHex));
        }
        let unique = ids.unique().unwrap();
        assert_eq!(ids.parse(&to_hex(&unique)), Ok(unique));
        assert_ne!(ids.unique(), Some(unique));
    }
}
