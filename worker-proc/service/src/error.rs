//! Why a service could not answer.

use std::borrow::Cow;
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

/// The JavaScript class of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// `Error`.
    Error,
    /// `TypeError`.
    TypeError,
    /// `RangeError`.
    RangeError,
    /// `SyntaxError`.
    SyntaxError,
    /// A `DOMException` of this name.
    Dom(Cow<'static, str>),
    /// Another of a worker's, by its name: whoever it is passed on to sees an `Error`.
    Other(Box<str>),
}

impl Class {
    /// As JavaScript and other processes are told it.
    pub fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Error => "Error",
            Self::TypeError => "TypeError",
            Self::RangeError => "RangeError",
            Self::SyntaxError => "SyntaxError",
            Self::Dom(name) => return Cow::Owned(format!("{DOM_EXCEPTION}{name}")),
            Self::Other(name) => name,
        })
    }
}

/// What the names of `DOMException`s are preceded by.
const DOM_EXCEPTION: &str = "DOMException ";

impl From<&str> for Class {
    fn from(name: &str) -> Self {
        match name {
            "Error" => Self::Error,
            "TypeError" => Self::TypeError,
            "RangeError" => Self::RangeError,
            "SyntaxError" => Self::SyntaxError,
            name => match name.strip_prefix(DOM_EXCEPTION) {
                Some(name) => Self::Dom(Cow::Owned(name.to_owned())),
                None => Self::Other(name.into()),
            },
        }
    }
}

/// A failed call between services.
#[derive(Clone, Debug)]
pub struct Error {
    /// Who is at fault.
    pub kind: Kind,
    /// Of the worker's exception, `Error` if there is none.
    pub class: Class,
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
    /// Why no connection could be made, where it is known. Only `node:net` is told.
    pub unreachable: Option<Unreachable>,
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens there.
    Refused,
    /// The other side broke it off.
    Reset,
    /// The other side did not answer.
    TimedOut,
    /// No way leads to the host.
    Host,
    /// No way leads to the network.
    Network,
    /// There is no host of the name.
    NoName,
    /// No name server could be asked.
    NoNameServer,
}

impl Unreachable {
    /// The name of the errno of `connect`, or of the code of `getaddrinfo`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "ECONNREFUSED",
            Self::Reset => "ECONNRESET",
            Self::TimedOut => "ETIMEDOUT",
            Self::Host => "EHOSTUNREACH",
            Self::Network => "ENETUNREACH",
            Self::NoName => "ENOTFOUND",
            Self::NoNameServer => "EAI_AGAIN",
        }
    }
}

impl Error {
    /// An error of the class `Error`, with no flags.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            class: Class::Error,
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

    /// A connection was lost, or could not be made.
    pub fn lost() -> Self {
        Self::disconnected("Network connection lost.")
    }

    /// The same error, of a connection that could not be made for this reason.
    pub fn unreachable(mut self, why: Option<Unreachable>) -> Self {
        self.flags.unreachable = why;
        self
    }

    /// The process ends.
    pub fn shutting_down() -> Self {
        Self::disconnected("The server is shutting down.")
    }

    /// A Durable Object has gone away under its callers.
    pub fn object_shut_down() -> Self {
        Self::disconnected("The Durable Object was shut down.")
    }

    /// A Durable Object lives in another process by now.
    pub fn object_moved() -> Self {
        Self::disconnected("The Durable Object has moved.")
    }

    /// Too many calls wait for a Durable Object; workerd's text.
    pub fn object_overloaded() -> Self {
        Self::overloaded("Durable Object is overloaded. Too many requests queued.")
    }

    /// A request's URL that no server can be asked for.
    pub fn bad_url(url: &str) -> Self {
        Self {
            class: Class::TypeError,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_told_by_its_name() {
        for name in [
            "Error",
            "TypeError",
            "DOMException AbortError",
            "MyError",
            "",
        ] {
            assert_eq!(Class::from(name).name(), name);
        }
        let dom = Class::Dom(Cow::Borrowed("AbortError"));
        assert_eq!(Class::from("DOMException AbortError"), dom);
    }
}
