//! What callers are told of a link, whatever they called over it.

use crate::service::Error;

/// More calls wait than may.
pub fn overloaded() -> Error {
    Error::overloaded("Durable Object is overloaded. Too many requests queued.")
}

/// The process that they called has gone.
pub fn lost() -> Error {
    Error::disconnected("Network connection lost.")
}
