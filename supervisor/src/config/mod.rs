//! The configuration: from a text or binary file to one encoded message and the plan of its sockets.
//!
//! `cli` and `main` are the callers. The whole surface is:
//!
//! ```text
//! load(&LoadOptions) -> Result<Loaded, ConfigErrors>     read, apply overrides, validate
//! compile::to_stdout(&Loaded, config_only)               what `workerd compile` writes
//! compile::embedded_config() -> io::Result<Option<ConfigMessage>>
//!                                                        the config appended to this executable, if any:
//!                                                        pass it back as `Source::Embedded`
//! ```
//!
//! Nothing here binds a socket, starts V8 or prints: the caller shows `Loaded::warnings` or the
//! `ConfigErrors` (its `Display` is what goes to standard error) and exits with status 1.
//!
//! `load` reads the file (`text` for the language, `binary` for encoded messages, `wrangler` for that tool's files), lets `overrides`
//! replace addresses and paths and `inherit` make inheriting workers plain, copies the result into one segment, and asks `validate` for all
//! that is wrong with it and `plan` where its sockets listen.

mod binary;
pub mod compile;
mod inherit;
mod load;
mod model;
mod namespaces;
mod overrides;
mod plan;
mod text;
mod validate;
mod wrangler;

use std::ffi::OsString;

pub use load::load;
pub use model::{
    ConfigErrors, ConfigMessage, ListenOn, LoadOptions, Loaded, Overrides, Purpose, SocketPlan,
    Source,
};
pub use namespaces::{StoredNamespace, stored_namespaces};

/// The environment variables that an encoded config takes values from.
///
/// # Errors
/// It is no config.
pub fn variables(encoded: &[u8]) -> Result<Vec<OsString>, capnp::Error> {
    binary::with_encoded(encoded, plan::variables)
}
