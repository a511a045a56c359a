//! What a stub is made with, its props, and how it is found again after it was stored.
//!
//! `api/cloudflare/rpc` turns stubs into tokens for storage and back; `dispatch` and the actor host find what they mean. A stub lasts if the
//! worker that it leads to allows that, by a compatibility flag.

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;

use super::actor::Address;
use super::error::Error;
use super::rpc::{External, Target};
use super::service::Service;

/// What an entrypoint or a class knows of the binding that it is reached through: `ctx.props`.
#[derive(Clone)]
pub enum Props {
    /// As the config gives them.
    Json(String),
    /// As JavaScript gives them: V8's wire format, which refers to others by number.
    Value {
        /// The value.
        bytes: Bytes,
        /// What it refers to, by number.
        caps: Rc<[Cap]>,
    },
}

/// What props refer to.
#[derive(Clone)]
pub enum Cap {
    /// A service binding, or a stub of an object.
    Service(Rc<dyn Service>),
    /// A class of Durable Objects.
    Class(Rc<dyn Service>),
    /// A stub of JavaScript RPC.
    Stub(Rc<dyn Target>),
}

impl From<&Cap> for External {
    fn from(cap: &Cap) -> Self {
        match cap {
            Cap::Service(service) | Cap::Class(service) => Self::Service(service.clone()),
            Cap::Stub(target) => Self::Target(target.clone()),
        }
    }
}

impl Props {
    /// As JSON, if they are that: for another process, where services cannot be named.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Json(json) => Some(json),
            Self::Value { .. } => None,
        }
    }
}

impl fmt::Debug for Props {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json().unwrap_or("Value"))
    }
}

/// What a stored stub is found again by.
#[derive(Clone)]
pub enum Lasting {
    /// An entrypoint of a service of the config, or a class that it exports.
    Entrypoint {
        /// Its name in the config.
        service: String,
        /// What the worker exports it as; none is the default one.
        entrypoint: Option<String>,
        /// What it is given.
        props: Option<Props>,
    },
    /// A Durable Object.
    Actor(Address),
    /// What the `[restore]()` of another one makes of an argument.
    Restored(Rc<Recipe>),
}

/// How a stub is made.
pub struct Recipe {
    /// Whose `[restore]()` makes it.
    pub vendor: Lasting,
    /// What that is called with.
    pub argument: Props,
}

/// Who an event's worker or object is, for `ctx.restore()`.
#[derive(Clone)]
pub struct Me {
    /// What it is found again by.
    pub lasting: Lasting,
    /// Whether what it restores may be stored.
    pub lasts: bool,
}

/// What the receiver of a call has to know of the stub that it was made on.
#[derive(Clone, Default)]
pub struct Origin {
    /// It may be stored.
    pub lasts: bool,
    /// It was stored: the receiver must still allow that.
    pub was_stored: bool,
    /// Who the receiver is, where only the stub can say.
    pub me: Option<Me>,
}

impl Origin {
    /// Of a stub that may be stored.
    pub fn lasting() -> Self {
        Self {
            lasts: true,
            ..Self::default()
        }
    }

    /// Of a stub that was stored.
    pub fn stored() -> Self {
        Self {
            was_stored: true,
            ..Self::lasting()
        }
    }

    /// Whether a receiver takes calls of the stub.
    ///
    /// # Errors
    /// It was stored, and the receiver does not allow that any more; workerd's text.
    pub fn check(&self, allows: bool) -> Result<(), Error> {
        if self.was_stored && !allows {
            return Err(Error::internal(
                "Invoked a Worker from a stored stub, but the target worker no longer has the allow_irrevocable_stub_storage compatibility flag enabled.",
            ));
        }
        Ok(())
    }
}

/// The service as it is called through a stub of that origin.
pub fn with_origin(service: Rc<dyn Service>, origin: Origin) -> Rc<dyn Service> {
    let same = service.clone();
    service.with_origin(origin).unwrap_or(same)
}
