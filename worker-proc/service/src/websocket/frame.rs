//! RFC 6455 framing, with no I/O: bytes in, messages out, and frames out.
//!
//! `wire` feeds it. Text is checked as it comes (section 8.1), so that a bad byte fails at once and not at the frame's end.

use bytes::{BufMut, Bytes, BytesMut};

use super::deflate::{Deflate, Inflater};
use super::message::{Breach, Close, Message};

/// A text message, or its first frame.
pub const TEXT: u8 = 1;
/// A binary message, or its first frame.
pub const BINARY: u8 = 2;
/// The last frame of a direction.
pub const CLOSE: u8 = 8;
/// It is answered by [`PONG`] with the same bytes.
pub const PING: u8 = 9;
/// The answer to [`PING`].
pub const PONG: u8 = 10;

/// The largest payload of a control frame (section 5.5).
pub const MAX_CONTROL_BYTES: usize = 125;

/// The longest frame header.
const MAX_HEADER_BYTES: usize = 14;

fn breach(code: u16, description: impl Into<String>) -> Breach {
    Breach {
        code,
        description: description.into(),
    }
}

/// What the decoder finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole message.
    Message(Message),
    /// To be answered with these bytes.
    Ping(Bytes),
}

/// The frame whose payload is being read.
struct Frame {
    opcode: u8,
    last: bool,
    mask: Option<[u8; 4]>,
    left: usize,
}

/// The data message whose frames are being read.
struct Partial {
    text: bool,
    compressed: bool,
    payload: Vec<u8>,
    /// So many bytes of a text are known to be UTF-8.
    checked: usize,
}

/// Reads frames. An error is final.
pub struct Decoder {
    /// Whether frames must be masked: so they are from a client.
    masked: bool,
    header: [u8; MAX_HEADER_BYTES],
    header_len: usize,
    frame: Option<Frame>,
    partial: Option<Partial>,
    control: Vec<u8>,
    deflate: Option<Deflate>,
    inflater: Option<Box<Inflater>>,
}

impl Decoder {
    /// For frames that are masked, or not, with the compression that was agreed.
    pub fn new(masked: bool, deflate: Option<Deflate>) -> Self {
        Self {
            masked,
            header: [0; MAX_HEADER_BYTES],
            header_len: 0,
            frame: None,
            partial: None,
            control: Vec::new(),
            deflate,
            inflater: None,
        }
    }

