//! The runtime process: HTTP, isolates, APIs and bindings, on one thread.
//!
//! The supervisor's `main.rs` calls [`serve`] and [`test`]; its build script calls [`build_snapshot`].

mod actors;
mod api;
mod boot;
mod dispatch;
mod glue;
mod http;
mod isolate;
mod net;
mod request;
mod service;

pub use boot::{build_snapshot, serve, test};
