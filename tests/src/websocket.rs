//! A WebSocket client (RFC 6455) for text messages.

use std::io::{self, ErrorKind};

use crate::http::{Client, is_close};
use crate::stream::Address;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A whole text message.
    Text(String),
    /// A Close frame, with its code if it has one.
    Close(Option<u16>),
    /// The connection ended.
    End,
}

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

    /// Sends a message of less than 64 KiB.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes())
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes)
    }

    /// Sends a Close frame.
    pub fn close(&mut self, code: u16) -> io::Result<()> {
        self.frame(CLOSE, &code.to_be_bytes())
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let length = u16::try_from(payload.len());
        let length = length.map_err(|_| io::Error::other("a long message"))?;
        let mut frame = vec![FINAL | opcode];
        match u8::try_from(length) {
            Ok(short @ 0..=125) => frame.push(MASKED | short),
            _ => {
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        // A mask of zeros is a mask.
        frame.extend([0; 4]);
        frame.extend(payload);
        self.send_bytes(&frame)
    }

    /// The next text message. That the server closes is an error.
    pub fn receive(&mut self) -> io::Result<String> {
        match self.hear()? {
            Heard::Text(text) => Ok(text),
            Heard::Close(..) | Heard::End => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    /// The next that the server sends.
    pub fn hear(&mut self) -> io::Result<Heard> {
        loop {
            let head = match self.0.take(2) {
                Err(error) if is_close(&error) => return Ok(Heard::End),
                head => head?,
            };
            let length = match head[1] {
                126 => {
                    let length = self.0.take(2)?;
                    usize::from(u16::from_be_bytes([length[0], length[1]]))
                }
                127 => {
                    let length = self.0.take(8)?;
                    let length = length.try_into().map(u64::from_be_bytes);
                    length.map_or(usize::MAX, |length| length as usize)
                }
                length => usize::from(length),
            };
            let payload = self.0.take(length)?;
            match head[0] & !FINAL {
                TEXT => return Ok(Heard::Text(String::from_utf8_lossy(&payload).into_owned())),
                CLOSE => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Ok(Heard::Close(code));
                }
                PING => {}
                _ => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }

    /// Goes away with no word.
    pub fn reset(self) -> io::Result<()> {
        self.0.reset()
    }
}
