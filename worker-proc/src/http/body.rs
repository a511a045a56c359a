//! Between hyper's bodies and ours, chunk by chunk, without copies.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::files;
use super::progress::{Stream, Upload};
use super::sweep::{Connection, Sending};
use crate::service::{Body, BodyStream, Error};

struct FromHyper {
    /// None at its end.
    body: Option<Incoming>,
    /// For a request's body.
    client: Option<Client>,
    /// Goes with the body's end.
    held: Option<Box<dyn Any>>,
}

/// Whose body it is.
struct Client {
    connection: Arc<Connection>,
    rest: Weak<RefCell<Rest>>,
    /// It waits to be asked for the body (RFC 9110 section 10.1.1).
    is_unasked: bool,
    /// With HTTP/2.
    stream: Option<Arc<Stream>>,
    /// Once it has been waited for; with HTTP/2 from the start, as streams share a window.
    upload: Option<Arc<Upload>>,
}

/// A response's body as ours. Trailers are dropped, as workerd drops them. `held` is dropped at its end.
pub fn from_hyper(body: Incoming, held: Option<Box<dyn Any>>) -> Body {
    received(body, || None, held)
}

/// A request's body as ours; `waits` says that the client is to be asked for it. Its connection learns when it breaks, and
/// `rest` is what its reader leaves of it.
pub fn from_client(
    body: Incoming,
    connection: Arc<Connection>,
    rest: &Unread,
    waits: bool,
) -> Body {
    let client = || {
        let stream = Stream::current();
        let upload = stream.as_ref().map(|_| connection.uploads.add());
        Some(Client {
            connection,
            rest: Rc::downgrade(rest.0.get_or_init(Rc::default)),
            is_unasked: waits,
            stream,
            upload,
        })
    };
    received(body, client, None)
}

fn received(
    body: Incoming,
    client: impl FnOnce() -> Option<Client>,
    held: Option<Box<dyn Any>>,
) -> Body {
    if body.is_end_stream() {
        return Body::Empty;
    }
    Body::Stream(Box::new(FromHyper {
        body: Some(body),
        client: client(),
        held,
    }))
}

impl Client {
    /// hyper's next frame. What has come counts, and that nothing has.
    fn poll_frame(&mut self, mut body: Pin<&mut Incoming>, cx: &mut Context<'_>) -> PolledFrame {
        self.is_unasked = false;
        if let Some(upload) = &self.upload
            && upload.is_late()
        {
            self.connection.body_is_late();
            if let Some(stream) = &self.stream {
                stream.body_is_late();
            }
            return Poll::Ready(Some(Err(Error::disconnected(LATE))));
        }
        let mut polled = match &self.upload {
            None => body.as_mut().poll_frame(cx),
            Some(_) => Poll::Pending,
        };
        if polled.is_pending() {
            let connection = &self.connection;
            let upload = self.upload.get_or_insert_with(|| connection.uploads.add());
            let waker = upload.waker(cx);
            polled = body.poll_frame(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                upload.waits();
            }
        }
        if let Poll::Ready(Some(frame)) = &polled {
            match frame {
                Ok(frame) => self.received(frame.data_ref().map_or(0, Bytes::len)),
                Err(_) => self.connection.body_broke(),
            }
        }
        polled.map_err(|_| Error::lost())
    }

    fn received(&self, bytes: usize) {
        self.connection.uploads.received(bytes);
        if let Some(upload) = &self.upload {
            upload.received(bytes);
        }
    }
}

type PolledFrame = Poll<Option<Result<Frame<Bytes>, Error>>>;

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            self.connection.uploads.remove(upload);
        }
    }
}

/// What the reader of a body is told whose client was too slow.
const LATE: &str = "The client took too long to send the request's body.";

impl BodyStream for FromHyper {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        while let Some(body) = &mut self.body {
            let body = Pin::new(body);
            let polled = match &mut self.client {
                None => body.poll_frame(cx).map_err(|_| Error::lost()),
                Some(client) => client.poll_frame(body, cx),
            };
            match std::task::ready!(polled) {
                None => (self.body, self.held) = (None, None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_) => {}
                },
            }
        }
        Poll::Ready(None)
    }

    fn length(&self) -> Option<u64> {
        match &self.body {
            Some(body) => body.size_hint().exact(),
            None => Some(0),
        }
    }
}

