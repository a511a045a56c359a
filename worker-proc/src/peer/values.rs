//! Values of JavaScript RPC on a link: their bytes, and what passes by reference, into frames and out of them.
//!
//! `outgoing` and `serving` send and receive them with calls and answers. What is given away by reference is exported under a number until
//! the receiver releases it, which it does by dropping what it has got. What comes back to where it is from is the thing
//! itself again; a service that the receiver can find for itself is not exported but named.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use ipc::peer::value::{self, Entrypoint};
use ipc::peer::{Kind, PeerError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::accounts::Account;
use super::call::{Callee, Caller};
use super::convert;
use super::error::lost;
use super::local::Local;
use super::pending::Pending;
use super::sender::{Key, Sender};
use super::stream::Bodies;
use crate::service::rpc::{self, External, MAX_PAYLOAD_BYTES, Payload, Signal, TRIGGER_LOST};
use crate::service::{
    Body, BodyWriter, Designation, Error, Event, Request, Response, Service, channel,
};

/// What one value may carry by reference.
pub const MAX_EXTERNALS_PER_VALUE: usize = 4096;

/// What a process may have exported to one other at a time.
pub const MAX_EXPORTS_PER_PEER: usize = 1 << 18;

/// A value up to this length goes in the frame of its call or answer; a longer one before it, in pieces.
const MAX_INLINE_VALUE_BYTES: usize = 4 * 1024;

const MAX_PART_BYTES: usize = 512 * 1024;

/// Names, keys and props of the services in one value, together.
const MAX_DESIGNATION_BYTES: usize = 128 * 1024;

/// What is under way on a link beside calls and bodies.
pub struct Values {
    sender: Rc<Sender>,
    bodies: Rc<Bodies>,
    local: Weak<Local>,
    /// Makes the calls on what has come from the other process.
    caller: Weak<dyn Caller>,
    exports: RefCell<HashMap<u64, Export>>,
    /// The numbers of what this process has got from the other, by its place in memory.
    imports: RefCell<HashMap<usize, u64>>,
    /// Signals of this process that the other waits for.
    signals_out: RefCell<HashMap<u64, AbortHandle>>,
    signals_in: RefCell<HashMap<u64, oneshot::Sender<Result<Payload, Error>>>>,
    /// Pieces of the value to come.
    parts: RefCell<BytesMut>,
}

#[derive(Clone)]
pub enum Export {
    Target(Rc<dyn rpc::Target>),
    Service(Rc<dyn Service>),
}

/// A value whose externals are on their way.
pub struct Ready {
    bytes: Bytes,
    externals: Vec<Sent>,
}

/// An external as it is told.
enum Sent {
    Number(value::External<'static>),
    /// An export of the receiver. Kept until that is told: dropping it releases it.
    Yours(value::External<'static>, #[allow(dead_code)] Export),
    Designation(Designation),
}

impl Values {
    pub fn new(
        sender: &Rc<Sender>,
        bodies: &Rc<Bodies>,
        local: &Weak<Local>,
        caller: Weak<dyn Caller>,
    ) -> Rc<Self> {
        Rc::new(Self {
            sender: sender.clone(),
            bodies: bodies.clone(),
            local: local.clone(),
            caller,
            exports: RefCell::default(),
            imports: RefCell::default(),
            signals_out: RefCell::default(),
            signals_in: RefCell::default(),
            parts: RefCell::default(),
        })
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.exports.borrow().is_empty()
            && self.imports.borrow().is_empty()
            && self.signals_out.borrow().is_empty()
            && self.signals_in.borrow().is_empty()
            && self.parts.borrow().is_empty()
    }

    /// The other process is gone. What it has exported stays here, broken, until it is dropped.
    pub fn close(&self) {
        drop(self.exports.take());
        drop(self.signals_in.take());
        for (_, task) in self.signals_out.take() {
            task.abort();
        }
    }

    pub fn export(&self, number: u64) -> Option<Export> {
        self.exports.borrow().get(&number).cloned()
    }

    /// Between the pieces of a value and its frame nothing else may come.
    pub fn expect_parts(&self, kind: Kind) -> Result<(), PeerError> {
        let due = matches!(kind, Kind::Part | Kind::Call | Kind::Answer | Kind::Signal);
        if due || self.parts.borrow().is_empty() {
            return Ok(());
        }
        Err(PeerError::OutOfTurn(
            "a value in pieces, and nothing with it",
        ))
    }

    pub fn add_part(&self, part: &[u8]) -> Result<(), PeerError> {
        let mut parts = self.parts.borrow_mut();
        if parts.len() + part.len() > MAX_PAYLOAD_BYTES {
            return Err(PeerError::OutOfTurn("a value that is too long"));
        }
        parts.extend_from_slice(part);
        Ok(())
    }

    fn take_bytes(&self, inline: Option<&[u8]>) -> Result<Bytes, PeerError> {
        let parts = self.parts.take();
        match inline {
            None => Ok(parts.freeze()),
            Some(bytes) if parts.is_empty() => Ok(Bytes::copy_from_slice(bytes)),
            Some(_) => Err(PeerError::OutOfTurn("a value in pieces that is whole")),
        }
    }
}

impl Ready {
    fn is_inline(&self) -> bool {
        self.bytes.len() <= MAX_INLINE_VALUE_BYTES
    }

    pub fn head(&self) -> value::Payload<'_> {
        value::Payload {
            bytes: self.is_inline().then_some(&self.bytes),
            externals: self.externals.iter().map(Sent::head).collect(),
        }
    }
}

impl Sent {
    fn head(&self) -> value::External<'_> {
        match self {
            Self::Number(external) | Self::Yours(external, _) => *external,
            Self::Designation(Designation::Actor(address)) => {
                value::External::Actor(convert::address_head(address))
            }
            Self::Designation(Designation::Entrypoint {
                service,
                entrypoint,
                props,
            }) => value::External::Entrypoint(Entrypoint {
                service,
                name: entrypoint.as_deref(),
                props: props.as_deref(),
            }),
        }
    }
}

/// Bytes of what names a service.
fn length(designation: &Designation) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    match designation {
        Designation::Entrypoint {
            service,
            entrypoint,
            props,
        } => service.len() + length(entrypoint) + length(props),
        Designation::Actor(address) => {
            address.namespace.len() + length(&address.name) + length(&address.props)
        }
    }
}

