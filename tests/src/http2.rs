//! As much of an HTTP/2 client (RFC 9113) as it takes to see that a server speaks it with prior knowledge, and what it does
//! with clients that take nothing.

use std::io::{self, ErrorKind};

use crate::http::Client;
use crate::stream::Address;

/// A piece of a body.
pub const DATA: u8 = 0;
/// The head of a message.
pub const HEADERS: u8 = 1;
/// The end of a stream by force.
pub const RST_STREAM: u8 = 3;
/// What the sender can take.
pub const SETTINGS: u8 = 4;
/// A question whether the other end is there.
pub const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// Settings.
const INITIAL_WINDOW_SIZE: u16 = 4;
/// A flag of settings and pings.
const ACK: u8 = 1;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An error code.
const CANCEL: u32 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends `GET /` with authority `localhost`, as stream 1.
pub fn send_root(client: &mut Client) -> io::Result<()> {
    send_with(client, &[])
}

/// The same with more headers; names and values are shorter than 127 bytes.
pub fn send_with(client: &mut Client, more: &[(&str, &str)]) -> io::Result<()> {
    let mut request = PREFACE.to_vec();
    frame(&mut request, SETTINGS, 0, 0, &[]);
    // Static table entries (RFC 7541, Appendix A): GET 2, path / 4, scheme http 6; authority 1 with a literal value.
    let mut headers = vec![0x82, 0x84, 0x86, 0x01, 9];
    headers.extend(b"localhost");
    for (name, value) in more {
        // Literals without indexing.
        headers.push(0);
        for text in [name, value] {
            headers.push(u8::try_from(text.len()).expect("a short text"));
            headers.extend(text.as_bytes());
        }
    }
    frame(&mut request, HEADERS, END_STREAM | END_HEADERS, 1, &headers);
    client.send(&request)
}

/// Takes the interest out of stream 1.
pub fn reset_root(client: &mut Client) -> io::Result<()> {
    let mut reset = Vec::new();
    frame(&mut reset, RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
    client.send(&reset)
}

/// The answer to `GET /` with authority `localhost`: whether the status is 200, and the body.
pub fn get_root(address: &Address) -> io::Result<(bool, Vec<u8>)> {
    get_with(address, &[])
}

/// The same with more headers; an error of kind `ConnectionReset` if the stream is reset.
pub fn get_with(address: &Address, more: &[(&str, &str)]) -> io::Result<(bool, Vec<u8>)> {
    let mut client = Client::connect(address)?;
    send_with(&mut client, more)?;
    let (mut ok, mut body) = (false, Vec::new());
    loop {
        let head = client.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = client.take(length)?;
        let (kind, flags, stream) = (head[3], head[4], head[8]);
        match kind {
            // 8 is `:status: 200`.
            HEADERS => ok = payload.first() == Some(&0x88),
            DATA => body.extend(payload),
            RST_STREAM if stream == 1 => return Err(ErrorKind::ConnectionReset.into()),
            _ => {}
        }
        if stream == 1 && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            return Ok((ok, body));
        }
    }
}

/// A frame that the server has sent.
#[derive(Debug)]
pub struct Frame {
    /// One of the constants above, or another.
    pub kind: u8,
    /// Whether the stream ends with it.
    pub ends: bool,
    /// 0 for the connection itself.
    pub stream: u32,
    /// Without its header.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether it begins an answer with this status, 200 or 408.
    pub fn has_status(&self, status: u16) -> bool {
        // A static table entry, or its name with a new value in Huffman's code.
        let begin: &[u8] = match status {
            200 => &[0x88],
            408 => &[0x48, 0x83, 0x68, 0x0f, 0x7f],
            other => panic!("{other} is not known here"),
        };
        self.kind == HEADERS && self.payload.starts_with(begin)
    }
}

/// A connection whose streams begin with a window of the client's choice.
pub struct Connection {
    client: Client,
}

impl Connection {
    /// Connects, and lets each stream send so many bytes before the client has read any.
    pub fn open(address: &Address, window_bytes: u32) -> io::Result<Self> {
        let mut client = Client::connect(address)?;
        let mut opening = PREFACE.to_vec();
        frame(&mut opening, SETTINGS, 0, 0, &window(window_bytes));
        client.send(&opening)?;
        Ok(Self { client })
    }

    /// `GET` of a path.
    pub fn get(&mut self, stream: u32, path: &str) -> io::Result<()> {
        self.head(stream, 0x82, path, END_STREAM)
    }

    /// `GET` of a path as each of many streams, in one write.
    pub fn get_many(&mut self, streams: impl Iterator<Item = u32>, path: &str) -> io::Result<()> {
        let mut requests = Vec::new();
        for stream in streams {
            let flags = END_STREAM | END_HEADERS;
            frame(&mut requests, HEADERS, flags, stream, &fields(0x82, path));
        }
        self.client.send(&requests)
    }

    /// `POST` to a path, whose body is to come.
    pub fn post(&mut self, stream: u32, path: &str) -> io::Result<()> {
        self.head(stream, 0x83, path, 0)
    }

    fn head(&mut self, stream: u32, method: u8, path: &str, flags: u8) -> io::Result<()> {
        let fields = fields(method, path);
        self.send(HEADERS, flags | END_HEADERS, stream, &fields)
    }

    /// Changes the window of all streams, by what it differs from the last.
    pub fn set_window(&mut self, bytes: u32) -> io::Result<()> {
        self.send(SETTINGS, 0, 0, &window(bytes))
    }

    /// Lets the server send more of a stream, or on the connection, which is stream 0.
    pub fn widen(&mut self, stream: u32, bytes: u32) -> io::Result<()> {
        self.send(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind, flags, stream, payload);
        self.client.send(&bytes)
    }

    /// The next frame; settings and pings are acknowledged.
    pub fn frame(&mut self) -> io::Result<Frame> {
        let head = self.client.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.client.take(length)?;
        let (kind, flags) = (head[3], head[4]);
        if matches!(kind, SETTINGS | PING) && flags & ACK == 0 {
            let acknowledged: &[u8] = if kind == PING { &payload } else { &[] };
            self.send(kind, ACK, 0, acknowledged)?;
        }
        Ok(Frame {
            kind,
            ends: matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0,
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// The first frame that passes; others are dropped.
    pub fn wait(&mut self, passes: impl Fn(&Frame) -> bool) -> io::Result<Frame> {
        loop {
            let frame = self.frame()?;
            if passes(&frame) {
                return Ok(frame);
            }
        }
    }
}

/// The setting of a stream's first window.
fn window(bytes: u32) -> Vec<u8> {
    [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &bytes.to_be_bytes()].concat()
}

/// Header fields in the static table (RFC 7541, Appendix A): methods, path 4, scheme http 6; authority 1.
fn fields(method: u8, path: &str) -> Vec<u8> {
    let mut fields = vec![method, 0x86, 0x04];
    fields.push(u8::try_from(path.len()).expect("a short path"));
    fields.extend(path.as_bytes());
    fields.extend([0x01, 9]);
    fields.extend(b"localhost");
    fields
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame");
    out.extend(&length.to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}
