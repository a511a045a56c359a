//! An origin that frames its answers as the case says, and keeps strict account of what it is asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::linger;

use crate::case::{Case, Framing};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body came to the end that its framing sets.
    pub whole: bool,
    /// Whether that is known: the body is read, or broke off.
    pub done: bool,
}

impl ReceivedRequest {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Default)]
struct Book {
    cases: HashMap<u64, Arc<Case>>,
    asked: HashMap<u64, Vec<ReceivedRequest>>,
    /// Bytes that are no request, or requests that nobody made.
    strays: Vec<String>,
}

/// Shared by the threads of the connections and the checks.
pub struct Origin {
    book: Mutex<Book>,
    changed: Condvar,
    pub port: u16,
}

/// No read waits longer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Origin {
    pub fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let origin = Arc::new(Self {
            book: Mutex::default(),
            changed: Condvar::new(),
            port,
        });
        let kept = origin.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let origin = origin.clone();
                thread::spawn(move || origin.connection(stream));
            }
        });
        kept
    }

    pub fn expect(&self, case: &Arc<Case>) {
        let mut book = self.book.lock().expect("no panic");
        book.cases.insert(case.id, case.clone());
    }

    /// What was asked with a case's id, once it is all there or the time is over; forgets the case.
    pub fn asked(&self, id: u64, wait: bool, time: Duration) -> Vec<ReceivedRequest> {
        let deadline = Instant::now() + time;
        let mut book = self.book.lock().expect("no panic");
        loop {
            let asked = book.asked.get(&id);
            let done = asked.is_some_and(|asked| asked.iter().all(|asked| asked.done));
            let left = deadline.saturating_duration_since(Instant::now());
            if done || (asked.is_none() && !wait) || left.is_zero() {
                return book.asked.remove(&id).unwrap_or_default();
            }
            book = self.changed.wait_timeout(book, left).expect("no panic").0;
        }
    }

    pub fn strays(&self) -> Vec<String> {
        std::mem::take(&mut self.book.lock().expect("no panic").strays)
    }

    fn stray(&self, text: String) {
        self.book.lock().expect("no panic").strays.push(text);
    }

    /// Notes the request at that place, or as a new one.
    fn note(&self, id: u64, place: Option<usize>, asked: ReceivedRequest) -> usize {
        let mut book = self.book.lock().expect("no panic");
        let all = book.asked.entry(id).or_default();
        let place = place.unwrap_or(all.len());
        match all.get_mut(place) {
            Some(old) => *old = asked,
            None => all.push(asked),
        }
        self.changed.notify_all();
        place
    }

    fn connection(&self, mut stream: TcpStream) {
        let _ = (
            stream.set_nodelay(true),
            stream.set_read_timeout(Some(PATIENCE)),
        );
        let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        let mut history = Vec::new();
        loop {
            let mut asked = match head(&mut reader) {
                Ok(Some(asked)) => asked,
                Ok(None) => return,
                Err(problem) => return self.stray(format!("{problem}, after {history:?}")),
            };
            let id = asked.target.trim_start_matches('/').parse().unwrap_or(0);
            let case = self.book.lock().expect("no panic").cases.get(&id).cloned();
            let Some(case) = case else {
                return self.stray(format!("nobody made {asked:?}, after {history:?}"));
            };
            history.push(id);
            let place = self.note(id, None, asked.clone());
            let answer = Answer::of(&case);
            let mut sent = true;
            if case.early {
                sent = answer.send(&mut stream);
            }
            if case.deaf {
                asked.done = true;
                self.note(id, Some(place), asked);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
                return;
            }
            asked.whole = body(&mut reader, &mut asked).is_ok();
            asked.done = true;
            let whole = asked.whole;
            self.note(id, Some(place), asked);
            if !whole {
                return;
            }
            if !case.early {
                sent = answer.send(&mut stream);
            }
            match answer.then {
                Then::Go if sent => {}
                Then::Reset => return reset(&stream),
                _ => {
                    let _ = stream.shutdown(Shutdown::Write);
                    // A socket that is closed with bytes unread resets, which overtakes the answer.
                    let _ = std::io::copy(&mut reader, &mut std::io::sink());
                    return;
                }
            }
        }
    }
}

