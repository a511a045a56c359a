//! The configuration's schema, those of the calls between processes and between instances, of stored stubs and of what the API
//! is made of, and the table of compatibility flags.
//!
//! Everything else builds on this crate. The modules whose names end in `_capnp` are generated from the schemas beside them and
//! committed; `tests/generated.rs` checks that it is current and says how to renew it. The large ones have features: `instance` the
//! calls between instances, `rtti` what the API is made of.

pub mod binding;
pub mod compat;
pub mod parameter;

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/workerd_capnp.rs"]
pub mod workerd_capnp;

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/peer_capnp.rs"]
pub mod peer_capnp;

#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/token_capnp.rs"]
pub mod token_capnp;

#[cfg(feature = "instance")]
#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/bytes_capnp.rs"]
pub mod bytes_capnp;

#[cfg(feature = "instance")]
#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/instance_capnp.rs"]
pub mod instance_capnp;

#[cfg(feature = "rtti")]
#[rustfmt::skip]
#[allow(clippy::all, missing_docs, unused_qualifications)]
#[path = "generated/rtti_capnp.rs"]
pub mod rtti_capnp;

/// The Durable Object namespace of a workflow's instances: its class's name, its unique key and its folder.
pub fn workflow_namespace(name: &str) -> String {
    format!("miniflare-workflows-{name}")
}

/// Whether a configuration wants the log as JSON: the newer of its two fields counts where it is set.
///
/// # Errors
/// The message is damaged.
pub fn is_structured_logging(root: workerd_capnp::config::Reader<'_>) -> capnp::Result<bool> {
    Ok(match root.has_logging() {
        true => root.get_logging()?.get_structured_logging(),
        false => root.get_structured_logging(),
    })
}

/// The id at the head of `workerd.capnp`, upstream's too.
pub const WORKERD_CAPNP_ID: u64 = 0xe6afd26682091c01;
