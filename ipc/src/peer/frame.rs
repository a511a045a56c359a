//! The frames of a peer link, and the buffers that they are written to and read from.
//!
//! Called by `socket`, which fills and empties the buffers, and by the runtime's `peer`, which gives frames their meaning.
//! Everything that arrives is checked: bytes that are no frame give an error, which closes the link, and never a panic.
//!
//! A link begins with the [`GREETING`] of both sides, which names the version. Then frames follow: a header of
//! [`HEADER_BYTES`], the payload, and zeros up to a whole word, so that a Cap'n Proto payload is read where it lies. The
//! header, little-endian: payload length `u32`, kind `u8`, flags `u8`, number of descriptors `u8`, zero `u8`, number `u64`.
//! Calls, and what they export, stream and signal, have numbers. Each is chosen by the side that begins it (the caller, the
//! exporter), counts up, and is never used again for anything.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::OwnedFd;

use crate::fds::{bytes_of_words, bytes_of_words_mut};

/// The version of what follows the greeting: see `schema/peer.capnp`.
pub const PROTOCOL_VERSION: u8 = 3;

/// The first bytes of each side.
pub const GREETING: [u8; 8] = [b'w', b'd', b'-', b'p', b'e', b'e', b'r', PROTOCOL_VERSION];

/// What stands before every payload.
pub const HEADER_BYTES: usize = 16;

/// The longest payload: a call's head with all its headers, `cf` and props, or a chunk of a body.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// The longest chunk of a body in one frame. A longer one is cut, so that calls take turns on the link.
pub const MAX_CHUNK_BYTES: usize = 64 * 1024;

/// The descriptors of one frame.
pub const MAX_FDS_PER_FRAME: usize = 4;

/// What a read is offered at least, and what a buffer keeps.
const BUFFER_BYTES: usize = 128 * 1024;

const WORD: usize = 8;
const FROM_CALLEE: u8 = 1;
const END: u8 = 2;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A call begins; the payload is a `Call`.
    Call = 1,
    /// The call's answer; the payload is an `Answer`.
    Answer = 2,
    /// Bytes of the sender's body.
    Chunk = 3,
    /// The sender's body ends early; the payload is a `Failure`.
    Broken = 4,
    /// The receiver may send so many more bytes of its body: a `u32`.
    Credit = 5,
    /// The receiver's body is not read any more.
    Stop = 6,
    /// The caller does not wait for the answer any more, or for what may be called on it.
    Cancel = 7,
    /// A piece of the value that the next call, answer or signal carries.
    Part = 8,
    /// The receiver of an export is through with it.
    Release = 9,
    /// A signal is aborted; the payload is its reason, a `Payload`.
    Signal = 10,
    /// The receiver of a WebSocket's end begins to use it: messages flow as bodies do.
    Open = 11,
    /// The receiver of a WebSocket's end has a connection to take its place; the payload is a `Wire`.
    Socket = 12,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        use Kind::*;
        [
            Call, Answer, Chunk, Broken, Credit, Stop, Cancel, Part, Release, Signal, Open, Socket,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// One frame that has arrived.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What it brings.
    pub kind: Kind,
    /// The sender is the one who was called. Otherwise it is the one who chose the number `call`.
    pub from_callee: bool,
    /// The sender's body ends with this frame.
    pub end: bool,
    /// The number of the call or body that it belongs to.
    pub call: u64,
    /// Without the header.
    pub payload: &'a [u8],
    /// Descriptors that came with its first bytes.
    pub fds: Vec<OwnedFd>,
}

/// Why a link is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// The other side is no peer, or one of another version.
    Greeting,
    /// A frame's header has an impossible value.
    Header(&'static str),
    /// A payload is not what its kind says.
    Payload(String),
    /// A frame that cannot come at this point of its call.
    OutOfTurn(&'static str),
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greeting => {
                write!(
                    f,
                    "it does not speak version {PROTOCOL_VERSION} of the protocol between processes"
                )
            }
            Self::Header(field) => write!(f, "it sent a frame with an impossible {field}"),
            Self::Payload(error) => write!(f, "it sent a frame that cannot be read: {error}"),
            Self::OutOfTurn(what) => write!(f, "it sent {what}"),
        }
    }
}

impl std::error::Error for PeerError {}

/// What has arrived and is not read yet.
#[derive(Debug)]
pub struct Inbox {
    words: Vec<u64>,
    /// In bytes, always a whole word.
    start: usize,
    end: usize,
    greeted: bool,
    fds: VecDeque<OwnedFd>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            words: vec![0; BUFFER_BYTES / WORD],
            start: 0,
            end: 0,
            greeted: false,
            fds: VecDeque::new(),
        }
    }
}