impl Drop for FromHyper {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if let Some(client) = &self.client
            && let Some(rest) = client.rest.upgrade()
        {
            *rest.borrow_mut() = match client.is_unasked {
                true => Rest::Unasked,
                false => Rest::Left(body),
            };
        }
    }
}

/// What is read of a request's body that nobody wants, so that its connection can go on. A longer rest costs the connection.
const MAX_DRAINED_BYTES: usize = 64 << 10;

/// How often it is looked whether more of it has come; nothing waits for what has not.
const MAX_LOOKS: usize = 4;

/// What is left of a request's body by those who had it, once they have dropped it; empty where there is no body.
#[derive(Default)]
pub struct Unread(OnceCell<Rc<RefCell<Rest>>>);

#[derive(Default)]
enum Rest {
    /// All of it was read, or somebody still has it.
    #[default]
    None,
    Unasked,
    Left(Incoming),
}

impl Unread {
    /// Reads what has come of the rest, within bounds; whether the connection can go on.
    pub async fn drain(self) -> bool {
        let mut body = match self.0.get().map(|rest| rest.take()) {
            None | Some(Rest::None) => return true,
            Some(Rest::Unasked) => return false,
            Some(Rest::Left(body)) => body,
        };
        let mut room_bytes = MAX_DRAINED_BYTES;
        let mut looks = 0;
        std::future::poll_fn(|cx| {
            loop {
                let least = body.size_hint().lower();
                if body.is_end_stream() || least > room_bytes as u64 {
                    return Poll::Ready(least == 0);
                }
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                    Poll::Ready(Some(Ok(frame))) => {
                        let bytes = frame.data_ref().map_or(0, Bytes::len);
                        let Some(left) = room_bytes.checked_sub(bytes) else {
                            return Poll::Ready(false);
                        };
                        room_bytes = left;
                        looks = 0;
                    }
                    Poll::Pending if looks < MAX_LOOKS => {
                        looks += 1;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::Ready(false),
                }
            }
        })
        .await
    }
}

/// How much of what a body has ready is sent at once, at least.
const MAX_READY_BYTES: usize = 256 << 10;

const TOO_LONG: &str = "A body is longer than it was said to be.";
const TOO_SHORT: &str = "A body is shorter than it was said to be.";

/// With HTTP/2 a body that has ended is told to hyper only when no more than this is left to send: until then its stream
/// can be stopped.
const MAX_ENDED_UNSENT_BYTES: usize = 16 << 10;

/// For whom a body is sent. Dropped with it, which tells the server that the exchange is over.
pub trait Receiver {
    /// Counts what is ready until the result is dropped.
    fn sending(&self, _chunks: &Chunks) -> Option<Sending> {
        None
    }

    /// With HTTP/2.
    fn stream(&self) -> Option<&Stream> {
        None
    }

    /// Whether parts of files go out by what stands for them.
    fn sends_files(&self) -> bool {
        false
    }

    /// With HTTP/1.1, where answers follow each other: whether one is not yet all the kernel's.
    fn has_unsent(&self) -> Option<bool> {
        None
    }
}

/// How often it is looked whether a client has taken all that goes before an error.
pub const FLUSH_LOOK: Duration = Duration::from_millis(1);

/// A server, which is given requests.
impl Receiver for () {}

/// Our body as hyper wants it: as long as it says, or an error.
pub struct ToHyper<G> {
    body: Body,
    left: Option<u64>,
    /// What the body has ended with, behind what was ready.
    error: Option<Error>,
    /// Waits before the error.
    look: Option<Pin<Box<tokio::time::Sleep>>>,
    receiver: G,
}

impl<G: Receiver> ToHyper<G> {
    pub fn new(body: Body, receiver: G) -> Self {
        let left = body.length();
        Self {
            body,
            left,
            error: None,
            look: None,
            receiver,
        }
    }

