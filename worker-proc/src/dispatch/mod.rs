//! Which service answers: names from the config become services that call each other on the process's one thread.
//!
//! `boot` builds a [`Router`] from the config's plain description; `http` calls the services that it hands out. Relies on
//! `request` to run events and on `isolate` for the workers.

mod access;
mod bindings;
mod directory;
mod entrypoint;
mod handlers;
mod live;
mod loader;
mod port;
mod router;
pub mod spec;
mod tails;
mod worker;
mod workflows;

pub use directory::Directory;
pub use router::Router;
