//! Values of JavaScript RPC: V8's wire format, which both sides write alike, and what the values refer to.
//!
//! A stream or signal is made where the value goes, before it goes: the sender has the receiver's pusher make it, and sends what
//! that gave it back with the value.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ::bytes::Bytes;
use capnp::Error as Failure;
use capnp::capability::get_resolved_cap;
use capnp_rpc::{CapabilityServerSet, new_client};
use schema::instance_capnp::js_value::external_pusher::{self, abort_signal, input_stream};
use schema::instance_capnp::js_value::{self, external};
use schema::instance_capnp::{StreamEncoding, abort_trigger};
use tokio::sync::oneshot;

use super::bytes;
use super::rpc::{self, Held};
use crate::service::rpc::{External, MAX_PAYLOAD_BYTES, Payload, Signal, TRIGGER_LOST};
use crate::service::{Body, Error, Kind, channel, promised};

/// What one value may refer to.
const MAX_EXTERNALS: usize = 4096;

/// Writes a value that the pusher's side is to read.
///
/// # Errors
/// It is too long, or refers to what cannot be passed to another instance.
pub fn write(
    payload: Payload,
    pusher: &external_pusher::Client,
    held: &Held,
    mut value: js_value::Builder<'_>,
) -> Result<(), Error> {
    let Payload { bytes, externals } = payload;
    if bytes.len() > MAX_PAYLOAD_BYTES || externals.len() > MAX_EXTERNALS {
        let text = "The value is too long, or carries too many stubs, for another instance.";
        return Err(Error::internal(text));
    }
    value.set_v8_serialized(&bytes);
    let count = u32::try_from(externals.len()).unwrap_or(u32::MAX);
    let mut list = value.init_externals(count);
    for (index, external) in (0..).zip(externals) {
        write_external(external, pusher, held, list.reborrow().get(index))?;
    }
    Ok(())
}

fn write_external(
    external: External,
    pusher: &external_pusher::Client,
    held: &Held,
    to: external::Builder<'_>,
) -> Result<(), Error> {
    match external {
        External::Target(target) => {
            to.init_rpc_target()
                .set_cap(rpc::serve(target, held.clone()));
        }
        External::Service(_) => {
            let text = "Services cannot be passed to another instance.";
            return Err(Error::internal(text));
        }
        External::Readable(body) => {
            let mut request = pusher.push_byte_stream_request();
            let length = body.length().and_then(|length| length.checked_add(1));
            request.get().set_length_plus_one(length.unwrap_or(0));
            let pushed = request.send();
            to.init_readable_stream()
                .set_stream(pushed.pipeline.get_source());
            let sink = pushed.pipeline.get_sink();
            tokio::task::spawn_local(async move {
                let (_, _) =
                    futures_util::future::join(pushed.promise, bytes::send(body, &sink)).await;
            });
        }
        External::Writable(writer) => {
            to.init_writable_stream()
                .set_byte_stream(bytes::sink(writer));
        }
        External::Signal(signal) => {
            let pushed = pusher.push_abort_signal_request().send();
            let mut to = to;
            to.set_abort_signal(pushed.pipeline.get_signal());
            let trigger = pushed.pipeline.get_trigger();
            let (pusher, held) = (pusher.clone(), held.clone());
            tokio::task::spawn_local(async move {
                // Dropped without a word, the trigger is lost.
                if let Ok(reason) = signal.0.await {
                    let mut abort = trigger.abort_request();
                    if write(reason, &pusher, &held, abort.get().init_reason()).is_ok() {
                        let _ = abort.send().promise.await;
                    }
                }
                drop(pushed);
            });
        }
    }
    Ok(())
}

/// A value that the other side has written. What it refers to keeps what is held.
pub fn read(value: js_value::Reader<'_>, held: &Held) -> Result<Payload, Failure> {
    let bytes = value.get_v8_serialized()?;
    let list = value.get_externals()?;
    if bytes.len() > MAX_PAYLOAD_BYTES || list.len() as usize > MAX_EXTERNALS {
        return Err(Failure::failed(
            "A value is too long, or carries too many stubs.".into(),
        ));
    }
    let externals = list.iter().map(|external| read_external(external, held));
    Ok(Payload {
        bytes: Bytes::copy_from_slice(bytes),
        externals: externals.collect::<Result<_, Failure>>()?,
    })
}