    /// The same body once more, where it is no stream and has not begun.
    pub fn copy(&self) -> Option<Body> {
        match &self.body {
            Body::Empty => Some(Body::Empty),
            Body::Bytes(bytes) => Some(Body::Bytes(bytes.clone())),
            _ => None,
        }
    }

    /// Bytes that are left of it, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.left
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunks>, Error>>> {
        let part = match self.receiver.sends_files() {
            true => std::task::ready!(self.poll_file(cx)),
            false => None,
        };
        let chunk = match &part {
            Some(_) => part.map(Ok),
            None => std::task::ready!(self.body.poll_chunk(cx)),
        };
        Poll::Ready(match chunk {
            Some(Ok(first)) => {
                let mut chunks = self.gather(first, cx);
                if let Some(left) = self.left {
                    let left = left.checked_sub(chunks.remaining() as u64);
                    self.left = Some(left.ok_or_else(|| Error::internal(TOO_LONG))?);
                }
                chunks.sending = self.receiver.sending(&chunks);
                Some(Ok(Frame::data(chunks)))
            }
            Some(Err(error)) => Some(Err(error)),
            // HTTP/2 would end the stream as if all had been said.
            None if self.left.is_some_and(|left| left > 0) => {
                self.left = Some(0);
                Some(Err(Error::internal(TOO_SHORT)))
            }
            None => {
                self.body = Body::Empty;
                if let Some(stream) = self.receiver.stream() {
                    std::task::ready!(stream.poll_emptied(cx));
                }
                None
            }
        })
    }

    /// What stands for the next part of a file, if the body is one.
    fn poll_file(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Body::Stream(stream) = &mut self.body else {
            return Poll::Ready(None);
        };
        let Some(stand_in) = files::StandIn::take() else {
            return Poll::Ready(None);
        };
        let part = std::task::ready!(stream.poll_file(cx, files::MAX_PART_BYTES as u64));
        Poll::Ready(part.map(|part| stand_in.of(part)))
    }

    /// Waits until the head, what came before the error, and earlier answers are the kernel's: hyper drops them with it.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.receiver.has_unsent().is_some() {
            let look = || Box::pin(tokio::time::sleep(FLUSH_LOOK));
            std::task::ready!(self.look.get_or_insert_with(look).as_mut().poll(cx));
            self.look = None;
            if self.receiver.has_unsent() == Some(false) {
                break;
            }
        }
        Poll::Ready(())
    }

    /// Adds what else is ready to the first chunk.
    fn gather(&mut self, first: Bytes, cx: &mut Context<'_>) -> Chunks {
        let mut chunks = Chunks::from(first);
        while matches!(self.body, Body::Stream(_)) && chunks.remaining() < MAX_READY_BYTES {
            match self.body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => chunks.push(chunk),
                Poll::Ready(Some(Err(error))) => {
                    self.error = Some(error);
                    break;
                }
                // Hyper then ends the message with what it sends now.
                Poll::Ready(None) => self.body = Body::Empty,
                Poll::Pending => break,
            }
        }
        chunks
    }
}

