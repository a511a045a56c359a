//! Durable Objects of one process: ids, namespaces, live objects, gates.
//!
//! `dispatch` adds namespaces as it starts workers; calls come in as services. Relies on `request` for turns and on
//! `isolate`.

mod alarms;
mod caller;
mod context;
mod drain;
mod events;
mod eviction;
mod facets;
mod gates;
mod hibernation;
mod host;
mod id;
mod object;
mod observe;
mod placement;
mod store;
mod stub;
mod traces;
mod tree;

pub use crate::storage::HistoryLimits;
pub use host::{Class, Home, Host, NamespaceSpec, Routes};
pub use id::IdFactory;
pub use placement::{Placement, Rendezvous};
pub use store::StoreSpec;