fn place<T: ?Sized>(thing: &Rc<T>) -> usize {
    Rc::as_ptr(thing).cast::<()>() as usize
}

impl Values {
    /// Exports what a value carries.
    ///
    /// # Errors
    /// It carries too much; nothing is exported then.
    pub fn ready(self: &Rc<Self>, payload: Payload) -> Result<Ready, Error> {
        let Payload { bytes, externals } = payload;
        if bytes.len() > MAX_PAYLOAD_BYTES || externals.len() > MAX_EXTERNALS_PER_VALUE {
            return Err(Error::internal(
                "The value is too long, or carries too many stubs, for another process.",
            ));
        }
        if self.exports.borrow().len() + externals.len() > MAX_EXPORTS_PER_PEER {
            return Err(Error::overloaded("Too many stubs are held."));
        }
        let mut named_bytes = 0;
        let sent = externals.into_iter().map(|external| {
            self.send_external(external, |designation| {
                named_bytes += length(designation);
                named_bytes <= MAX_DESIGNATION_BYTES
            })
        });
        Ok(Ready {
            bytes,
            externals: sent.collect(),
        })
    }

    /// Sends a value's bytes, if they do not go with its frame, which must be sent next.
    pub fn send_parts(&self, key: Key, ready: &Ready) {
        if !ready.is_inline() {
            for part in ready.bytes.chunks(MAX_PART_BYTES) {
                self.sender
                    .send(Kind::Part, key, |_, out| out.extend_from_slice(part));
            }
        }
    }

    fn send_external(
        self: &Rc<Self>,
        external: External,
        may_name: impl FnOnce(&Designation) -> bool,
    ) -> Sent {
        Sent::Number(match external {
            External::Target(target) => match self.import(&target) {
                Some(number) => {
                    let external = value::External::YourTarget(number);
                    return Sent::Yours(external, Export::Target(target));
                }
                None => value::External::Target(self.give(Export::Target(target))),
            },
            External::Service(service) => match self.import(&service) {
                Some(number) => {
                    let external = value::External::YourService(number);
                    return Sent::Yours(external, Export::Service(service));
                }
                None => match service.designation().filter(may_name) {
                    Some(designation) => return Sent::Designation(designation),
                    None => value::External::Service(self.give(Export::Service(service))),
                },
            },
            External::Readable(Body::Empty) => value::External::Readable {
                chunks: None,
                length: Some(0),
            },
            External::Readable(body) => {
                let number = self.sender.new_number();
                let length = body.length();
                self.bodies.send(Key::ours(number), body);
                value::External::Readable {
                    chunks: Some(number),
                    length,
                }
            }
            External::Writable(writer) => {
                let number = self.sender.new_number();
                let body = self.bodies.receive(Key::ours(number), None);
                tokio::task::spawn_local(pass_on(body, writer));
                value::External::Writable(number)
            }
            External::Signal(signal) => value::External::Signal(self.send_signal(signal)),
        })
    }

