//! A raw HTTP/1.1 client: it sends the bytes it is given and reads answers as RFC 9112 frames them.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use crate::DEADLINE;
use crate::stream::{Address, Stream};

/// One connection.
pub struct Client {
    stream: Box<dyn Stream>,
    /// Received, not yet read.
    buffer: Vec<u8>,
}

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A number of three digits.
    pub status: u16,
    /// What follows the number.
    pub reason: String,
    /// Names as sent.
    pub headers: Vec<(String, String)>,
    /// Whole, without its framing.
    pub body: Vec<u8>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With so many bytes.
    Length(usize),
    /// With an empty chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    /// Whether the server is about to close the connection.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
            || self.framing(false) == Framing::UntilClose
    }

    fn framing(&self, head: bool) -> Framing {
        if head || matches!(self.status, 100..=199 | 204 | 304) {
            return Framing::Length(0);
        }
        if self
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return Framing::Chunked;
        }
        match self
            .header("content-length")
            .and_then(|value| value.parse().ok())
        {
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }
}

/// `GET` of a path on a connection of its own.
pub fn get(address: &Address, path: &str) -> io::Result<Answer> {
    let mut client = Client::connect(address)?;
    client.send(
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    client.answer()
}

/// All that a server says to these bytes until it closes. Closing instead of reading counts as an answer.
pub fn exchange(address: &Address, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut client = Client::connect(address)?;
    let sent = client.send(request).and_then(|()| client.stream.end());
    match sent.and_then(|()| client.rest()) {
        Err(error) if is_close(&error) => Ok(std::mem::take(&mut client.buffer)),
        received => received,
    }
}

/// Whether the other end closed the connection.
pub fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}

impl Client {
    /// On a new connection.
    pub fn connect(address: &Address) -> io::Result<Self> {
        Ok(Self::over(address.connect()?))
    }

    /// On a stream that is open.
    pub fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Goes away: a TCP connection is reset, a Unix socket closed.
    pub fn reset(self) -> io::Result<()> {
        self.stream.reset_on_drop()
    }

    /// Bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends from another thread.
    pub fn sender(&self) -> io::Result<Box<dyn Write + Send>> {
        self.stream.sender()
    }

    /// Waits this long at most: whether anything came.
    pub fn readable_within(&mut self, time: Duration) -> io::Result<bool> {
        self.stream.set_read_timeout(time)?;
        let filled = self.fill();
        self.stream.set_read_timeout(DEADLINE)?;
        match filled {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(false)
            }
            filled => filled.map(|()| true),
        }
    }

    /// Sends `GET` and reads the answer.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        self.answer()
    }

    /// Reads the answer to a request that was no `HEAD`, skipping interim ones.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let answer = self.read(false)?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// Reads the next answer, interim or final; `head` if the request was a `HEAD`.
    pub fn read(&mut self, head: bool) -> io::Result<Answer> {
        let mut answer = self.head()?;
        answer.body = match answer.framing(head) {
            Framing::Length(length) => self.take(length)?,
            Framing::Chunked => self.chunks()?,
            Framing::UntilClose => self.rest()?,
        };
        Ok(answer)
    }

    /// Reads status line and headers alone.
    pub fn head(&mut self) -> io::Result<Answer> {
        let mut parts = self
            .line()?
            .splitn(3, ' ')
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .into_iter();
        let version = parts.next().unwrap_or_default();
        let status = parts.next().and_then(|status| status.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("no status line: {version:?}"),
            ));
        };
        let mut answer = Answer {
            status,
            reason: parts.next().unwrap_or_default(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(answer);
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    format!("no header: {line:?}"),
                ));
            };
            answer
                .headers
                .push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk()? {
            body.extend(chunk);
        }
        Ok(body)
    }

    /// Reads one chunk; none for the last, whose trailers are skipped.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("no chunk size: {line:?}"),
            ));
        };
        if size == 0 {
            while !self.line()?.is_empty() {}
            return Ok(None);
        }
        let chunk = self.take(size)?;
        self.line()?;
        Ok(Some(chunk))
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(end + 2)?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill()?;
        }
    }

    /// Reads exactly this many bytes.
    pub fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill()?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Reads at least one byte and not more than this many.
    pub fn some(&mut self, count: usize) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill()?;
        }
        let count = count.min(self.buffer.len());
        Ok(self.buffer.drain(..count).collect())
    }

    /// Reads until the server closes.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.buffer));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether anything has come that was not read.
    pub fn has_unread(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend(&bytes[..count]);
                Ok(())
            }
        }
    }
}
