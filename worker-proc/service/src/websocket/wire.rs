//! An end over a connection: frames in and out of a byte stream.
//!
//! A message goes out in one write, together with control frames that wait. An idle end holds no buffer. Dropped after it has
//! sent a Close frame it takes leave of its peer in the background.

use std::cell::RefCell;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::deflate::{Deflate, Deflater};
use super::frame::{self, Decoder, Item};
use super::message::{Breach, Close, LOST, Message};
use super::transport::{ByteStream, Role, Transport, Unspliced, Wire};
use crate::error::{Error, Kind};

/// Read at once, into a buffer that all connections share.
const READ_BYTES: usize = 64 * 1024;

/// Frames that wait to be written, before no message is taken and nothing more is read.
const MAX_WAITING_BYTES: usize = 64 * 1024;

/// A payload from this length on is written from where it lies, where it need not be masked.
const MIN_UNCOPIED_BYTES: usize = 16 * 1024;

/// How long a connection that has closed may take to end.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// The tasks that read and write, both woken by the one waker that the stream is given.
#[derive(Default)]
struct Waiting {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

struct Carrier {
    stream: Option<Box<dyn ByteStream>>,
    role: Role,
    deflate: Option<Deflate>,
    deflater: Option<Box<Deflater>>,
    decoder: Decoder,
    /// What was read and not decoded.
    input: BytesMut,
    /// Frames to be written, and the payload that follows them.
    output: BytesMut,
    payload: Bytes,
    waiting: Arc<Waiting>,
    /// Set when the connection is lost or the peer broke the protocol.
    failed: Option<Error>,
    sent_close: bool,
    received_close: bool,
}

/// The transport over a connection.
pub fn carry(wire: Wire) -> Box<dyn Transport> {
    Box::new(Carrier {
        stream: Some(wire.stream),
        role: wire.role,
        deflate: wire.deflate,
        deflater: None,
        decoder: Decoder::new(wire.role == Role::Server, wire.deflate),
        // An empty rest of a buffer still holds all of it.
        input: match wire.leftover.is_empty() {
            true => BytesMut::new(),
            false => wire.leftover.into(),
        },
        output: BytesMut::new(),
        payload: Bytes::new(),
        waiting: Arc::default(),
        failed: None,
        sent_close: false,
        received_close: false,
    })
}

impl Carrier {
    fn lose(&mut self, description: &str) -> Error {
        let error = Error::disconnected(description);
        self.failed.get_or_insert(error).clone()
    }

    /// The peer is told, and so is whoever reads.
    fn fail(&mut self, breach: Breach) -> Error {
        let close = Close {
            code: breach.code,
            reason: breach.description.clone(),
        };
        self.queue(frame::CLOSE, frame::close_payload(&close).into());
        self.sent_close = true;
        let error = Error::new(
            Kind::Internal,
            format!(
                "WebSocket protocol error; protocolError.statusCode = {}; protocolError.description = {}",
                breach.code, breach.description
            ),
        );
        self.failed.insert(error).clone()
    }

    fn is_flushed(&self) -> bool {
        self.output.is_empty() && self.payload.is_empty()
    }

    fn queue_message(&mut self, message: Message) {
        match message {
            Message::Text(payload) => self.queue(frame::TEXT, payload),
            Message::Binary(payload) => self.queue(frame::BINARY, payload),
            Message::Close(close) => {
                self.queue(frame::CLOSE, frame::close_payload(&close).into());
                self.sent_close = true;
            }
        }
    }

    fn queue(&mut self, opcode: u8, mut payload: Bytes) {
        if self.sent_close {
            return;
        }
        // A payload that waits uncopied must not be overtaken.
        if !self.payload.is_empty() {
            let waiting = std::mem::take(&mut self.payload);
            self.output.extend_from_slice(&waiting);
        }
        let compressed =
            opcode < frame::CLOSE && !payload.is_empty() && self.compress(&mut payload);
        let mask = match self.role {
            Role::Client => Some(mask_key()),
            Role::Server => None,
        };
        frame::write_header(&mut self.output, opcode, compressed, payload.len(), mask);
        if mask.is_none() && payload.len() >= MIN_UNCOPIED_BYTES {
            self.payload = payload;
            return;
        }
        let start = self.output.len();
        self.output.extend_from_slice(&payload);
        if let Some(mask) = mask {
            frame::unmask(&mut self.output[start..], mask);
        }
    }

