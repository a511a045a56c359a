//! Neutral types that pass between the parts: request, response, body, error, and the `Service` trait.
//!
//! Every layer of the runtime may use this crate; it relies on none of them and names neither hyper nor V8.

#![forbid(unsafe_code)]

mod actor;
mod body;
mod channel;
mod channels;
mod connect;
mod error;
mod given;
mod lasting;
mod limits;
mod message;
mod outlet;
pub mod processor;
mod record;
mod resource;
mod restored;
pub mod rpc;
mod service;
mod span;
pub mod trace;
pub mod tunnel;
pub mod websocket;

pub use actor::{ActorId, Address, Identity, Slot, from_hex, to_hex};
pub use body::{Body, BodyStream, End, FilePart, Loan, lent, promised};
pub use channel::{BodyWriter, MAX_WAITING_BYTES, channel};
pub use channels::{Channels, DebugPort, Namespace, Objects};
pub use connect::{Connect, Connection, StartTls, Starter, Tls};
pub use error::{Class, Error, Flags, Kind, Unreachable};
pub use given::Given;
pub use lasting::{Cap, Lasting, Me, Origin, Props, Recipe, with_origin};
pub use limits::Limits;
pub use message::{Event, Request, Response};
pub use outlet::{Designator, Outlet};
pub use resource::ResourceTable;
pub use restored::{RestoredService, RestoredStub};
pub use service::{Designation, Service};
pub use websocket::WebSocket;
