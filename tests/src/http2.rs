//! As much of an HTTP/2 client (RFC 9113) as it takes to see that a server speaks it with prior knowledge.

use std::io::{self, ErrorKind};

use crate::http::Client;
use crate::stream::Address;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
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
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
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

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame");
    out.extend(&length.to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}
