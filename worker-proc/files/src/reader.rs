//! A part of a file as a body, chunk by chunk as its reader asks for them.
//!
//! What the page cache has is read at once, into memory that the last chunks have left, or sent by the kernel, where the body goes to
//! a socket as it is. What it has not is read on another thread.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::{Conceal, jobs};
use service::{Body, BodyStream, Error, FilePart};

/// Bytes of a file in one chunk.
const MAX_CHUNK_BYTES: usize = 128 << 10;

/// A file of no more is read before its answer begins, which then is one write.
const MAX_AT_ONCE_BYTES: u64 = 16 << 10;

/// Memory of chunks that are gone, kept for the next ones: 4 MiB.
const MAX_SPARE_BUFFERS: usize = 32;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Memory for a chunk. Where it is dropped it is kept for the next one.
struct Buffer(Vec<u8>);

impl Buffer {
    fn of(bytes: usize) -> Self {
        if bytes < MAX_CHUNK_BYTES {
            return Self(vec![0; bytes]);
        }
        let spare = SPARE.with_borrow_mut(Vec::pop);
        Self(spare.unwrap_or_else(|| vec![0; MAX_CHUNK_BYTES]))
    }

    fn filled(mut self, bytes: usize) -> Bytes {
        if bytes < self.0.len() {
            self.0.truncate(bytes);
        }
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.len() == MAX_CHUNK_BYTES {
            let memory = std::mem::take(&mut self.0);
            // At the end of a thread there is no place for it.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < MAX_SPARE_BUFFERS {
                    spare.push(memory);
                }
            });
        }
    }
}

/// Reads one chunk. `WouldBlock` says that it is not in memory, where `flags` ask that.
fn read(file: &OwnedFd, at: u64, most: u64, flags: ReadWriteFlags) -> io::Result<Bytes> {
    let most = usize::try_from(most).map_or(MAX_CHUNK_BYTES, |most| most.min(MAX_CHUNK_BYTES));
    let mut buffer = Buffer::of(most);
    let mut slices = [IoSliceMut::new(&mut buffer.0)];
    loop {
        match preadv2(file, &mut slices, at, flags) {
            Ok(count) => return Ok(buffer.filled(count)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The same where the page cache has it; none if it must be waited for.
fn read_cached(file: &OwnedFd, at: u64, most: u64) -> io::Result<Option<Bytes>> {
    match read(file, at, most, ReadWriteFlags::NOWAIT) {
        Ok(chunk) => Ok(Some(chunk)),
        Err(error) => match Errno::from_io_error(&error) {
            // Not every file system can tell.
            Some(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL) => Ok(None),
            _ => Err(error),
        },
    }
}

/// So many bytes of a file as a body.
pub fn body(file: OwnedFd, at: u64, bytes: u64, conceal: Conceal) -> Body {
    if bytes == 0 {
        return Body::Empty;
    }
    if bytes <= MAX_AT_ONCE_BYTES
        && let Ok(Some(all)) = read_cached(&file, at, bytes)
        && all.len() as u64 == bytes
    {
        return Body::Bytes(all);
    }
    Body::Stream(Box::new(Reader {
        file: Arc::new(file),
        at,
        left: bytes,
        reading: None,
        conceal,
    }))
}

struct Reader {
    file: Arc<OwnedFd>,
    at: u64,
    left: u64,
    /// A chunk that another thread reads.
    reading: Option<LocalBoxFuture<'static, io::Result<Bytes>>>,
    conceal: Conceal,
}

impl Reader {
    /// Whether the page cache has what comes next, by its first and last byte: who sends it must not wait for a disk.
    fn is_cached(&self, bytes: u64) -> bool {
        let has = |at| matches!(read_cached(&self.file, at, 1), Ok(Some(byte)) if !byte.is_empty());
        has(self.at) && has(self.at + bytes - 1)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                if let Some(chunk) = read_cached(&self.file, self.at, self.left)? {
                    return Poll::Ready(Ok(chunk));
                }
                let (file, at, most) = (self.file.clone(), self.at, self.left);
                let read = move || read(&file, at, most, ReadWriteFlags::empty());
                self.reading.insert(Box::pin(jobs::run(read)))
            }
        };
        let read = std::task::ready!(reading.as_mut().poll(cx));
        self.reading = None;
        Poll::Ready(read)
    }
}

impl BodyStream for Reader {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let error = match std::task::ready!(self.poll_read(cx)) {
            Ok(chunk) if !chunk.is_empty() => {
                self.at += chunk.len() as u64;
                self.left -= chunk.len() as u64;
                return Poll::Ready(Some(Ok(chunk)));
            }
            Ok(_) => (self.conceal)(&"a file became shorter while it was read"),
            Err(error) => (self.conceal)(&format_args!("a file cannot be read: {error}")),
        };
        self.left = 0;
        Poll::Ready(Some(Err(error)))
    }

    fn poll_file(&mut self, _: &mut Context<'_>, most: u64) -> Poll<Option<FilePart>> {
        let bytes = self.left.min(most);
        if bytes <= MAX_AT_ONCE_BYTES || self.reading.is_some() || !self.is_cached(bytes) {
            return Poll::Ready(None);
        }
        let (file, at) = (self.file.clone(), self.at);
        self.at += bytes;
        self.left -= bytes;
        Poll::Ready(Some(FilePart { file, at, bytes }))
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}
