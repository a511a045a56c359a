//! HTTP/1.1 and HTTP/2 over a byte stream: hyper's types end here.
//!
//! `net` calls the server with accepted connections and the client with connected ones. Relies on `service`.

mod body;
pub mod client;
pub mod files;
mod headers;
mod pool;
mod progress;
mod refused;
mod request;
pub mod server;
mod sweep;
mod upgrade;
mod watched;

pub use headers::{HttpOptions, Injected};
pub use pool::{Pool, Version, lacked_descriptors};
pub use progress::Pace;
pub use server::Server;
pub use sweep::{Limits, Queues};
pub use upgrade::accept_key;

use crate::log;
use crate::service::Error;

/// An error for the log alone; who called is told where to find it there.
pub fn concealed(message: impl std::fmt::Display) -> Error {
    let (error, reference) = Error::hidden();
    log::error(format_args!("{message}; {reference}"));
    error
}