/// A connection that closes with this is reset.
fn reset(stream: &TcpStream) {
    let linger = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::Linger, &linger);
}

/// A request's line and headers; none where the connection ends before.
fn head(reader: &mut BufReader<TcpStream>) -> Result<Option<ReceivedRequest>, String> {
    let Some(first) = line(reader)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = first.split(' ').collect();
    let &[method, target, "HTTP/1.1"] = &parts[..] else {
        return Err(format!("no request line: {first:?}"));
    };
    let mut asked = ReceivedRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        whole: false,
        done: false,
    };
    loop {
        let line = line(reader)?.ok_or("the connection ended in a head")?;
        if line.is_empty() {
            return Ok(Some(asked));
        }
        let (name, value) = line.split_once(':').ok_or(format!("no header: {line:?}"))?;
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(format!("no header: {line:?}"));
        }
        asked
            .headers
            .push((name.to_owned(), value.trim().to_owned()));
    }
}

/// A line without its end; none where there is not one byte more.
fn line(reader: &mut BufReader<TcpStream>) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    match reader.take(1 << 16).read_until(b'\n', &mut bytes) {
        // Reset, or not used for too long.
        Err(error)
            if bytes.is_empty()
                && matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::WouldBlock
                ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
        Ok(0) => return Ok(None),
        Ok(_) => {}
    }
    match bytes.strip_suffix(b"\r\n") {
        Some(line) => Ok(Some(String::from_utf8_lossy(line).into_owned())),
        None => Err(format!("no line: {:?}", String::from_utf8_lossy(&bytes))),
    }
}

/// Reads the body as the headers frame it; an error if it breaks off.
fn body(reader: &mut BufReader<TcpStream>, asked: &mut ReceivedRequest) -> Result<(), String> {
    if asked.all("transfer-encoding").is_empty() {
        let length = asked
            .all("content-length")
            .first()
            .map_or(Ok(0), |value| value.parse());
        let length: u64 = length.map_err(|_| "no length")?;
        let count = reader.take(length).read_to_end(&mut asked.body);
        let count = count.map_err(|error| error.to_string())?;
        return if count as u64 == length {
            Ok(())
        } else {
            Err("short".into())
        };
    }
    loop {
        let size = line(reader)?.ok_or("short")?;
        let size =
            u64::from_str_radix(&size, 16).map_err(|_| format!("no chunk size: {size:?}"))?;
        let before = asked.body.len() as u64;
        let read = reader.take(size).read_to_end(&mut asked.body);
        read.map_err(|error| error.to_string())?;
        if asked.body.len() as u64 - before < size {
            return Err("short".into());
        }
        if !line(reader)?.ok_or("short")?.is_empty() {
            return Err("no end of a chunk, or trailers".into());
        }
        if size == 0 {
            return Ok(());
        }
    }
}

/// What follows the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Go,
    Close,
    Reset,
}

struct Answer {
    bytes: Vec<u8>,
    writes: usize,
    then: Then,
}