    /// Where an end of the stream finds it.
    pub fn eof_description(&self) -> &'static str {
        if self.frame.is_some() {
            "WebSocket EOF in message"
        } else if self.header_len > 0 {
            "WebSocket EOF in frame header"
        } else {
            super::LOST
        }
    }

    /// Whether nothing has been read yet of a message or a frame.
    pub fn is_between_messages(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.partial.is_none()
    }

    /// Lets go of what can be made again, between messages.
    pub fn rest(&mut self) {
        if self.partial.is_none()
            && let Some(inflater) = &mut self.inflater
        {
            inflater.rest();
        }
    }

    /// Reads from the front of `input`, which it moves on and unmasks in place, until something is complete; `None` asks for
    /// more input.
    pub fn decode(
        &mut self,
        input: &mut &mut [u8],
        max_bytes: usize,
    ) -> Result<Option<Item>, Breach> {
        loop {
            if self.frame.is_none() {
                let Some(frame) = self.read_header(input, max_bytes)? else {
                    return Ok(None);
                };
                self.frame = Some(frame);
            }
            if let Some(frame) = &mut self.frame {
                let length = frame.left.min(input.len());
                let chunk = advance(input, length);
                if let Some(mask) = &mut frame.mask {
                    unmask(chunk, *mask);
                    mask.rotate_left(length % 4);
                }
                frame.left -= length;
                let (opcode, last, complete) = (frame.opcode, frame.last, frame.left == 0);
                if opcode >= CLOSE {
                    self.control.extend_from_slice(chunk);
                } else {
                    self.collect(chunk, last && complete, max_bytes)?;
                }
                if !complete {
                    return Ok(None);
                }
                self.frame = None;
                if let Some(item) = self.finish(opcode, last)? {
                    return Ok(Some(item));
                }
            }
        }
    }

    fn read_header(
        &mut self,
        input: &mut &mut [u8],
        max_bytes: usize,
    ) -> Result<Option<Frame>, Breach> {
        loop {
            let wanted = header_length(&self.header[..self.header_len]);
            if self.header_len >= wanted {
                break;
            }
            let length = (wanted - self.header_len).min(input.len());
            if length == 0 {
                return Ok(None);
            }
            let bytes = advance(input, length);
            self.header[self.header_len..self.header_len + length].copy_from_slice(bytes);
            self.header_len += length;
            self.check_start()?;
        }
        let header = &self.header[..self.header_len];
        let masked = header[1] & 0x80 != 0;
        let (length, mask_at) = match header[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([header[2], header[3]])), 4),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&header[2..10]);
                (u64::from_be_bytes(length), 10)
            }
            length => (u64::from(length), 2),
        };
        let mask = masked.then(|| [0, 1, 2, 3].map(|index| header[mask_at + index]));
        let (opcode, last) = (header[0] & 0x0f, header[0] & 0x80 != 0);
        let compressed = header[0] & 0x40 != 0;
        self.header_len = 0;
        if opcode < CLOSE {
            self.begin_data(opcode, compressed)?;
            let held = self
                .partial
                .as_ref()
                .map_or(0, |partial| partial.payload.len());
            let room = max_bytes.saturating_sub(held);
            if length > room as u64 {
                let text = format!("Message is too large: {length} > {room}");
                return Err(breach(1009, text));
            }
        } else if length > MAX_CONTROL_BYTES as u64 {
            return Err(breach(1002, "Received control frame that is too long"));
        }
        Ok(Some(Frame {
            opcode,
            last,
            mask,
            left: usize::try_from(length).unwrap_or(usize::MAX),
        }))
    }

    /// Checks the first two bytes as soon as they are there.
    fn check_start(&self) -> Result<(), Breach> {
        let first = self.header[0];
        if first & 0x30 != 0 {
            return Err(breach(1002, "Received frame had RSV bits 2 or 3 set"));
        }
        let opcode = first & 0x0f;
        if !matches!(opcode, 0..=BINARY | CLOSE..=PONG) {
            return Err(breach(1002, format!("Unknown opcode {opcode}")));
        }
        if opcode >= CLOSE && first & 0x80 == 0 {
            return Err(breach(1002, "Received fragmented control frame"));
        }
        if first & 0x40 != 0 && (self.deflate.is_none() || opcode == 0 || opcode >= CLOSE) {
            return Err(breach(
                1002,
                "Received a WebSocket frame whose compression bit was set, but the compression extension was not negotiated for this connection.",
            ));
        }
        if self.header_len >= 2 && (self.header[1] & 0x80 != 0) != self.masked {
            let description = if self.masked {
                "Received frame from client that is not masked"
            } else {
                "Received frame from server that is masked"
            };
            return Err(breach(1002, description));
        }
        Ok(())
    }

    fn begin_data(&mut self, opcode: u8, compressed: bool) -> Result<(), Breach> {
        match (opcode, &self.partial) {
            (0, None) => Err(breach(1002, "Unexpected continuation frame")),
            (0, Some(_)) => Ok(()),
            (_, Some(_)) => Err(breach(1002, "Missing continuation frame")),
            (opcode, None) => {
                self.partial = Some(Partial {
                    text: opcode == TEXT,
                    compressed,
                    payload: Vec::new(),
                    checked: 0,
                });
                Ok(())
            }
        }
    }

    /// Adds a data frame's bytes to the message.
    fn collect(&mut self, chunk: &[u8], last: bool, max_bytes: usize) -> Result<(), Breach> {
        let masked = self.masked;
        let Some(partial) = &mut self.partial else {
            return Ok(());
        };
        match (partial.compressed, self.deflate) {
            (true, Some(deflate)) => {
                let inflater = self
                    .inflater
                    .get_or_insert_with(|| Box::new(Inflater::new(deflate, masked)));
                inflater.inflate(chunk, last, &mut partial.payload, max_bytes)?;
            }
            _ => partial.payload.extend_from_slice(chunk),
        }
        if partial.text {
            match std::str::from_utf8(&partial.payload[partial.checked..]) {
                Ok(_) => partial.checked = partial.payload.len(),
                Err(error) if error.error_len().is_none() && !last => {
                    partial.checked += error.valid_up_to();
                }
                Err(_) => return Err(breach(1007, "Received text that is not UTF-8")),
            }
        }
        Ok(())
    }

    /// The frame is complete.
    fn finish(&mut self, opcode: u8, last: bool) -> Result<Option<Item>, Breach> {
        if opcode < CLOSE {
            if !last {
                return Ok(None);
            }
            let Some(partial) = self.partial.take() else {
                return Ok(None);
            };
            let payload = Bytes::from(partial.payload);
            return Ok(Some(Item::Message(if partial.text {
                Message::Text(payload)
            } else {
                Message::Binary(payload)
            })));
        }
        let payload = std::mem::take(&mut self.control);
        match opcode {
            PING => Ok(Some(Item::Ping(payload.into()))),
            CLOSE => read_close(&payload).map(|close| Some(Item::Message(Message::Close(close)))),
            _ => Ok(None),
        }
    }
}

