//! Parts of files on their way to a socket, which the kernel sends: `sendfile(2)`.
//!
//! hyper knows bytes in memory alone. It is given memory that stands for a part, never read or written; where the stream that
//! writes for it meets that memory, the part is sent in its place. Only such a stream may be given stand-ins, see
//! [`sends_files`](crate::service::websocket::ByteStream::sends_files).

use std::cell::RefCell;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::os::fd::AsFd;

use bytes::Bytes;
use socket2::SockRef;

use crate::service::FilePart;

/// Bytes of one part.
pub const MAX_PART_BYTES: usize = 2 << 20;

/// Parts that a process has on their way at once; other files are read.
const MAX_PARTS: usize = 64;

/// What stands for parts: addresses, as nothing is ever in that memory. Each has a place of [`MAX_PART_BYTES`].
struct Parts {
    memory: &'static [u8],
    parts: Vec<Option<FilePart>>,
    free: Vec<usize>,
}

impl Parts {
    fn new() -> Self {
        Self {
            memory: vec![0; MAX_PARTS * MAX_PART_BYTES].leak(),
            parts: vec![None; MAX_PARTS],
            free: (0..MAX_PARTS).collect(),
        }
    }
}

thread_local! {
    /// Made for the first file.
    static PARTS: RefCell<Option<Parts>> = const { RefCell::new(None) };
}

/// A place for a part, given back when this is dropped.
pub struct StandIn(usize);

impl StandIn {
    /// None where too many parts are on their way.
    pub fn take() -> Option<Self> {
        PARTS.with_borrow_mut(|parts| parts.get_or_insert_with(Parts::new).free.pop().map(Self))
    }

    /// What stands for a part of no more than [`MAX_PART_BYTES`].
    pub fn of(self, part: FilePart) -> Bytes {
        let bytes = part.bytes as usize;
        PARTS.with_borrow_mut(|parts| {
            if let Some(parts) = parts {
                parts.parts[self.0] = Some(part);
            }
        });
        Bytes::from_owner(self).slice(..bytes)
    }
}

impl AsRef<[u8]> for StandIn {
    fn as_ref(&self) -> &[u8] {
        let memory = PARTS.with_borrow(|parts| parts.as_ref().map(|parts| parts.memory));
        &memory.unwrap_or_default()[self.0 * MAX_PART_BYTES..][..MAX_PART_BYTES]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // At the end of the thread there is nothing to give back to.
        let _ = PARTS.try_with(|parts| {
            if let Some(parts) = &mut *parts.borrow_mut() {
                parts.parts[self.0] = None;
                parts.free.push(self.0);
            }
        });
    }
}

/// What a slice stands for.
fn behind(slice: &[u8]) -> Option<FilePart> {
    PARTS.with_borrow(|parts| {
        let parts = parts.as_ref()?;
        let offset = slice
            .as_ptr()
            .addr()
            .checked_sub(parts.memory.as_ptr().addr())?;
        let part = parts.parts.get(offset / MAX_PART_BYTES)?.as_ref()?;
        Some(FilePart {
            file: part.file.clone(),
            at: part.at + (offset % MAX_PART_BYTES) as u64,
            bytes: slice.len() as u64,
        })
    })
}

/// Whether one of the slices stands for a part.
pub fn has_part(slices: &[IoSlice<'_>]) -> bool {
    slices.iter().any(|slice| behind(slice).is_some())
}

/// Writes what comes before the first part, or some of that part, to a socket that does not block.
pub fn write(socket: impl AsFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    let before = slices.iter().position(|slice| behind(slice).is_some());
    let part = slices.first().and_then(|first| behind(first));
    let Some(part) = part else {
        // What it goes before is sent at once, in the same packet.
        let before = before.unwrap_or(slices.len());
        return SockRef::from(&socket).send_vectored_with_flags(&slices[..before], libc::MSG_MORE);
    };
    let mut at = part.at;
    match rustix::fs::sendfile(&socket, &part.file, Some(&mut at), part.bytes as usize)? {
        0 => Err(Error::new(
            ErrorKind::UnexpectedEof,
            "a file became shorter while it was sent",
        )),
        sent => Ok(sent),
    }
}