impl Answer {
    fn of(case: &Case) -> Self {
        let content = case.wire();
        let mut bytes = Vec::new();
        for n in 0..case.interim {
            bytes.extend_from_slice(match n {
                0 => b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Id: 1\r\n\r\n",
                _ => b"HTTP/1.1 100 Continue\r\n\r\n",
            });
        }
        let version = matches!(case.framing, Framing::Http10 | Framing::Http10Length);
        let version = if version { "1.0" } else { "1.1" };
        bytes.extend(
            format!(
                "HTTP/{version} {} Some Text\r\nX-Id: {}\r\n",
                case.status, case.id
            )
            .bytes(),
        );
        if let Some(coding) = case.coding.name() {
            bytes.extend(format!("Content-Encoding: {coding}\r\n").bytes());
        }
        let mut then = Then::Go;
        let end = match case.framing {
            Framing::LengthLong => content.len() / 2,
            _ => content.len(),
        };
        let mut lines = String::new();
        let length = content.len();
        let mut framed = content[..end].to_vec();
        let mut chunk = |framing: &str| {
            lines.push_str(framing);
            framed = chunks(&content, case.id, case.framing);
        };
        match case.framing {
            Framing::Length | Framing::Http10Length => {
                lines = format!("Content-Length: {length}\r\n")
            }
            Framing::LengthShort => {
                lines = format!("Content-Length: {length}\r\n");
                framed.extend(b"more");
            }
            Framing::LengthLong => {
                lines = format!("Content-Length: {}\r\n", length + 1);
                then = Then::Close;
            }
            Framing::LengthTwice => {
                lines = format!("Content-Length: {length}\r\nContent-Length: {length}\r\n")
            }
            Framing::LengthsDiffer => {
                lines = format!(
                    "Content-Length: {length}\r\nContent-Length: {}\r\n",
                    length + 1
                )
            }
            Framing::LengthBad => lines = format!("Content-Length: {length}a\r\n"),
            Framing::Chunked | Framing::ChunkedTrailers => chunk("Transfer-Encoding: chunked\r\n"),
            Framing::ChunkedCut | Framing::ChunkedBad => {
                chunk("Transfer-Encoding: chunked\r\n");
                then = Then::Close;
            }
            Framing::ChunkedAndLength => chunk(&format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
                length / 2
            )),
            Framing::Close | Framing::Http10 => then = Then::Close,
            Framing::Reset => {
                lines = format!("Content-Length: {}\r\n", length + 9);
                then = Then::Reset;
            }
            Framing::NoHead | Framing::HalfHead => then = Then::Close,
        }
        if case.deaf {
            lines.push_str("Connection: close\r\n");
        } else if case.framing == Framing::Http10Length || (then == Then::Close && case.is_null()) {
            then = Then::Close;
            lines.push_str("Connection: close\r\n");
        } else if case.origin_hop {
            lines.push_str("Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n");
        }
        bytes.extend(format!("{lines}\r\n").bytes());
        if !case.is_null() {
            bytes.extend(framed);
        }
        if case.garbage {
            bytes.extend(b"HTTP/1.1 200 OK\r\nX-Id: 666\r\nContent-Length: 5\r\n\r\nevil!");
        }
        match case.framing {
            Framing::NoHead => bytes.clear(),
            Framing::HalfHead => bytes.truncate(30),
            _ => {}
        }
        Self {
            bytes,
            writes: case.writes,
            then,
        }
    }

    /// Whether all could be sent.
    fn send(&self, stream: &mut TcpStream) -> bool {
        let size = self.bytes.len().div_ceil(self.writes).max(1);
        self.bytes
            .chunks(size)
            .all(|part| stream.write_all(part).is_ok())
    }
}

/// The content in chunks of several sizes, with what the framing adds or leaves out.
fn chunks(content: &[u8], id: u64, framing: Framing) -> Vec<u8> {
    let sizes = [1, 7, 4096, 9000, 100_000];
    let (mut out, mut left, mut turn) = (Vec::new(), content, id as usize);
    while !left.is_empty() {
        let (chunk, rest) = left.split_at(sizes[turn % sizes.len()].min(left.len()));
        let size = match turn % 3 {
            0 => format!("{:x}", chunk.len()),
            1 => format!("0{:X}", chunk.len()),
            _ => format!("{:x};a=\"b\"", chunk.len()),
        };
        out.extend(format!("{size}\r\n").bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
        (left, turn) = (rest, turn + 1);
    }
    match framing {
        Framing::ChunkedCut => {}
        Framing::ChunkedBad => out.extend(b"zz\r\n"),
        Framing::ChunkedTrailers => out.extend(b"0\r\nX-Trailer: 1\r\nContent-Length: 3\r\n\r\n"),
        _ => out.extend(b"0\r\n\r\n"),
    }
    out
}
