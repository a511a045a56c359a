//! What callers are told of a link, whatever they called over it.

use crate::service::Error;

/// More calls wait than may.
pub fn overloaded() -> Error {
    Error::object_overloaded()
}

/// The process that they called has gone.
pub fn lost() -> Error {
    Error::lost()
}
