//! Durable Objects of one process: ids, namespaces, live objects, gates.
//!
//! `dispatch` adds namespaces as it starts workers; calls come in as services. Relies on `request` for turns and on
//! `isolate`.

mod actor;
mod alarms;
mod caller;
mod class;
mod context;
mod drain;
mod events;
mod eviction;
mod facets;
mod gates;
mod hibernation;
mod host;
mod id;
mod namespace;
mod object;
mod observe;
mod placement;
mod routes;
mod store;
mod stores;
mod stub;
mod traces;
mod tree;

pub use crate::storage::HistoryLimits;
pub use class::{Class, Home, NamespaceSpec};
pub use host::Host;
pub use id::IdFactory;
pub use placement::{Placement, Rendezvous};
pub use routes::Routes;
pub use stores::StoreSpec;
