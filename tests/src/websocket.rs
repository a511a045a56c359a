//! A WebSocket client (RFC 6455) for short text messages.

use std::io::{self, ErrorKind};

use crate::http::Client;
use crate::stream::Address;

const TEXT: u8 = 1;
const PING: u8 = 9;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// One open WebSocket.
pub struct Socket(Client);

impl Socket {
    /// Opens one. Any answer but 101 is an error that says the status.
    pub fn open(address: &Address, path: &str) -> io::Result<Self> {
        let mut client = Client::connect(address)?;
        client.send(
            format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let answer = client.head()?;
        match answer.status {
            101 => Ok(Self(client)),
            status => Err(io::Error::other(format!("status {status}"))),
        }
    }

    /// Sends a message of at most 125 bytes.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        let length = u8::try_from(text.len())
            .ok()
            .filter(|length| *length <= 125);
        let length = length.ok_or_else(|| io::Error::other("a long message"))?;
        // A mask of zeros is a mask.
        let mut frame = vec![FINAL | TEXT, MASKED | length, 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.0.send(&frame)
    }

    /// The next text message. That the server closes is an error.
    pub fn receive(&mut self) -> io::Result<String> {
        loop {
            let head = self.0.take(2)?;
            let length = match head[1] {
                126 => {
                    let length = self.0.take(2)?;
                    usize::from(u16::from_be_bytes([length[0], length[1]]))
                }
                length @ 0..=125 => usize::from(length),
                _ => return Err(io::Error::other("a long message")),
            };
            let payload = self.0.take(length)?;
            match head[0] & !FINAL {
                TEXT => return Ok(String::from_utf8_lossy(&payload).into_owned()),
                PING => {}
                _ => return Err(ErrorKind::ConnectionAborted.into()),
            }
        }
    }
}