impl Inbox {
    /// Room for more bytes, never empty; [`Inbox::filled`] says how many came.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.words.len() > BUFFER_BYTES / WORD {
                self.words = vec![0; BUFFER_BYTES / WORD];
            }
        }
        let needed = self.pending_bytes().max(HEADER_BYTES);
        let capacity = self.words.len() * WORD;
        if self.start > 0 && (self.start + needed > capacity || self.end == capacity) {
            let (start, end) = (self.start, self.end);
            bytes_of_words_mut(&mut self.words).copy_within(start..end, 0);
            (self.start, self.end) = (0, end - start);
        }
        if needed > capacity {
            self.words.resize(needed.div_ceil(WORD), 0);
        }
        let end = self.end;
        &mut bytes_of_words_mut(&mut self.words)[end..]
    }

    /// The first `count` bytes of the space have been filled.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.words.len() * WORD);
    }

    /// Descriptors that came with the bytes.
    pub fn add_fds(&mut self, fds: impl IntoIterator<Item = OwnedFd>) {
        self.fds.extend(fds);
    }

    /// The whole length of the frame that has begun to arrive.
    fn pending_bytes(&self) -> usize {
        let bytes = &bytes_of_words(&self.words)[self.start..self.end];
        match bytes.first_chunk::<4>() {
            // Checked by `next` before more is read; without that, not believed.
            Some(length) if self.greeted => {
                let length = (u32::from_le_bytes(*length) as usize).min(MAX_PAYLOAD_BYTES);
                HEADER_BYTES + length.next_multiple_of(WORD)
            }
            _ => 0,
        }
    }

    /// The next whole frame.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, PeerError> {
        let bytes = &bytes_of_words(&self.words)[self.start..self.end];
        let bytes = match self.greeted {
            true => bytes,
            false => match bytes.split_first_chunk() {
                None => return Ok(None),
                Some((&GREETING, rest)) => {
                    self.greeted = true;
                    self.start += GREETING.len();
                    rest
                }
                Some(_) => return Err(PeerError::Greeting),
            },
        };
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [l0, l1, l2, l3, kind, flags, fd_count, zero, call @ ..] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(PeerError::Header("length"));
        }
        let kind = Kind::from_byte(kind).ok_or(PeerError::Header("kind"))?;
        if flags & !(FROM_CALLEE | END) != 0 || zero != 0 {
            return Err(PeerError::Header("flag"));
        }
        let fd_count = usize::from(fd_count);
        if fd_count > MAX_FDS_PER_FRAME {
            return Err(PeerError::Header("number of descriptors"));
        }
        let padded = length.next_multiple_of(WORD);
        if rest.len() < padded {
            return Ok(None);
        }
        if fd_count > self.fds.len() {
            return Err(PeerError::Header("number of descriptors"));
        }
        self.start += HEADER_BYTES + padded;
        Ok(Some(Frame {
            kind,
            from_callee: flags & FROM_CALLEE != 0,
            end: flags & END != 0,
            call: u64::from_le_bytes(call),
            payload: &rest[..length],
            fds: self.fds.drain(..fd_count).collect(),
        }))
    }
}

/// What is to be sent. Its bound is its callers': calls, and the credit of their bodies.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// What has been sent of `bytes`.
    sent: usize,
    /// Where in `bytes` frames with descriptors begin.
    fds: VecDeque<(usize, Vec<OwnedFd>)>,
}

impl Default for Outbox {
    /// Begins with the greeting.
    fn default() -> Self {
        Self {
            bytes: GREETING.to_vec(),
            sent: 0,
            fds: VecDeque::new(),
        }
    }
}

/// Which frame to write.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    /// What it brings.
    pub kind: Kind,
    /// As in [`Frame::from_callee`].
    pub from_callee: bool,
    /// As in [`Frame::end`].
    pub end: bool,
    /// As in [`Frame::call`].
    pub call: u64,
}

impl Outbox {
    /// Writes a frame whose payload `write` appends. Writes nothing when that is too long, and says so.
    pub fn frame(&mut self, tag: Tag, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.frame_with_fds(tag, Vec::new(), write)
    }

    /// The same with descriptors, at most [`MAX_FDS_PER_FRAME`].
    pub fn frame_with_fds(
        &mut self,
        tag: Tag,
        fds: Vec<OwnedFd>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        write(&mut self.bytes);
        let length = self.bytes.len().saturating_sub(start + HEADER_BYTES);
        if length > MAX_PAYLOAD_BYTES || fds.len() > MAX_FDS_PER_FRAME {
            self.bytes.truncate(start);
            return false;
        }
        let flags = if tag.from_callee { FROM_CALLEE } else { 0 } | if tag.end { END } else { 0 };
        let header = &mut self.bytes[start..start + HEADER_BYTES];
        header[..4].copy_from_slice(&(length as u32).to_le_bytes());
        header[4..8].copy_from_slice(&[tag.kind as u8, flags, fds.len() as u8, 0]);
        header[8..].copy_from_slice(&tag.call.to_le_bytes());
        let padding = length.next_multiple_of(WORD) - length;
        self.bytes.extend_from_slice(&[0; WORD][..padding]);
        if !fds.is_empty() {
            self.fds.push_back((start, fds));
        }
        true
    }

