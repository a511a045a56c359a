//! The `node:*` modules of `nodejs_compat` and the globals that come with them, a folder for each family.
//!
//! What says which there are is in the snapshot; all else is compiled when a worker first imports it.

pub mod assert;
pub mod buffer;
pub mod common;
pub mod crypto;
pub mod diagnostics;
pub mod dns;
pub mod events;
pub mod fs;
pub mod globals;
pub mod http;
pub mod inspector;
pub mod module;
pub mod net;
pub mod path;
pub mod process;
pub mod streams;
pub mod stubs;
pub mod timers;
pub mod tls;
pub mod url;
pub mod util;
pub mod zlib;
