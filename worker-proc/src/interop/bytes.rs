//! Byte streams: what the other side writes, as a body, and a body written to the other side.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;

use bytes::Bytes;
use capnp::Error;
use capnp_rpc::new_client;
use schema::bytes_capnp::byte_stream::{self, Client, substream_callback};
use tokio::sync::oneshot;

use super::error::{heard, told};
use crate::service::{Body, BodyWriter, channel};

/// The most bytes of one write; the published binary's bound.
const MAX_WRITE_BYTES: usize = 64 * 1024;

/// A body that the other side writes, and what it writes to.
pub fn receive(length: Option<u64>) -> (Client, Body) {
    let (writer, body) = channel(length);
    (sink(writer), body)
}

/// What the other side writes to.
pub fn sink(writer: BodyWriter) -> Client {
    new_client(Sink::new(writer))
}

/// Writes a body to its end. Where the other side takes no more, the body's source learns why.
pub async fn send(mut body: Body, to: &Client) -> Result<(), Error> {
    loop {
        match poll_fn(|cx| body.poll_chunk(cx)).await {
            // Dropped without an end, the stream has broken off.
            Some(Err(error)) => return Err(told(&error)),
            None => {
                to.end_request().send().promise.await?;
                return Ok(());
            }
            Some(Ok(chunk)) => {
                if let Err(error) = write(chunk, to).await {
                    body.refuse(heard(error.clone()));
                    return Err(error);
                }
            }
        }
    }
}

async fn write(chunk: Bytes, to: &Client) -> Result<(), Error> {
    for part in chunk.chunks(MAX_WRITE_BYTES) {
        let mut request = to.write_request();
        request.get().set_bytes(part);
        request.send().await?;
    }
    Ok(())
}

/// What is begun in order ends in order: each waits for the one before.
#[derive(Default)]
pub struct Sequence(RefCell<Option<oneshot::Receiver<()>>>);

impl Sequence {
    /// The work, in its turn. Turns are taken here and now.
    pub fn next<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let (done, next) = oneshot::channel::<()>();
        let before = self.0.replace(Some(next));
        async move {
            if let Some(before) = before {
                // One that was cancelled is over, too.
                let _ = before.await;
            }
            let output = work.await;
            drop(done);
            output
        }
    }
}

/// See [`sink`].
struct Sink {
    /// None once it has ended.
    writer: RefCell<Option<Rc<BodyWriter>>>,
    order: Sequence,
}

impl Sink {
    fn new(writer: BodyWriter) -> Self {
        Self {
            writer: RefCell::new(Some(Rc::new(writer))),
            order: Sequence::default(),
        }
    }

    async fn put(self: Rc<Self>, bytes: Bytes) -> Result<(), Error> {
        let writer = self.writer.borrow().clone();
        let writer = writer.ok_or_else(|| Error::failed("The stream has ended.".into()))?;
        match writer.write(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => Err(told(&error)),
        }
    }
}

impl byte_stream::Server for Sink {
    fn write(
        self: Rc<Self>,
        params: byte_stream::WriteParams,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let this = self.clone();
        self.order.next(async move {
            let bytes = Bytes::copy_from_slice(params.get()?.get_bytes()?);
            drop(params);
            this.put(bytes).await
        })
    }

    fn end(
        self: Rc<Self>,
        _: byte_stream::EndParams,
        _: byte_stream::EndResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let this = self.clone();
        self.order.next(async move {
            if let Some(writer) = this.writer.take() {
                writer.finish();
            }
            Ok(())
        })
    }

    async fn get_substream(
        self: Rc<Self>,
        params: byte_stream::GetSubstreamParams,
        mut results: byte_stream::GetSubstreamResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let substream = Substream {
            parent: self,
            callback: params.get_callback()?,
            left: Cell::new(params.get_limit()),
            written: Cell::new(0),
            next: RefCell::default(),
            order: Sequence::default(),
        };
        results.get().set_substream(new_client(substream));
        Ok(())
    }
}

/// A stream to where another one goes, for so many bytes.
struct Substream {
    parent: Rc<Sink>,
    callback: substream_callback::Client,
    left: Cell<u64>,
    written: Cell<u64>,
    /// Where what follows goes.
    next: RefCell<Option<Client>>,
    order: Sequence,
}

impl Substream {
    async fn put(&self, mut bytes: Bytes) -> Result<(), Error> {
        if self.next.borrow().is_none() {
            let within = bytes
                .len()
                .min(usize::try_from(self.left.get()).unwrap_or(usize::MAX));
            let within = bytes.split_to(within);
            let count = within.len() as u64;
            self.parent.clone().put(within).await?;
            self.left.set(self.left.get() - count);
            self.written.set(self.written.get() + count);
            if self.left.get() > 0 {
                return Ok(());
            }
            let reached = self.callback.reached_limit_request().send();
            *self.next.borrow_mut() = Some(reached.pipeline.get_next());
            tokio::task::spawn_local(reached.promise);
        }
        let next = self.next.borrow().clone();
        match next {
            Some(next) => write(bytes, &next).await,
            None => Ok(()),
        }
    }

    async fn finish(&self) -> Result<(), Error> {
        let next = self.next.borrow().clone();
        match next {
            Some(next) => next.end_request().send().promise.await.map(drop),
            None => {
                let mut ended = self.callback.ended_request();
                ended.get().set_byte_count(self.written.get());
                ended.send().promise.await.map(drop)
            }
        }
    }
}

impl byte_stream::Server for Substream {
    fn write(
        self: Rc<Self>,
        params: byte_stream::WriteParams,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let this = self.clone();
        self.order.next(async move {
            let bytes = Bytes::copy_from_slice(params.get()?.get_bytes()?);
            this.put(bytes).await
        })
    }

    fn end(
        self: Rc<Self>,
        _: byte_stream::EndParams,
        _: byte_stream::EndResults,
    ) -> impl Future<Output = Result<(), Error>> + 'static {
        let this = self.clone();
        self.order.next(async move { this.finish().await })
    }
}