    /// Bytes that wait to be sent.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the next write sends: bytes, and the descriptors that go with the first of them.
    pub fn next_write(&self) -> (&[u8], &[OwnedFd]) {
        let (fds, next) = match self.fds.front() {
            Some((at, fds)) if *at == self.sent => {
                (fds.as_slice(), self.fds.get(1).map(|(at, _)| *at))
            }
            Some((at, _)) => (&[][..], Some(*at)),
            None => (&[][..], None),
        };
        (
            &self.bytes[self.sent..next.unwrap_or(self.bytes.len())],
            fds,
        )
    }

    /// `count` bytes of the last [`Outbox::next_write`], at least one, have been sent, with its descriptors.
    pub fn advance(&mut self, count: usize) {
        if self.fds.front().is_some_and(|(at, _)| *at == self.sent) {
            self.fds.pop_front();
        }
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(BUFFER_BYTES);
            self.sent = 0;
        } else if self.sent > BUFFER_BYTES && self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.fds.iter_mut().for_each(|(at, _)| *at -= self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: Kind, call: u64) -> Tag {
        Tag {
            kind,
            from_callee: false,
            end: false,
            call,
        }
    }

    /// Moves everything over, `step` bytes at a time.
    fn pass(from: &mut Outbox, to: &mut Inbox, step: usize, mut seen: impl FnMut(Frame)) {
        while !from.is_empty() {
            let (bytes, fds) = from.next_write();
            let count = bytes.len().min(step);
            let copies: Vec<_> = fds.iter().map(|fd| fd.try_clone().unwrap()).collect();
            let space = to.space();
            let count = count.min(space.len());
            space[..count].copy_from_slice(&bytes[..count]);
            to.filled(count);
            to.add_fds(copies);
            from.advance(count);
            while let Some(frame) = to.next_frame().unwrap() {
                seen(frame);
            }
        }
    }

    #[test]
    fn frames_come_back_whole_however_they_are_cut() {
        for step in [1, 7, 16, 1000, usize::MAX] {
            let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
            let lengths = [0, 1, 7, 8, 9, 5000, 300_000];
            for (call, length) in lengths.iter().enumerate() {
                let payload = vec![call as u8; *length];
                assert!(outbox.frame(tag(Kind::Chunk, call as u64), |out| out.extend(&payload)));
            }
            let mut seen = Vec::new();
            pass(&mut outbox, &mut inbox, step, |frame| {
                assert_eq!(frame.kind, Kind::Chunk);
                assert!(
                    frame
                        .payload
                        .iter()
                        .all(|byte| u64::from(*byte) == frame.call)
                );
                assert_eq!(frame.payload.as_ptr() as usize % WORD, 0);
                seen.push(frame.payload.len());
            });
            assert_eq!(seen, lengths);
        }
    }

    #[test]
    fn descriptors_go_with_their_frame() {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        let (fd, other) = crate::fds::stream_pair().unwrap();
        outbox.frame(tag(Kind::Call, 1), |_| {});
        outbox.frame_with_fds(tag(Kind::Call, 2), vec![fd], |_| {});
        outbox.frame(tag(Kind::Call, 3), |_| {});
        outbox.frame_with_fds(tag(Kind::Call, 4), vec![other], |_| {});
        let mut seen = Vec::new();
        pass(&mut outbox, &mut inbox, 10, |frame| {
            seen.push((frame.call, frame.fds.len()))
        });
        assert_eq!(seen, [(1, 0), (2, 1), (3, 0), (4, 1)]);
    }

    #[test]
    fn too_long_a_payload_is_not_written() {
        let mut outbox = Outbox::default();
        let before = outbox.len();
        assert!(!outbox.frame(tag(Kind::Call, 1), |out| {
            out.resize(out.len() + MAX_PAYLOAD_BYTES + 1, 0)
        }));
        assert_eq!(outbox.len(), before);
    }

    #[test]
    fn garbage_is_an_error() {
        let read = |bytes: &[u8]| {
            let mut inbox = Inbox::default();
            inbox.space()[..bytes.len()].copy_from_slice(bytes);
            inbox.filled(bytes.len());
            inbox.next_frame().map(|frame| frame.is_some())
        };
        let framed = |header: [u8; 16]| read(&[&GREETING[..], &header[..]].concat());
        assert_eq!(read(b"GET / HT"), Err(PeerError::Greeting));
        assert_eq!(read(b"GET"), Ok(false));
        let good = [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(framed(good), Ok(true));
        let with = |at: usize, byte| {
            let mut header = good;
            header[at] = byte;
            framed(header)
        };
        assert_eq!(with(3, 255), Err(PeerError::Header("length")));
        assert_eq!(with(4, 99), Err(PeerError::Header("kind")));
        assert_eq!(with(5, 128), Err(PeerError::Header("flag")));
        assert_eq!(with(6, 1), Err(PeerError::Header("number of descriptors")));
        assert_eq!(with(7, 1), Err(PeerError::Header("flag")));
    }
}
