//! HMAC (RFC 2104).

use std::ptr::{from_ref, null, null_mut};

use aws_lc_sys as lc;

use crate::digest::Digest;
use crate::object::Owned;
use crate::{Failed, check};

/// The code of a message in one piece.
///
/// # Errors
/// Libcrypto refuses the key.
pub fn code(digest: Digest, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut hmac = Hmac::new(digest, key)?;
    hmac.update(message)?;
    hmac.finish()
}

/// A code being computed, and others with the same key after it.
pub struct Hmac {
    context: Owned<lc::HMAC_CTX>,
    size: usize,
}

impl Hmac {
    /// Begins a code.
    ///
    /// # Errors
    /// Libcrypto refuses the key or the function: those of extendable digests have no HMAC.
    pub fn new(digest: Digest, key: &[u8]) -> Result<Self, Failed> {
        // SAFETY: a new context is ours.
        let context = unsafe { Owned::new(lc::HMAC_CTX_new()) }?;
        let size = digest.size();
        let mut hmac = Self { context, size };
        hmac.init(Some((digest, key)))?;
        Ok(hmac)
    }

    /// Begins a code with a key, or with the last one.
    fn init(&mut self, with: Option<(Digest, &[u8])>) -> Result<(), Failed> {
        let (table, key, length) = with.map_or((null(), null(), 0), |(digest, key)| {
            (from_ref(digest.table()), key.as_ptr(), key.len())
        });
        // SAFETY: the key is read during the call. Null stands for the last one, and is none's start.
        check(unsafe {
            lc::HMAC_Init_ex(self.context.get(), key.cast(), length, table, null_mut())
        })
    }

    /// The length of a code in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Takes what comes next of the message.
    ///
    /// # Errors
    /// Libcrypto refuses.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        // SAFETY: the bytes are read during the call.
        check(unsafe { lc::HMAC_Update(self.context.get(), bytes.as_ptr(), bytes.len()) })
    }

    /// The code of the message.
    ///
    /// # Errors
    /// Libcrypto refuses.
    pub fn finish(mut self) -> Result<Vec<u8>, Failed> {
        let mut code = vec![0; self.size];
        self.write(&mut code)?;
        Ok(code)
    }

    /// Finishes the code in a place as long as it is; another message may begin.
    pub(crate) fn write(&mut self, code: &mut [u8]) -> Result<(), Failed> {
        assert_eq!(code.len(), self.size);
        // SAFETY: the place is as long as a code, and no length is asked for.
        check(unsafe { lc::HMAC_Final(self.context.get(), code.as_mut_ptr(), null_mut()) })
    }

    /// Begins another message with the same key.
    pub(crate) fn begin(&mut self) -> Result<(), Failed> {
        self.init(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_code_of_the_whole() {
        for name in ["MD5", "SHA-1", "SHA-256", "SHA-512"] {
            let digest = Digest::by_web_name(name).expect("a hash");
            for key in [&b""[..], b"key"] {
                let mut hmac = Hmac::new(digest, key).expect("an HMAC");
                hmac.update(b"in ").expect("room");
                hmac.update(b"pieces").expect("room");
                assert_eq!(hmac.finish(), code(digest, key, b"in pieces"), "{name}");
            }
        }
    }
}
