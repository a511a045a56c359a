//! Why a service could not answer.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;

use super::actor::ActorId;

/// Who is at fault, and so what a client or caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The worker's code threw.
    Worker,
    /// The other side went away, or could not be reached.
    Disconnected,
    /// The runtime or its configuration is at fault.
    Internal,
}

/// A failed call between services.
#[derive(Clone, Debug)]
pub struct Error {
    /// Who is at fault.
    pub kind: Kind,
    /// The JavaScript class of the worker's exception, `Error` if there is none.
    pub class: String,
    /// What callers and clients are told.
    pub message: String,
    /// What callers are told beside the message.
    pub flags: Flags,
    /// The exception in V8's wire format, with the properties that it was given: for callers over RPC.
    pub exception: Option<Bytes>,
    /// The Durable Object that it comes from, where callers are told.
    pub actor: Option<ActorId>,
}

/// What a caller is told beside the message, as properties of the exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The call may succeed if it is made again.
    pub retryable: bool,
    /// The other side has too much to do: a retry makes it worse.
    pub overloaded: bool,
    /// The object broke; its next use starts it anew.
    pub durable_object_reset: bool,
    /// The worker used more than it may: clients are answered with 503. Not told to other processes.
    pub over_limit: bool,
    /// The object ended itself and wants the alarm that runs not to be tried again. No caller is told.
    pub no_alarm_retry: bool,
}

impl Error {
    /// An error of the class `Error`, with no flags.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            class: "Error".to_owned(),
            message: message.into(),
            flags: Flags::default(),
            exception: None,
            actor: None,
        }
    }

    /// The runtime's own fault, or the config's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// What is told of a failure that is nobody's business, and the number in it: it also stands in the log, if anything does.
    pub fn hidden() -> (Self, String) {
        // The hasher's keys are random.
        let reference = format!("reference = {:016x}", RandomState::new().hash_one(0));
        (
            Self::internal(format!("internal error; {reference}")),
            reference,
        )
    }

    /// The other side is gone: a new call may find it back.
    pub fn disconnected(message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Disconnected, message);
        error.flags.retryable = true;
        error
    }

    /// A request's URL that no server can be asked for.
    pub fn bad_url(url: &str) -> Self {
        Self {
            class: "TypeError".to_owned(),
            ..Self::new(Kind::Worker, format!("Fetch API cannot load: {url}"))
        }
    }

    /// The same error over RPC, where the reset of an object is no exception of the method that was called.
    pub fn of_reset(self) -> Self {
        let kind = match self.kind {
            Kind::Worker if self.flags.durable_object_reset => Kind::Internal,
            kind => kind,
        };
        Self { kind, ..self }
    }

    /// A bound on waiting calls is reached.
    pub fn overloaded(message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Internal, message);
        error.flags.overloaded = true;
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