    fn compress(&mut self, payload: &mut Bytes) -> bool {
        let Some(deflate) = self.deflate else {
            return false;
        };
        if self.deflater.is_none() {
            let client = self.role == Role::Client;
            self.deflater = Deflater::new(deflate, client).map(Box::new);
        }
        let Some(deflater) = &mut self.deflater else {
            return false;
        };
        *payload = deflater.deflate(payload).into();
        true
    }

    /// Writes what waits.
    fn poll_flush(&mut self) -> Poll<Result<(), Error>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(self.lose(LOST)));
        };
        let waker = Waker::from(self.waiting.clone());
        let mut cx = Context::from_waker(&waker);
        let mut wrote = false;
        while !(self.output.is_empty() && self.payload.is_empty()) {
            let slices = [IoSlice::new(&self.output), IoSlice::new(&self.payload)];
            let polled = Pin::new(&mut *stream).poll_write_vectored(&mut cx, &slices);
            match std::task::ready!(polled) {
                Ok(length) if length > 0 => {
                    let front = length.min(self.output.len());
                    self.output.advance(front);
                    self.payload.advance(length - front);
                    wrote = true;
                }
                _ => return Poll::Ready(Err(self.lose("WebSocket peer disconnected"))),
            }
        }
        self.output = BytesMut::new();
        self.payload = Bytes::new();
        if wrote && std::task::ready!(Pin::new(&mut *stream).poll_flush(&mut cx)).is_err() {
            return Poll::Ready(Err(self.lose("WebSocket peer disconnected")));
        }
        Poll::Ready(Ok(()))
    }

    /// Decodes what has been read; what is left over stays in `input`.
    fn decode(&mut self, max_bytes: usize) -> Result<Option<Item>, Error> {
        let mut input = std::mem::take(&mut self.input);
        let mut rest = &mut input[..];
        let decoded = self.decoder.decode(&mut rest, max_bytes);
        let left = rest.len();
        if left > 0 {
            input.advance(input.len() - left);
            self.input = input;
        }
        decoded.map_err(|breach| self.fail(breach))
    }

    /// Reads from the stream and decodes.
    fn poll_read(&mut self, max_bytes: usize) -> Poll<Result<Option<Item>, Error>> {
        let waker = Waker::from(self.waiting.clone());
        let mut cx = Context::from_waker(&waker);
        SCRATCH.with_borrow_mut(|scratch| {
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(Err(self.lose(LOST)));
            };
            let mut buffer = ReadBuf::new(scratch);
            let polled = Pin::new(stream).poll_read(&mut cx, &mut buffer);
            let mut rest = match std::task::ready!(polled) {
                Ok(()) if !buffer.filled().is_empty() => buffer.filled_mut(),
                Ok(()) => {
                    let description = self.decoder.eof_description();
                    return Poll::Ready(Err(self.lose(description)));
                }
                Err(_) => return Poll::Ready(Err(self.lose("WebSocket peer disconnected"))),
            };
            let decoded = self.decoder.decode(&mut rest, max_bytes);
            self.input.extend_from_slice(rest);
            Poll::Ready(decoded.map_err(|breach| self.fail(breach)))
        })
    }
}