fn advance<'a>(input: &mut &'a mut [u8], length: usize) -> &'a mut [u8] {
    let (front, rest) = std::mem::take(input).split_at_mut(length);
    *input = rest;
    front
}

/// How long a header is that begins so; at least one byte more than is there, while it cannot be told.
fn header_length(start: &[u8]) -> usize {
    let [_, second, ..] = start else { return 2 };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 != 0 { 4 } else { 0 }
}

fn read_close(payload: &[u8]) -> Result<Close, Breach> {
    match payload {
        [] => Ok(Close {
            code: Close::NO_STATUS,
            reason: String::new(),
        }),
        [_] => Err(breach(1002, "Received Close frame with half a status code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(breach(1002, format!("Received invalid close code {code}")));
            }
            let reason = std::str::from_utf8(reason)
                .map_err(|_| breach(1007, "Received close reason that is not UTF-8"))?;
            Ok(Close {
                code,
                reason: reason.to_owned(),
            })
        }
    }
}

/// The payload of a Close frame.
pub fn close_payload(close: &Close) -> Vec<u8> {
    if close.code == Close::NO_STATUS {
        return Vec::new();
    }
    let mut end = close.reason.len().min(MAX_CONTROL_BYTES - 2);
    while !close.reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = close.code.to_be_bytes().to_vec();
    payload.extend_from_slice(&close.reason.as_bytes()[..end]);
    payload
}

/// Writes the header of a frame that is a whole message.
pub fn write_header(
    out: &mut BytesMut,
    opcode: u8,
    compressed: bool,
    length: usize,
    mask: Option<[u8; 4]>,
) {
    out.put_u8(0x80 | if compressed { 0x40 } else { 0 } | opcode);
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    match length {
        0..=125 => out.put_u8(mask_bit | length as u8),
        126..=0xffff => {
            out.put_u8(mask_bit | 126);
            out.put_u16(length as u16);
        }
        _ => {
            out.put_u8(mask_bit | 127);
            out.put_u64(length as u64);
        }
    }
    if let Some(mask) = mask {
        out.put_slice(&mask);
    }
}

/// Writes a server's frame that is a whole message, or control.
pub fn write(out: &mut BytesMut, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, false, payload.len(), None);
    out.put_slice(payload);
}

/// Masks or unmasks (section 5.3).
pub fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let word = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
