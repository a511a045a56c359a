//! Other instances of workerd, over Cap'n Proto RPC: this one's services for them, and theirs for this one. The published binary
//! is such an instance, and its schemas are the contract (`schema/bytes.capnp`, `schema/instance.capnp`).
//!
//! `net` brings connections: those of the debug port, and those that `capnpConnectHost` opens. Relies on `service` alone;
//! Cap'n Proto's readers stop here.

mod bytes;
mod connection;
mod error;
mod events;
mod heads;
pub mod host;
mod http;
pub mod port;
mod props;
mod remote;
mod rpc;
mod sockets;
mod stream;
mod values;

/// An object that takes one event has had it.
fn used() -> capnp::Error {
    capnp::Error::failed("One event was delivered here; there can be no other.".into())
}