impl Carrier {
    /// Waits for the end of a stream on which no message can come any more.
    fn poll_discard(&mut self) -> Poll<()> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(());
        };
        let waker = Waker::from(self.waiting.clone());
        let mut cx = Context::from_waker(&waker);
        let mut storage = [0; 512];
        loop {
            let mut buffer = ReadBuf::new(&mut storage);
            let polled = Pin::new(&mut *stream).poll_read(&mut cx, &mut buffer);
            if std::task::ready!(polled).is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

fn mask_key() -> [u8; 4] {
    let mut key = [0; 4];
    // Without randomness the key is zero, which peers accept.
    let _ = aws_lc_rs::rand::fill(&mut key);
    key
}

impl Transport for Carrier {
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), Error>> {
        self.waiting.writer.register(cx.waker());
        if let Some(error) = &self.failed {
            return Poll::Ready(Err(error.clone()));
        }
        if self.output.len() + self.payload.len() > MAX_WAITING_BYTES {
            std::task::ready!(self.poll_flush())?;
        }
        if let Some(message) = message.take() {
            self.queue_message(message);
        }
        self.poll_flush()
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Message, Error>> {
        self.waiting.reader.register(cx.waker());
        loop {
            if let Some(error) = &self.failed {
                return Poll::Ready(Err(error.clone()));
            }
            if self.received_close {
                std::task::ready!(self.poll_discard());
                return Poll::Ready(Err(self.lose(LOST)));
            }
            // Pongs wait for a peer that does not read; such a peer is not read from either.
            if !self.is_flushed()
                && self.poll_flush()?.is_pending()
                && self.output.len() > MAX_WAITING_BYTES
            {
                return Poll::Pending;
            }
            let item = if self.input.is_empty() {
                std::task::ready!(self.poll_read(max_bytes))?
            } else {
                self.decode(max_bytes)?
            };
            match item {
                None => {}
                Some(Item::Ping(payload)) => self.queue(frame::PONG, payload),
                Some(Item::Message(message)) => {
                    self.received_close = matches!(message, Message::Close(_));
                    return Poll::Ready(Ok(message));
                }
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.failed.is_some()
    }

    fn splice(self: Box<Self>, other: Box<dyn Transport>) -> Result<(), Unspliced> {
        Err((self, other))
    }

    fn into_wire(mut self: Box<Self>) -> Result<Wire, Box<dyn Transport>> {
        let fresh = self.failed.is_none()
            && !self.sent_close
            && self.is_flushed()
            && self.decoder.is_between_messages();
        match self.stream.take() {
            Some(stream) if fresh => Ok(Wire {
                stream,
                leftover: std::mem::take(&mut self.input).freeze(),
                role: self.role,
                deflate: self.deflate,
            }),
            stream => {
                self.stream = stream;
                Err(self)
            }
        }
    }

    fn wire(&self) -> Option<(Role, Option<Deflate>)> {
        Some((self.role, self.deflate))
    }

    fn rest(&mut self) {
        // A peer can inflate what refers to nothing that came before.
        self.deflater = None;
        self.decoder.rest();
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.waiting.reader.wake();
        self.waiting.writer.wake();
        let Some(stream) = self.stream.take() else {
            return;
        };
        if self.sent_close && tokio::runtime::Handle::try_current().is_ok() {
            let output = [
                std::mem::take(&mut self.output).freeze(),
                std::mem::take(&mut self.payload),
            ];
            let role = self.role;
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(LINGER, take_leave(stream, output, role)).await;
            });
        }
    }
}

/// Writes what is left and ends the connection: the server first (RFC 6455 section 7.1.1).
async fn take_leave(
    mut stream: Box<dyn ByteStream>,
    output: [Bytes; 2],
    role: Role,
) -> std::io::Result<()> {
    for bytes in output {
        stream.write_all(&bytes).await?;
    }
    stream.flush().await?;
    if role == Role::Server {
        stream.shutdown().await?;
    }
    let mut discarded = [0; 1024];
    while stream.read(&mut discarded).await? > 0 {}
    stream.shutdown().await
}

/// Whether what one connection carries means the same on the other, frame by frame.
pub fn may_relay_bytes(
    a: Option<(Role, Option<Deflate>)>,
    b: Option<(Role, Option<Deflate>)>,
) -> bool {
    match (a, b) {
        (Some((a_role, a_deflate)), Some((b_role, b_deflate))) => {
            a_role != b_role && a_deflate == b_deflate
        }
        _ => false,
    }
}

/// Carries bytes both ways until both connections have ended, or one is lost.
pub async fn relay_bytes(mut a: Wire, mut b: Wire) {
    // An error is the loss of a connection, and dropping both tells the other.
    let _ = async {
        b.stream.write_all(&a.leftover).await?;
        a.stream.write_all(&b.leftover).await?;
        tokio::io::copy_bidirectional(&mut a.stream, &mut b.stream).await
    }
    .await;
}