impl<G: Receiver + Unpin> http_body::Body for ToHyper<G> {
    type Data = Chunks;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunks>, Error>>> {
        if self.error.is_none() {
            match std::task::ready!(self.poll_data(cx)) {
                Some(Err(error)) => self.error = Some(error),
                frame => return Poll::Ready(frame),
            }
        }
        std::task::ready!(self.poll_flushed(cx));
        Poll::Ready(self.error.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        let unsent_bytes = |stream: &Stream| stream.out.unsent_bytes();
        // A body that is too short must not look complete.
        matches!(self.body, Body::Empty)
            && self.error.is_none()
            && self.left.unwrap_or(0) == 0
            && self.receiver.stream().map_or(0, unsent_bytes) <= MAX_ENDED_UNSENT_BYTES
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// Chunks that are sent in one write.
#[derive(Default)]
pub struct Chunks {
    /// Not empty unless there are no bytes left.
    first: Bytes,
    rest: VecDeque<Bytes>,
    rest_bytes: usize,
    sending: Option<Sending>,
}

impl From<Bytes> for Chunks {
    fn from(first: Bytes) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }
}

impl Chunks {
    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() {
            self.first = chunk;
        } else if !chunk.is_empty() {
            self.rest_bytes += chunk.len();
            self.rest.push_back(chunk);
        }
    }
}

impl Chunks {
    /// What is sent last.
    pub fn last(&self) -> &[u8] {
        self.rest.back().unwrap_or(&self.first)
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.first.len() + self.rest_bytes
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let chunks = std::iter::once(&self.first).chain(&self.rest);
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            if !chunk.is_empty() {
                *slice = IoSlice::new(chunk);
                count += 1;
            }
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        if let Some(sending) = &mut self.sending {
            sending.sent(count);
        }
        while count >= self.first.len() {
            count -= self.first.len();
            let Some(next) = self.rest.pop_front() else {
                assert_eq!(count, 0, "no more than there is");
                self.first = Bytes::new();
                return;
            };
            self.rest_bytes -= next.len();
            self.first = next;
        }
        self.first.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_one_buffer() {
        let parts: [&[u8]; 4] = [b"ab", b"", b"cde", b"f"];
        let chunks = || {
            let mut chunks = Chunks::default();
            for part in parts {
                chunks.push(Bytes::from_static(part));
            }
            chunks
        };
        for gone in 0..=6 {
            let mut chunks = chunks();
            chunks.advance(gone);
            assert_eq!(chunks.remaining(), 6 - gone);
            let mut slices = [IoSlice::new(&[]); 8];
            let count = chunks.chunks_vectored(&mut slices);
            let seen: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            assert_eq!(seen, b"abcdef"[gone..]);
            assert_eq!(chunks.chunk().is_empty(), gone == 6);
            assert_eq!(chunks.copy_to_bytes(6 - gone), b"abcdef"[gone..]);
        }
        let mut few = [IoSlice::new(&[]); 2];
        assert_eq!(chunks().chunks_vectored(&mut few), 2);
    }

    /// Chunks of a letter, `!` for an error, ` ` for a wait.
    struct Script(std::str::Chars<'static>, Option<u64>);

    impl BodyStream for Script {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
            match self.0.next() {
                Some(' ') => Poll::Pending,
                Some('!') => Poll::Ready(Some(Err(Error::internal("no")))),
                chunk => Poll::Ready(chunk.map(|chunk| Ok(Bytes::from(chunk.to_string())))),
            }
        }

        fn length(&self) -> Option<u64> {
            self.1
        }
    }

    #[test]
    fn what_is_ready_is_sent_at_once_and_an_error_after_it() {
        let frames = |script: &'static str, length| {
            let script = Script(script.chars(), length);
            let mut body = ToHyper::new(Body::Stream(Box::new(script)), ());
            let cx = &mut Context::from_waker(std::task::Waker::noop());
            let mut frames = Vec::new();
            loop {
                let frame = match http_body::Body::poll_frame(Pin::new(&mut body), cx) {
                    Poll::Pending => "pending".to_owned(),
                    Poll::Ready(Some(Err(_))) => "error".to_owned(),
                    Poll::Ready(None) => return frames.join(" ") + " end",
                    Poll::Ready(Some(Ok(frame))) => {
                        let mut chunks = frame.into_data().unwrap_or_default();
                        let bytes = chunks.copy_to_bytes(chunks.remaining());
                        String::from_utf8_lossy(&bytes).into_owned()
                    }
                };
                frames.push(frame);
                if http_body::Body::is_end_stream(&body) {
                    return frames.join(" ") + " last";
                }
            }
        };
        assert_eq!(frames("abc", None), "abc last");
        assert_eq!(frames("abc", Some(3)), "abc last");
        assert_eq!(frames("abc", Some(4)), "abc error last");
        assert_eq!(frames("ab c", Some(2)), "ab error last");
        assert_eq!(frames("ab c ", None), "ab c end");
        assert_eq!(frames(" ab!", None), "pending ab error end");
        assert_eq!(frames("!", None), "error end");
    }
}
