//! The bytes of a control message: one packet, a version and a tag, then fields in order.
//!
//! Called by `messages`, which owns what the fields mean. Every length is checked against the packet, so bytes from
//! another version of the program give an error and never a panic.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// A packet holds at most this many bytes; `SOCK_SEQPACKET` keeps packets whole.
pub const MAX_PACKET_BYTES: usize = 128 * 1024;

/// The version of the control protocol. Both ends of a channel are the same binary except across a binary upgrade, where the
/// handshake compares it.
pub const VERSION: u8 = 6;

/// A message of one direction: to and from packet bytes and the descriptors beside them.
pub trait Message: Sized {
    /// The packet.
    fn encode(&self) -> Vec<u8>;
    /// The descriptors that go beside the packet, in order.
    fn fds(&self) -> Vec<BorrowedFd<'_>>;
    /// Reads what [`Self::encode`] and [`Self::fds`] have made.
    ///
    /// # Errors
    /// The packet does not follow the protocol, or descriptors are missing.
    fn decode(packet: &[u8], fds: Vec<OwnedFd>) -> Result<Self, FrameError>;
}

/// A packet that does not follow the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The packet ends inside a field.
    Truncated,
    /// The packet goes on after its last field.
    TrailingBytes(usize),
    /// The sender speaks another version.
    Version(u8),
    /// Fewer descriptors came than the message holds.
    MissingFd,
    /// No message has this tag.
    UnknownTag(u8),
    /// A field holds a value it cannot have.
    BadField(&'static str),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("a control message ends inside a field"),
            Self::TrailingBytes(count) => write!(f, "a control message has {count} bytes too many"),
            Self::Version(version) => {
                write!(
                    f,
                    "the other end speaks version {version} of the control protocol, this end {VERSION}"
                )
            }
            Self::MissingFd => f.write_str("a control message came without its descriptors"),
            Self::UnknownTag(tag) => write!(f, "no control message has the tag {tag}"),
            Self::BadField(field) => write!(
                f,
                "the field `{field}` of a control message has an impossible value"
            ),
        }
    }
}

impl std::error::Error for FrameError {}

/// Writes the fields of one packet.
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins a packet of the kind `tag`.
    pub fn new(tag: u8) -> Self {
        Self(vec![VERSION, tag])
    }

    /// Four bytes, the lowest first.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Eight bytes, the lowest first.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// Milliseconds: the precision every wait of the control protocol has.
    pub fn duration(&mut self, value: Duration) -> &mut Self {
        self.u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    /// The length in bytes as a number, then UTF-8.
    pub fn str(&mut self, value: &str) -> &mut Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.u32(length)
            .0
            .extend_from_slice(&value.as_bytes()[..length as usize]);
        self
    }

    /// The length as a number, then the bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.u32(length)
            .0
            .extend_from_slice(&value[..length as usize]);
        self
    }

    /// Whether there is one, then the text.
    pub fn optional_str(&mut self, value: Option<&str>) -> &mut Self {
        self.bool(value.is_some());
        if let Some(value) = value {
            self.str(value);
        }
        self
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has been written; never true, as a packet begins with its version and tag.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole packet.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads the fields of one packet, in the order they were written.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the version and returns the tag with a reader of the fields.
    pub fn new(packet: &'a [u8]) -> Result<(u8, Self), FrameError> {
        match packet {
            [VERSION, tag, fields @ ..] => Ok((*tag, Self(fields))),
            [version, _, ..] => Err(FrameError::Version(*version)),
            _ => Err(FrameError::Truncated),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(FrameError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// A number as [`Writer::u32`] writes it.
    pub fn u32(&mut self) -> Result<u32, FrameError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(FrameError::Truncated)?;
        self.0 = tail;
        Ok(u32::from_le_bytes(*head))
    }

    /// A number as [`Writer::u64`] writes it.
    pub fn u64(&mut self) -> Result<u64, FrameError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(FrameError::Truncated)?;
        self.0 = tail;
        Ok(u64::from_le_bytes(*head))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, FrameError> {
        let (head, tail) = self.0.split_first().ok_or(FrameError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    /// A byte that is 0 or 1.
    pub fn bool(&mut self) -> Result<bool, FrameError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FrameError::BadField("bool")),
        }
    }

    /// Milliseconds.
    pub fn duration(&mut self) -> Result<Duration, FrameError> {
        self.u64().map(Duration::from_millis)
    }

    /// Text as [`Writer::str`] writes it.
    pub fn str(&mut self) -> Result<String, FrameError> {
        let length = self.u32()? as usize;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| FrameError::BadField("str"))
    }

    /// Bytes as [`Writer::bytes`] writes them.
    pub fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// Text that may be missing.
    pub fn optional_str(&mut self) -> Result<Option<String>, FrameError> {
        if self.bool()? {
            self.str().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Ends the packet: nothing may be left.
    pub fn finish(self) -> Result<(), FrameError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(FrameError::TrailingBytes(self.0.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order() {
        let mut writer = Writer::new(7);
        writer
            .u32(1)
            .u64(2)
            .bool(true)
            .str("three")
            .optional_str(None)
            .duration(Duration::from_millis(4));
        let packet = writer.finish();
        let (tag, mut reader) = Reader::new(&packet).unwrap();
        assert_eq!(tag, 7);
        assert_eq!(reader.u32(), Ok(1));
        assert_eq!(reader.u64(), Ok(2));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.str().as_deref(), Ok("three"));
        assert_eq!(reader.optional_str(), Ok(None));
        assert_eq!(reader.duration(), Ok(Duration::from_millis(4)));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn bad_packets_are_errors() {
        assert_eq!(Reader::new(&[]).err(), Some(FrameError::Truncated));
        assert_eq!(
            Reader::new(&[VERSION + 1, 0]).err(),
            Some(FrameError::Version(VERSION + 1))
        );
        let (_, mut reader) = Reader::new(&[VERSION, 0, 255, 255, 255, 255]).unwrap();
        assert_eq!(reader.str(), Err(FrameError::Truncated));
        let (_, reader) = Reader::new(&[VERSION, 0, 1]).unwrap();
        assert_eq!(reader.finish(), Err(FrameError::TrailingBytes(1)));
    }
}
