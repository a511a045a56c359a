//! Parts of files on their way to a socket, which the kernel sends: `sendfile(2)`.
//!
//! hyper knows bytes in memory alone. It is given memory that stands for a part, never read or written; where the stream that
//! writes for it meets that memory, the part is sent in its place. Only such a stream may be given stand-ins, see
//! [`sends_files`](crate::service::websocket::ByteStream::sends_files).

use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::os::fd::AsFd;

use bytes::Bytes;
use socket2::SockRef;

use crate::service::FilePart;

/// Bytes of one part.
pub const MAX_PART_BYTES: usize = 2 << 20;

/// Parts that a process has on their way at once; other files are read.
const MAX_PARTS: usize = 64;

/// The parts by their places, each of [`MAX_PART_BYTES`].
struct Parts {
    parts: Vec<Option<FilePart>>,
    free: Vec<usize>,
}

impl Parts {
    fn new() -> Self {
        MEMORY.set(vec![0; MAX_PARTS * MAX_PART_BYTES].leak());
        Self {
            parts: vec![None; MAX_PARTS],
            free: (0..MAX_PARTS).collect(),
        }
    }
}

thread_local! {
    /// What stands for parts: addresses, as nothing is ever in that memory. Empty before the first file.
    static MEMORY: Cell<&'static [u8]> = const { Cell::new(&[]) };
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
        &MEMORY.get()[self.0 * MAX_PART_BYTES..][..MAX_PART_BYTES]
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

fn stands_in(slice: &[u8]) -> bool {
    MEMORY.get().as_ptr_range().contains(&slice.as_ptr())
}

/// Whether one of the slices stands for a part.
pub fn has_part(slices: &[IoSlice<'_>]) -> bool {
    slices.iter().any(|slice| stands_in(slice))
}

/// What a slice stands for.
fn behind(slice: &[u8]) -> Option<FilePart> {
    let offset = slice.as_ptr().addr() - MEMORY.get().as_ptr().addr();
    PARTS.with_borrow(|parts| {
        let part = parts
            .as_ref()?
            .parts
            .get(offset / MAX_PART_BYTES)?
            .as_ref()?;
        Some(FilePart {
            file: part.file.clone(),
            at: part.at + (offset % MAX_PART_BYTES) as u64,
            bytes: slice.len() as u64,
        })
    })
}

/// Writes what comes before the first part, or some of that part, to a socket that does not block.
pub fn write(socket: impl AsFd, slices: &[IoSlice<'_>]) -> Result<usize> {
    let before = slices.iter().position(|slice| stands_in(slice));
    let part = match before {
        Some(0) => behind(&slices[0]),
        // What it goes before is sent at once, in the same packet.
        before => {
            let before = &slices[..before.unwrap_or(slices.len())];
            return SockRef::from(&socket).send_vectored_with_flags(before, libc::MSG_MORE);
        }
    };
    let part = part.ok_or_else(|| Error::other("a part of a file is gone"))?;
    let mut at = part.at;
    match rustix::fs::sendfile(&socket, &part.file, Some(&mut at), part.bytes as usize)? {
        0 => Err(Error::new(
            ErrorKind::UnexpectedEof,
            "a file became shorter while it was sent",
        )),
        sent => Ok(sent),
    }
}
