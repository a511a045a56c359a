//! The client's side over HTTP/1.1: one connection, and answers read as strictly as they are framed.

use std::io::{self, ErrorKind, Write};
use std::thread;

use tests::http::{Client, is_close};
use tests::stream::Address;

use crate::case::{Case, Upload};
use crate::check::{End, Got, PATIENCE};

pub struct Connection(Client);

impl Connection {
    pub fn open(address: &Address) -> io::Result<Self> {
        let client = Client::connect(address)?;
        client.set_patience(PATIENCE)?;
        Ok(Self(client))
    }

    /// One exchange; an early end of what is sent is the connection's.
    pub fn exchange(&mut self, case: &Case, port: u16) -> Got {
        let bytes = request(case, port);
        // A server that is closing may still have answered: what cannot be sent is seen by the answer.
        let sending = self.0.sender().map(|mut sender| {
            thread::spawn(move || {
                let _ = sender.write_all(&bytes);
            })
        });
        if case.is_cut_upload()
            && let Ok(sending) = sending
        {
            let _ = sending.join();
            let _ = self.0.end();
        }
        let mut got = Got::default();
        got.end = match self.read(case.method == "HEAD", &mut got) {
            Ok(()) => End::Whole,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => End::Hang,
                _ if is_close(&error) && got.status == 0 => End::Closed,
                _ if is_close(&error) => End::Cut,
                _ => End::Bad(error.to_string()),
            },
        };
        got
    }

    fn read(&mut self, head: bool, got: &mut Got) -> io::Result<()> {
        let answer = loop {
            let answer = self.0.head()?;
            if answer.status >= 200 {
                break answer;
            }
        };
        got.status = answer.status;
        got.headers = answer.headers;
        let bad = |text: String| Err(io::Error::new(ErrorKind::InvalidData, text));
        let (lengths, codings) = (got.all("content-length"), got.all("transfer-encoding"));
        let length = match (&lengths[..], &codings[..]) {
            ([], []) | ([], ["chunked"]) => None,
            ([length], []) => match length.parse::<usize>() {
                Ok(length) => Some(length),
                Err(_) => return bad(format!("length {length}")),
            },
            other => return bad(format!("framing {other:?}")),
        };
        if head || matches!(got.status, 204 | 304) {
            if !head && got.status == 204 && (length.is_some() || !codings.is_empty()) {
                return bad(format!("framing of a 204: {lengths:?}, {codings:?}"));
            }
            return Ok(());
        }
        match length {
            Some(length) => {
                while got.body.len() < length {
                    let more = self.0.some(length - got.body.len())?;
                    got.body.extend(more);
                }
            }
            None if codings.is_empty() => return bad("no framing".into()),
            None => {
                while let Some(chunk) = self.0.chunk()? {
                    got.body.extend(chunk);
                }
            }
        }
        Ok(())
    }

    /// Whether bytes came that belong to no answer.
    pub fn has_unread(&self) -> bool {
        self.0.has_unread()
    }
}

fn request(case: &Case, port: u16) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: front{}.example\r\nX-Id: {}\r\n",
        case.method,
        case.target(port),
        case.id % 3,
        case.id
    );
    if case.client_hop {
        head.push_str(
            "Connection: keep-alive\r\nKeep-Alive: timeout=9\r\nTE: trailers\r\nTrailer: X-End\r\n",
        );
    }
    let body = case.uploaded();
    let chunked = matches!(
        case.upload,
        Upload::Chunked | Upload::ChunkedCut | Upload::ChunkedBad
    );
    match case.upload {
        Upload::None if !matches!(case.method, "GET" | "HEAD") && case.id.is_multiple_of(2) => {
            head.push_str("Content-Length: 0\r\n")
        }
        Upload::None => {}
        _ if chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
        _ => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    let sent = if case.is_cut_upload() {
        body.len() / 2
    } else {
        body.len()
    };
    if !chunked {
        bytes.extend(&body[..sent]);
        return bytes;
    }
    for chunk in body[..sent].chunks(5000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    match case.upload {
        Upload::Chunked => bytes.extend(b"0\r\n\r\n"),
        Upload::ChunkedBad => bytes.extend(b"5z\r\n"),
        _ => {}
    }
    bytes
}
