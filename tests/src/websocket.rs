//! A WebSocket client as raw as a test needs it (RFC 6455): text messages and Close frames.

use std::io;

use crate::http::{Client, is_close};
use crate::stream::Address;

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    /// A Close frame's code and reason; the code is 1005 if there is none.
    Close(u16, String),
    /// The connection ended.
    End,
}

/// A connection that has become a WebSocket.
pub struct WebSocket(Client);

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

impl WebSocket {
    /// Connects, and asks for a WebSocket.
    pub fn connect(address: &Address, path: &str) -> io::Result<Self> {
        let mut client = Client::connect(address)?;
        client.send(
            format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let answer = client.head()?;
        if answer.status != 101 {
            return Err(io::Error::other(format!("status {}", answer.status)));
        }
        Ok(Self(client))
    }

    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes())
    }

    pub fn close(&mut self, code: u16) -> io::Result<()> {
        self.frame(CLOSE, &code.to_be_bytes())
    }

    /// Sends a short frame, under a mask of zeros.
    fn frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let length = u8::try_from(payload.len()).map_err(io::Error::other)?;
        assert!(length < 126, "a short message");
        let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.0.send(&frame)
    }

    /// The next that the server sends.
    pub fn hear(&mut self) -> io::Result<Heard> {
        let head = match self.0.take(2) {
            Ok(head) => head,
            Err(error) if is_close(&error) => return Ok(Heard::End),
            Err(error) => return Err(error),
        };
        let payload = self.0.take(usize::from(head[1] & 0x7f))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(match (head[0] & 0x0f, &payload[..]) {
            (CLOSE, [high, low, reason @ ..]) => {
                Heard::Close(u16::from_be_bytes([*high, *low]), text(reason))
            }
            (CLOSE, _) => Heard::Close(1005, String::new()),
            _ => Heard::Text(text(&payload)),
        })
    }

    /// The next text message.
    pub fn text(&mut self) -> String {
        match self.hear() {
            Ok(Heard::Text(text)) => text,
            other => panic!("a message was expected, not {other:?}"),
        }
    }

    /// Goes away with no word.
    pub fn reset(self) -> io::Result<()> {
        self.0.reset()
    }
}
