//! What the ends of a WebSocket exchange.

use bytes::Bytes;

/// The largest message that is received, as on the published binary; a larger one ends the connection with code 1009.
pub const MAX_MESSAGE_BYTES: usize = 32 << 20;

/// What is told of an end whose other end went away with no Close message.
pub const LOST: &str = "WebSocket disconnected between frames without sending `Close`.";

/// What ends exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8; who makes the message has checked it.
    Text(Bytes),
    /// Bytes of any kind.
    Binary(Bytes),
    /// The last message of its direction. The other direction goes on until it has its own.
    Close(Close),
}

/// Why a WebSocket closes (RFC 6455 section 7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// [`Close::NO_STATUS`] stands for a Close frame without a code.
    pub code: u16,
    /// At most 123 bytes of UTF-8.
    pub reason: String,
}

impl Close {
    /// Stands for no code (RFC 6455 section 7.1.5); it is never sent.
    pub const NO_STATUS: u16 = 1005;
}

impl Message {
    /// Bytes of the payload.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes.len(),
            Self::Close(close) => close.reason.len(),
        }
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A peer that breaks the protocol is told so in a Close frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Breach {
    /// What the Close frame says (RFC 6455 section 7.4.1).
    pub code: u16,
    /// What was wrong.
    pub description: String,
}
