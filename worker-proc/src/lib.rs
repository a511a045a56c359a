//! The runtime process: HTTP, isolates, APIs and bindings, on one thread.
//!
//! The supervisor's `main.rs` calls [`serve`], [`test()`], [`lock_folder`] and [`objects`]; its build script calls
//! [`build_snapshot`].

mod actors;
mod api;
mod bindings;
mod boot;
mod bundled;
mod dispatch;
mod glue;
mod http;
mod interop;
mod isolate;
mod log;
mod net;
mod peer;
mod request;

// Crates of their own, as nothing in them knows of the rest; every layer names them as it names its own modules.
use ::{files, service, storage};

pub use boot::{build_snapshot, lock_folder, objects, sandbox, serve, test};
