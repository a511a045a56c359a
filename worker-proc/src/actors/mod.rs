//! Durable Objects of one process: ids, namespaces, live objects, gates, storage.
//!
//! `dispatch` adds namespaces as it starts workers; calls come in as services. Relies on `request` for turns and on
//! `isolate`. rusqlite is named in here alone.

mod context;
mod events;
mod gates;
mod host;
mod id;
pub mod storage;
mod store;

pub use host::{Class, Host, NamespaceSpec, Routes};
pub use store::StoreSpec;
