//! One connection: its messages, bounded, and how long it is kept.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use capnp::capability::{Client, FromClientHook, Promise};
use capnp::message::{Builder, HeapAllocator, ReaderOptions};
use capnp_rpc::rpc_capnp::message;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{Connection, IncomingMessage, OutgoingMessage, RpcSystem, VatNetwork, twoparty};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use futures_util::io::BufReader;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::stream::{Reading, Writing};
use crate::log;
use crate::service::Error;

/// The largest message that is taken; the published binary's bound.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Calls of the other side that may be unanswered, or answered and held.
const MAX_CALLS: usize = 16 * 1024;

/// Bytes of those calls' messages.
const MAX_CALLS_BYTES: usize = 256 << 20;

/// What the reading of a connection gathers.
const READ_BYTES: usize = 64 * 1024;

/// A connection that this side has opened, for as long as anybody holds it.
pub struct Line<C> {
    bootstrap: Shared<LocalBoxFuture<'static, Result<C, Error>>>,
    task: AbortHandle,
}

impl<C> Drop for Line<C> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<C: FromClientHook + Clone + 'static> Line<C> {
    /// A connection that is being opened from now on.
    pub fn new<S>(opened: impl Future<Output = Result<S, Error>> + 'static) -> Rc<Self>
    where
        S: AsyncRead + AsyncWrite + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let task = tokio::task::spawn_local(async move {
            match opened.await {
                Ok(stream) => {
                    let mut system = system(stream, Side::Client, None);
                    let _ = sender.send(Ok(system.bootstrap(Side::Server)));
                    run(system).await;
                }
                Err(error) => _ = sender.send(Err(error)),
            }
        });
        let bootstrap = receiver.map(|come| come.unwrap_or_else(|_| Err(Error::lost())));
        Rc::new(Self {
            bootstrap: bootstrap.boxed_local().shared(),
            task: task.abort_handle(),
        })
    }

    /// What the other side gives to whoever connects.
    pub async fn bootstrap(&self) -> Result<C, Error> {
        self.bootstrap.clone().await
    }

    /// Whether nothing can be called through it any more.
    pub fn is_closed(&self) -> bool {
        self.task.is_finished()
    }
}

/// Serves the other side until the connection ends.
pub async fn serve<S: AsyncRead + AsyncWrite + 'static>(stream: S, bootstrap: Client) {
    run(system(stream, Side::Server, Some(bootstrap))).await;
}

async fn run(system: RpcSystem<Side>) {
    if let Err(error) = system.await
        && error.kind != capnp::ErrorKind::Disconnected
    {
        log::error(format_args!("Cap'n Proto connection closed: {error}"));
    }
}

fn system<S: AsyncRead + AsyncWrite + 'static>(
    stream: S,
    side: Side,
    bootstrap: Option<Client>,
) -> RpcSystem<Side> {
    let (input, output) = tokio::io::split(stream);
    let last_message = Rc::new(Cell::new(0));
    let input = Reading::new(
        BufReader::with_capacity(READ_BYTES, super::stream::Input(input)),
        last_message.clone(),
    );
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(MAX_MESSAGE_BYTES / size_of::<capnp::Word>()));
    let network = Bounded {
        inner: twoparty::VatNetwork::new(input, Writing::new(output), side, options),
        calls: Rc::default(),
        last_message,
    };
    RpcSystem::new(Box::new(network), bootstrap)
}

/// What the other side has called, by number, with the bytes of the message.
#[derive(Default)]
struct Calls {
    open: RefCell<HashMap<u32, usize>>,
    bytes: Cell<usize>,
}

