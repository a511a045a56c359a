//! One end of a WebSocket, whatever carries it: the other end of a pair in memory, a connection, another process.
//!
//! The HTTP server and client make ends over connections, JavaScript makes pairs, the hibernation manager keeps ends that no
//! JavaScript object stands for. An end passes from one owner to the next whole: in a [`crate::Response`], by value.
//! Control frames are the carrier's affair: a ping never comes out of an end.

mod deflate;
mod end;
mod frame;
mod hibernation;
mod message;
mod pair;
mod socket;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

/// The bytes of frames, for who reads and writes connections itself.
pub mod framing {
    pub use super::frame::{CLOSE, Decoder, Item, PONG, TEXT, close_payload, write};
}

pub use deflate::Deflate;
pub use end::{WebSocket, join};
pub use hibernation::{AutoResponse, Hibernated, Hibernation, MAX_SOCKETS, SocketEvent};
pub use message::{Close, LOST, MAX_MESSAGE_BYTES, Message};
pub use socket::{Gate, Socket};
pub use transport::{ByteStream, Role, Transport, Unspliced, Wire};
pub use wire::carry;
