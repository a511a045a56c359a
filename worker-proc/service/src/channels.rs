//! What a worker reaches by the number of a channel, and Durable Objects as it and its tests see them.
//!
//! `dispatch` and `actors` have what is behind these; the ops of `api` use it.

use std::any::Any;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::actor::{ActorId, Address};
use super::error::Error;
use super::lasting::{Lasting, Me, Props};
use super::limits::Limits;
use super::rpc;
use super::service::Service;

/// Where a worker's subrequests go: channel 0 is its global outbound, the others are its bindings.
pub trait Channels {
    /// The service behind a channel; none if there is no such channel.
    fn service(&self, channel: u32) -> Option<Rc<dyn Service>>;

    /// A namespace of Durable Objects.
    fn namespace(&self, channel: u32) -> Option<Rc<dyn Namespace>>;

    /// The same with other props than the config gives.
    fn service_with_props(&self, channel: u32, props: Props) -> Option<Rc<dyn Service>>;

    /// The server's Durable Objects.
    fn objects(&self) -> Option<Rc<dyn Objects>> {
        None
    }

    /// A loader of workers, in what `glue::loader` makes of it.
    fn loader(&self, _channel: u32) -> Option<Rc<dyn Any>> {
        None
    }

    /// What the debug port at an address shows, or for none that of this instance.
    fn debug_port(&self, _address: Option<&str>) -> Option<Rc<dyn DebugPort>> {
        None
    }

    /// An RPC stub among the bindings.
    fn stub(&self, _channel: u32) -> Option<Rc<dyn rpc::Target>> {
        None
    }

    /// Whether objects of a namespace are the worker's own, and their stubs may be stored.
    fn namespace_lasts(&self, _channel: u32) -> bool {
        false
    }

    /// What a stored stub leads to; none if the config has nothing of the kind.
    fn revive(&self, _lasting: &Lasting) -> Option<Rc<dyn Service>> {
        None
    }

    /// Who the worker is whose event runs, if stubs can be restored by it.
    fn me(&self) -> Option<Me> {
        None
    }

    /// What an event may use, beside what the process allows.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Sees to it that whoever asks for the worker by name from now on has a new one; false if it is one of the config's.
    fn discard(&self) -> bool {
        false
    }
}

/// A namespace of objects, as a binding.
pub trait Namespace {
    /// An id that no other call returns.
    ///
    /// # Errors
    /// The system has no random bytes.
    fn unique_id(&self) -> Result<ActorId, Error>;

    /// The id that a name always has.
    fn id_from_name(&self, name: &str) -> ActorId;

    /// The id of 64 hex digits.
    ///
    /// # Errors
    /// A `TypeError`: other text, or an id of another namespace.
    fn id_from_string(&self, text: &str) -> Result<ActorId, Error>;

    /// The object of that id, wherever it lives.
    fn object(&self, id: ActorId, name: Option<String>) -> Rc<dyn Service>;
}

/// All services of an instance of workerd, whatever its config lets whom reach.
pub trait DebugPort {
    /// An entrypoint of a service, the default one for no name.
    ///
    /// # Errors
    /// There is none. That of another instance is told by its calls alone.
    fn entrypoint(
        &self,
        service: &str,
        name: Option<&str>,
        props: Option<Props>,
    ) -> Result<Rc<dyn Service>, Error>;

    /// An object of a class, by the 64 hex digits of its id; by its name where the namespace is ephemeral.
    ///
    /// # Errors
    /// The same.
    fn actor(&self, service: &str, class: &str, id: &str) -> Result<Rc<dyn Service>, Error>;
}

/// The objects of this process, for tests that end them.
pub trait Objects {
    /// Ends the object's life as idleness would, once it has no caller; `close` closes its hibernatable WebSockets, too.
    /// An error if it is not live.
    fn evict(&self, address: &Address, close: bool) -> LocalBoxFuture<'static, Result<(), Error>>;

    /// The same for all that are live.
    fn evict_all(&self, close: bool) -> LocalBoxFuture<'static, Result<(), Error>>;

    /// Breaks all that are live.
    fn abort_all(&self, error: Error);

    /// The same, and they lose what they have stored. No object, live or not, has an alarm after it.
    fn delete_all(&self, error: Error);
}