impl Calls {
    /// Counts a message of the other side.
    fn take(&self, incoming: &dyn IncomingMessage, bytes: usize) -> capnp::Result<()> {
        let message: message::Reader<'_> = incoming.get_body()?.get_as()?;
        let begun = match message.which() {
            Ok(message::Call(call)) => call?.get_question_id(),
            Ok(message::Bootstrap(bootstrap)) => bootstrap?.get_question_id(),
            Ok(message::Finish(finish)) => {
                self.end(finish?.get_question_id());
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.end(begun);
        let mut open = self.open.borrow_mut();
        open.insert(begun, bytes);
        self.bytes.set(self.bytes.get() + bytes);
        if open.len() > MAX_CALLS || self.bytes.get() > MAX_CALLS_BYTES {
            let text = "Too many calls are under way.";
            return Err(capnp::Error::overloaded(text.into()));
        }
        Ok(())
    }

    /// Some answers say that they end their calls.
    fn answer(&self, outgoing: &dyn OutgoingMessage) -> capnp::Result<()> {
        let message: message::Reader<'_> = outgoing.get_body_as_reader()?.get_as()?;
        if let Ok(message::Return(answer)) = message.which() {
            let answer = answer?;
            if answer.get_no_finish_needed() {
                self.end(answer.get_answer_id());
            }
        }
        Ok(())
    }

    fn end(&self, number: u32) {
        let ended = self.open.borrow_mut().remove(&number);
        self.bytes.set(self.bytes.get() - ended.unwrap_or(0));
    }
}

type Network<S> =
    twoparty::VatNetwork<Reading<BufReader<super::stream::Input<tokio::io::ReadHalf<S>>>>>;

/// A network of two that counts what the other side calls.
struct Bounded<S: AsyncRead + 'static> {
    inner: Network<S>,
    calls: Rc<Calls>,
    last_message: Rc<Cell<usize>>,
}

impl<S: AsyncRead + 'static> Bounded<S> {
    fn count(&self, inner: Box<dyn Connection<Side>>) -> Counted {
        Counted {
            inner,
            calls: self.calls.clone(),
            last_message: self.last_message.clone(),
        }
    }
}

impl<S: AsyncRead + 'static> VatNetwork<Side> for Bounded<S> {
    fn connect(&mut self, side: Side) -> Option<Box<dyn Connection<Side>>> {
        let inner = self.inner.connect(side)?;
        Some(Box::new(self.count(inner)))
    }

    fn accept(&mut self) -> Promise<Box<dyn Connection<Side>>, capnp::Error> {
        let accepted = self.inner.accept();
        let (calls, last_message) = (self.calls.clone(), self.last_message.clone());
        Promise::from_future(async move {
            Ok(Box::new(Counted {
                inner: accepted.await?,
                calls,
                last_message,
            }) as Box<dyn Connection<Side>>)
        })
    }

    fn drive_until_shutdown(&mut self) -> Promise<(), capnp::Error> {
        self.inner.drive_until_shutdown()
    }
}

struct Counted {
    inner: Box<dyn Connection<Side>>,
    calls: Rc<Calls>,
    last_message: Rc<Cell<usize>>,
}

impl Connection<Side> for Counted {
    fn get_peer_vat_id(&self) -> Side {
        self.inner.get_peer_vat_id()
    }

    fn new_outgoing_message(&mut self, first_segment_words: u32) -> Box<dyn OutgoingMessage> {
        Box::new(Outgoing {
            inner: self.inner.new_outgoing_message(first_segment_words),
            calls: self.calls.clone(),
        })
    }

    fn receive_incoming_message(
        &mut self,
    ) -> Promise<Option<Box<dyn IncomingMessage>>, capnp::Error> {
        let received = self.inner.receive_incoming_message();
        let (calls, last_message) = (self.calls.clone(), self.last_message.clone());
        Promise::from_future(async move {
            let received = received.await?;
            if let Some(message) = &received {
                calls.take(&**message, last_message.get())?;
            }
            Ok(received)
        })
    }

    fn new_stream(
        &mut self,
    ) -> (
        Box<dyn capnp_rpc::FlowController>,
        Promise<(), capnp::Error>,
    ) {
        self.inner.new_stream()
    }

    fn shutdown(&mut self, result: capnp::Result<()>) -> Promise<(), capnp::Error> {
        self.inner.shutdown(result)
    }
}

struct Outgoing {
    inner: Box<dyn OutgoingMessage>,
    calls: Rc<Calls>,
}

impl OutgoingMessage for Outgoing {
    fn get_body(&mut self) -> capnp::Result<capnp::any_pointer::Builder<'_>> {
        self.inner.get_body()
    }

    fn get_body_as_reader(&self) -> capnp::Result<capnp::any_pointer::Reader<'_>> {
        self.inner.get_body_as_reader()
    }

    fn send(self: Box<Self>) -> (Promise<(), capnp::Error>, Rc<Builder<HeapAllocator>>) {
        // What this side has written can be read.
        let _ = self.calls.answer(&*self.inner);
        self.inner.send()
    }

    fn take(self: Box<Self>) -> Builder<HeapAllocator> {
        self.inner.take()
    }

    fn size_in_words(&self) -> usize {
        self.inner.size_in_words()
    }
}
