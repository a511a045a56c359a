//! Ids of objects: 32 bytes, half of them a base, half a MAC of it that tells the namespace.
//!
//! Derived as workerd derives them, so that links, names and stored data carry over.

use aws_lc_rs::{digest, hmac};

use crate::service::{ActorId, from_hex};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::to_hex;

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