fn read_external(from: external::Reader<'_>, held: &Held) -> Result<External, Failure> {
    use external::Which;
    Ok(match from.which()? {
        Which::RpcTarget(target) => {
            External::Target(rpc::Elsewhere::new(target.get_cap()?, held.clone()))
        }
        Which::WritableStream(stream) => {
            if stream.get_encoding()? != StreamEncoding::Identity {
                return Err(encoded());
            }
            let (to, held) = (stream.get_byte_stream()?, held.clone());
            let (writer, body) = channel(None);
            tokio::task::spawn_local(async move {
                let _held = held;
                let _ = bytes::send(body, &to).await;
            });
            External::Writable(writer)
        }
        Which::ReadableStream(stream) => {
            if stream.get_encoding()? != StreamEncoding::Identity {
                return Err(encoded());
            }
            let source = stream.get_stream()?;
            let (sender, body) = promised();
            tokio::task::spawn_local(async move {
                let source = get_resolved_cap(source).await;
                let pushed = PUSHED.with(|pushed| {
                    pushed
                        .streams
                        .borrow()
                        .get_local_server_of_resolved(&source)
                });
                let body = pushed.and_then(|pushed| pushed.0.take());
                let _ = sender.send(body.ok_or_else(Error::lost));
            });
            External::Readable(body)
        }
        Which::AbortSignal(signal) => {
            let signal = signal?;
            External::Signal(Signal(Box::pin(async move {
                let signal = get_resolved_cap(signal).await;
                let pushed = PUSHED.with(|pushed| {
                    pushed
                        .signals
                        .borrow()
                        .get_local_server_of_resolved(&signal)
                });
                let lost = || Error::new(Kind::Disconnected, TRIGGER_LOST);
                let aborted = pushed.and_then(|pushed| pushed.0.take()).ok_or_else(lost)?;
                match aborted.await {
                    Ok(Some(reason)) => Ok(reason),
                    Ok(None) => std::future::pending().await,
                    Err(_) => Err(lost()),
                }
            })))
        }
        _ => {
            let text = "jsg.Error: The value refers to what another instance cannot pass.";
            return Err(Failure::failed(text.into()));
        }
    })
}

fn encoded() -> Failure {
    Failure::failed("jsg.Error: Compressed streams cannot be passed by another instance.".into())
}

/// What the other side has had made here.
#[derive(Default)]
struct Pushed {
    streams: RefCell<CapabilityServerSet<Stream, input_stream::Client>>,
    signals: RefCell<CapabilityServerSet<Aborted, abort_signal::Client>>,
    /// How many, to sweep the sets now and then.
    count: Cell<usize>,
}

thread_local! {
    static PUSHED: Pushed = Pushed::default();
}

/// The sets are swept each time that so much was pushed.
const SWEEP_EVERY: usize = 1024;

impl Pushed {
    fn counts(&self) {
        let count = self.count.get() + 1;
        self.count.set(count % SWEEP_EVERY);
        if count == SWEEP_EVERY {
            self.streams.borrow_mut().gc();
            self.signals.borrow_mut().gc();
        }
    }
}

struct Stream(Cell<Option<Body>>);

impl input_stream::Server for Stream {}

/// Its reason, or none if it never will be.
type Reason = Option<Payload>;

struct Aborted(Cell<Option<oneshot::Receiver<Reason>>>);

impl abort_signal::Server for Aborted {}

/// What the other side pushes to for the results of a call.
pub fn pusher() -> external_pusher::Client {
    new_client(Pusher)
}

struct Pusher;

impl external_pusher::Server for Pusher {
    async fn push_byte_stream(
        self: Rc<Self>,
        params: external_pusher::PushByteStreamParams,
        results: external_pusher::PushByteStreamResults,
    ) -> Result<(), Failure> {
        push_byte_stream(&params, results)
    }

    async fn push_abort_signal(
        self: Rc<Self>,
        _: external_pusher::PushAbortSignalParams,
        results: external_pusher::PushAbortSignalResults,
    ) -> Result<(), Failure> {
        push_abort_signal(results)
    }
}

pub fn push_byte_stream(
    params: &external_pusher::PushByteStreamParams,
    mut results: external_pusher::PushByteStreamResults,
) -> Result<(), Failure> {
    let length = params.get()?.get_length_plus_one().checked_sub(1);
    let (sink, body) = bytes::receive(length);
    let source = PUSHED.with(|pushed| {
        pushed.counts();
        let stream = Stream(Cell::new(Some(body)));
        pushed.streams.borrow_mut().new_client(stream)
    });
    results.get().set_source(source);
    results.get().set_sink(sink);
    Ok(())
}

pub fn push_abort_signal(
    mut results: external_pusher::PushAbortSignalResults,
) -> Result<(), Failure> {
    let (sender, receiver) = oneshot::channel();
    let signal = PUSHED.with(|pushed| {
        pushed.counts();
        let signal = Aborted(Cell::new(Some(receiver)));
        pushed.signals.borrow_mut().new_client(signal)
    });
    results.get().set_signal(signal);
    results
        .get()
        .set_trigger(new_client(Trigger(Cell::new(Some(sender)))));
    Ok(())
}

/// Dropped without a word, it is lost.
struct Trigger(Cell<Option<oneshot::Sender<Reason>>>);

impl Trigger {
    fn tell(&self, reason: Reason) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(reason);
        }
    }
}

impl abort_trigger::Server for Trigger {
    async fn abort(
        self: Rc<Self>,
        params: abort_trigger::AbortParams,
        _: abort_trigger::AbortResults,
    ) -> Result<(), Failure> {
        let reason = read(params.get()?.get_reason()?, &None)?;
        self.tell(Some(reason));
        Ok(())
    }

    async fn release(
        self: Rc<Self>,
        _: abort_trigger::ReleaseParams,
        _: abort_trigger::ReleaseResults,
    ) -> Result<(), Failure> {
        self.tell(None);
        Ok(())
    }
}