    fn give(&self, export: Export) -> u64 {
        let number = self.sender.new_number();
        if !self.sender.is_closed() {
            self.exports.borrow_mut().insert(number, export);
        }
        number
    }

    /// The number of something that the other process has exported to this one.
    fn import<T: ?Sized>(&self, thing: &Rc<T>) -> Option<u64> {
        self.imports.borrow().get(&place(thing)).copied()
    }

    /// The other process is through with an export.
    pub fn release(&self, number: u64) {
        // Dropped once it is out of the table: that may come back here.
        let export = self.exports.borrow_mut().remove(&number);
        drop(export);
    }

    /// A value that has arrived. Calls on what it carries count for the account.
    pub fn accept(
        self: &Rc<Self>,
        payload: value::Payload<'_>,
        account: &Rc<Account>,
    ) -> Result<Payload, PeerError> {
        let bytes = self.take_bytes(payload.bytes)?;
        if payload.externals.len() > MAX_EXTERNALS_PER_VALUE {
            return Err(PeerError::OutOfTurn("a value that carries too much"));
        }
        let externals = payload.externals.into_iter();
        let externals = externals.map(|external| self.accept_external(external, account));
        Ok(Payload {
            bytes,
            externals: externals.collect::<Result<_, _>>()?,
        })
    }

    fn accept_external(
        self: &Rc<Self>,
        external: value::External<'_>,
        account: &Rc<Account>,
    ) -> Result<External, PeerError> {
        let stale = PeerError::OutOfTurn("something that was released");
        Ok(match external {
            value::External::Target(number) => External::Target(self.receive(number, account)),
            value::External::Service(number) => External::Service(self.receive(number, account)),
            value::External::YourTarget(number) => match self.export(number) {
                Some(Export::Target(target)) => External::Target(target),
                _ => return Err(stale),
            },
            value::External::YourService(number) => match self.export(number) {
                Some(Export::Service(service)) => External::Service(service),
                _ => return Err(stale),
            },
            value::External::Actor(address) => {
                External::Service(self.find(Designation::Actor(convert::address(&address))))
            }
            value::External::Entrypoint(entrypoint) => {
                External::Service(self.find(Designation::Entrypoint {
                    service: entrypoint.service.to_owned(),
                    entrypoint: entrypoint.name.map(str::to_owned),
                    props: entrypoint.props.map(str::to_owned),
                }))
            }
            value::External::Readable { chunks, length } => External::Readable(match chunks {
                None => Body::Empty,
                Some(number) => self.bodies.receive(Key::theirs(number), length),
            }),
            value::External::Writable(number) => {
                let (writer, body) = channel(None);
                self.bodies.send(Key::theirs(number), body);
                External::Writable(writer)
            }
            value::External::Signal(number) => External::Signal(self.receive_signal(number)),
        })
    }

    fn find(&self, designation: Designation) -> Rc<dyn Service> {
        let local = self.local.upgrade();
        let found = local.and_then(|local| local.find(designation));
        found.unwrap_or_else(|| Rc::new(Unknown))
    }

    fn receive(self: &Rc<Self>, number: u64, account: &Rc<Account>) -> Rc<Import> {
        let import = Rc::new(Import {
            values: Rc::downgrade(self),
            number,
            account: account.clone(),
        });
        if !self.sender.is_closed() {
            let place = place(&import);
            self.imports.borrow_mut().insert(place, number);
        }
        import
    }

    fn send_signal(self: &Rc<Self>, signal: Signal) -> u64 {
        let number = self.sender.new_number();
        let values = self.clone();
        let task = tokio::task::spawn_local(async move {
            let reason = signal.0.await.and_then(|reason| values.ready(reason));
            values.signals_out.borrow_mut().remove(&number);
            let key = Key::ours(number);
            match reason {
                Err(error) => values.sender.send_broken(key, &error),
                Ok(reason) => {
                    values.send_parts(key, &reason);
                    values.sender.send(Kind::Signal, key, |scratch, out| {
                        reason.head().write(scratch, out);
                    });
                }
            }
        });
        let task = task.abort_handle();
        self.signals_out.borrow_mut().insert(number, task);
        number
    }

