//! The client's side over HTTP/1.1: one connection, and answers read as strictly as they are framed.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tests::http::{Client, is_close};

use crate::case::{Case, Upload};
use crate::check::{End, Got, PATIENCE};

pub struct Connection {
    stream: TcpStream,
    client: Client,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let client = Client::over(Box::new(stream.try_clone()?));
        Ok(Self { stream, client })
    }

    /// Sends requests one behind the other, then reads their answers. What is cut short is the last one's.
    pub fn exchange(&mut self, cases: &[Arc<Case>], port: u16) -> Vec<Got> {
        let bytes = cases.iter().flat_map(|case| request(case, port)).collect();
        let cut = cases.last().is_some_and(|case| case.is_cut_upload());
        let sent = self.send(bytes, cut);
        let gots: Vec<_> = cases.iter().map(|case| self.answer(case)).collect();
        if gots.last().is_some_and(|got| got.end != End::Whole) {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        // What is not sent by now would be held against the next request.
        let _ = sent.map(JoinHandle::join);
        gots
    }

    /// Sends while the answers are read, so that neither end waits for the other.
    fn send(&self, bytes: Vec<u8>, cut: bool) -> io::Result<JoinHandle<()>> {
        let mut stream = self.stream.try_clone()?;
        Ok(thread::spawn(move || {
            // A server that is closing may still have answered.
            let _ = stream.write_all(&bytes);
            if cut {
                let _ = stream.shutdown(Shutdown::Write);
            }
        }))
    }

    fn answer(&mut self, case: &Case) -> Got {
        let mut got = Got::default();
        got.end = match self.read(case, &mut got) {
            Ok(end) => end,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => End::Hang,
                _ if is_close(&error) && got.status == 0 => End::Closed,
                _ if is_close(&error) => End::Cut,
                _ => End::Bad(error.to_string()),
            },
        };
        got
    }

    fn read(&mut self, case: &Case, got: &mut Got) -> io::Result<End> {
        if case.leaves == Some(0) {
            return Ok(End::Left);
        }
        let answer = loop {
            let answer = self.client.head()?;
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
        let head = case.method == "HEAD";
        if head || matches!(got.status, 204 | 304) {
            if !head && got.status == 204 && (length.is_some() || !codings.is_empty()) {
                return bad(format!("framing of a 204: {lengths:?}, {codings:?}"));
            }
            return Ok(End::Whole);
        }
        let most = case.leaves.unwrap_or(usize::MAX);
        match length {
            Some(length) => {
                while got.body.len() < length.min(most) {
                    let more = self.client.some(length - got.body.len())?;
                    got.body.extend(more);
                }
            }
            None if codings.is_empty() => return bad("no framing".into()),
            None => {
                while let Some(chunk) = self.client.chunk()? {
                    got.body.extend(chunk);
                    if got.body.len() > most {
                        break;
                    }
                }
            }
        }
        Ok(match case.leaves {
            Some(_) => End::Left,
            None => End::Whole,
        })
    }

    /// Whether bytes came that belong to no answer.
    pub fn has_unread(&self) -> bool {
        self.client.has_unread()
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
