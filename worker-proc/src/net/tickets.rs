//! TLS session tickets that every process of the server can open, so that a client resumes its session wherever it comes to.
//!
//! Called by `tls`. The processes of a server share a secret (the supervisor's, in the file that they all have). The keys are made
//! of it and of the time, a new one every [`ROTATION`], so that no process need tell another. What a socket asks of its clients is
//! part of the key: a session begun at a socket that wants no certificate is not resumed at one that does.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use nix::sys::uio::pread;
use rustls::server::ProducesTickets;

/// How long a key is used for new tickets. Its tickets are good for as long again.
const ROTATION: Duration = Duration::from_secs(6 * 60 * 60);

/// The number of the key, as a ticket begins with it.
const NUMBER_BYTES: usize = 8;

/// What all processes of a server know, and nobody else.
#[derive(Clone, Copy)]
pub struct Secret([u8; ipc::SECRET_BYTES]);

impl Secret {
    /// That of the server, at the beginning of the file that its processes share. Without one, a secret of this process.
    pub fn of(shared: Option<BorrowedFd<'_>>) -> Self {
        let mut bytes = [0; ipc::SECRET_BYTES];
        let read = shared.map(|file| pread(file, &mut bytes, 0));
        if read != Some(Ok(bytes.len())) {
            // Where there is no randomness, a handshake fails for it long before a ticket is made.
            let _ = aws_lc_rs::rand::fill(&mut bytes);
        }
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The tickets of sockets that ask the same of their clients.
pub struct Tickets(Prk);

impl Tickets {
    /// `terms` are what the sockets ask: any text that differs where they do.
    pub fn new(secret: Secret, terms: &str) -> Self {
        Self(Salt::new(HKDF_SHA256, terms.as_bytes()).extract(&secret.0))
    }

    fn key(&self, number: u64) -> Option<LessSafeKey> {
        let mut key = [0; 32];
        let info = [&number.to_be_bytes()[..]];
        let expanded = self.0.expand(&info, &AES_256_GCM).ok()?;
        expanded.fill(&mut key).ok()?;
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?))
    }

    fn seal(&self, plain: &[u8], number: u64) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let head = number.to_be_bytes();
        let mut sealed = plain.to_vec();
        let key = self.key(number)?;
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(head),
            &mut sealed,
        )
        .ok()?;
        Some([&head[..], &nonce, &sealed].concat())
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (head, rest) = ticket.split_first_chunk::<NUMBER_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let number = u64::from_be_bytes(*head);
        if number != now && number.checked_add(1) != Some(now) {
            return None;
        }
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let key = self.key(number)?;
        let length = key
            .open_in_place(nonce, Aad::from(*head), &mut opened)
            .ok()?
            .len();
        opened.truncate(length);
        Some(opened)
    }
}

/// The number of the key that is in use.
fn current() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / ROTATION.as_secs()
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        2 * ROTATION.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, current())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(secret: u8, terms: &str) -> Tickets {
        Tickets::new(Secret([secret; ipc::SECRET_BYTES]), terms)
    }

    #[test]
    fn another_process_opens_a_ticket_for_two_rotations() {
        let ticket = tickets(1, "a").seal(b"session", 7).unwrap();
        let opens = |now| tickets(1, "a").open(&ticket, now);
        assert_eq!(opens(7).as_deref(), Some(&b"session"[..]));
        assert_eq!(opens(8).as_deref(), Some(&b"session"[..]));
        assert_eq!(opens(9), None);
        assert_eq!(opens(6), None);
    }

    #[test]
    fn nobody_else_does() {
        let ticket = tickets(1, "a").seal(b"session", 7).unwrap();
        assert_eq!(tickets(2, "a").open(&ticket, 7), None);
        assert_eq!(tickets(1, "b").open(&ticket, 7), None);
    }

    #[test]
    fn a_changed_or_short_ticket_is_none() {
        let ticket = tickets(1, "a").seal(b"session", 7).unwrap();
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(tickets(1, "a").open(&changed, 7), None, "byte {place}");
            assert_eq!(tickets(1, "a").open(&ticket[..place], 7), None);
        }
        let far = [&u64::MAX.to_be_bytes()[..], &[0; 64]].concat();
        assert_eq!(tickets(1, "a").open(&far, 0), None);
    }
}