    /// Nobody waits for a signal of this process any more.
    pub fn end_signal(&self, key: Key) {
        if key == Key::ours(key.number)
            && let Some(task) = self.signals_out.borrow_mut().remove(&key.number)
        {
            task.abort();
        }
    }

    fn receive_signal(self: &Rc<Self>, number: u64) -> Signal {
        let (sender, receiver) = oneshot::channel();
        if !self.sender.is_closed() {
            self.signals_in.borrow_mut().insert(number, sender);
        }
        let waiting = Waiting {
            values: Rc::downgrade(self),
            number,
        };
        Signal(Box::pin(async move {
            let reason = receiver.await;
            drop(waiting);
            reason.unwrap_or_else(|_| Err(Error::new(service::Kind::Disconnected, TRIGGER_LOST)))
        }))
    }

    pub fn on_signal(self: &Rc<Self>, number: u64, payload: &[u8]) -> Result<(), PeerError> {
        let reason = value::read_payload(payload, |reason| self.accept(reason, &Rc::default()))??;
        self.signal(number, Ok(reason));
        Ok(())
    }

    /// The other process cannot tell any more when a signal is aborted.
    pub fn signal_lost(&self, key: Key, error: &Error) {
        if key == Key::theirs(key.number) {
            self.signal(key.number, Err(error.clone()));
        }
    }

    fn signal(&self, number: u64, reason: Result<Payload, Error>) {
        let waiting = self.signals_in.borrow_mut().remove(&number);
        if let Some(waiting) = waiting {
            let _ = waiting.send(reason);
        }
    }
}

/// Writes a body to a writer, to the same end. A reader who goes ends it though nothing is written.
async fn pass_on(mut body: Body, writer: BodyWriter) {
    loop {
        let chunk = std::future::poll_fn(|cx| body.poll_chunk(cx));
        let written = tokio::select! {
            biased;
            () = writer.closed() => Err(writer.refusal()),
            chunk = chunk => match chunk {
                None => return writer.finish(),
                Some(Err(error)) => return writer.fail(error),
                Some(Ok(chunk)) => writer.write(chunk).await.map_err(Some),
            },
        };
        match written {
            Ok(()) => {}
            Err(Some(reason)) => return body.refuse(reason),
            Err(None) => return,
        }
    }
}

/// The receiver's side of a signal: tells the other when nobody waits.
struct Waiting {
    values: Weak<Values>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(values) = self.values.upgrade() {
            let waited = values.signals_in.borrow_mut().remove(&self.number);
            if waited.is_some() {
                values
                    .sender
                    .send(Kind::Stop, Key::theirs(self.number), |_, _| {});
            }
        }
    }
}

/// Something that the other process has exported.
struct Import {
    values: Weak<Values>,
    number: u64,
    account: Rc<Account>,
}

impl Import {
    fn caller(&self) -> Result<Rc<dyn Caller>, Error> {
        let values = self.values.upgrade();
        let caller = values.and_then(|values| values.caller.upgrade());
        caller.ok_or_else(lost)
    }

    fn callee(&self) -> Callee {
        Callee::Exported(self.number, self.account.clone())
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if let Some(values) = self.values.upgrade() {
            let place = std::ptr::from_ref(self).cast::<()>() as usize;
            values.imports.borrow_mut().remove(&place);
            values
                .sender
                .send(Kind::Release, Key::theirs(self.number), |_, _| {});
        }
    }
}

impl rpc::Target for Import {
    fn call(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        match self.caller() {
            Ok(caller) => caller.invoke(&self.callee(), call),
            Err(error) => rpc::Answer::failed(error),
        }
    }
}

impl Service for Import {
    fn fetch(self: Rc<Self>, request: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Pending::fetch(self.caller(), &self.callee(), request)
    }

    fn event(self: Rc<Self>, event: Event) -> LocalBoxFuture<'static, Result<(), Error>> {
        Pending::event(self.caller(), &self.callee(), event)
    }

    fn rpc(self: Rc<Self>, call: rpc::Call) -> rpc::Answer {
        rpc::Target::call(self, call)
    }
}

/// A service that the config of this process does not have.
struct Unknown;

impl Service for Unknown {
    fn fetch(self: Rc<Self>, _: Request) -> LocalBoxFuture<'static, Result<Response, Error>> {
        Box::pin(async {
            Err(Error::internal(
                "The service is not known in this process any more.",
            ))
        })
    }
}
