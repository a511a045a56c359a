//! Durable Objects of one process: ids, namespaces, live objects, gates.
//!
//! `dispatch` adds namespaces as it starts workers; calls come in as services. Relies on `request` for turns and on
//! `isolate`.

mod alarms;
mod context;
mod events;
mod eviction;
mod gates;
mod hibernation;
mod host;
mod id;
mod placement;
mod store;

pub use host::{Class, Host, NamespaceSpec, Routes};
pub use placement::{Placement, Rendezvous};
pub use store::StoreSpec;
