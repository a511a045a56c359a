//! The bindings: a folder for each member of `Worker.Binding` in the schema that works, under its name, and a `pub mod` line here.
//!
//! A folder describes one as a [`Binding`]: what it takes of what the config gives, and the JavaScript that makes of that the
//! property of `env`. The build script makes the list of them.

pub mod analytics_engine;
pub mod crypto_key;
pub mod data;
pub mod durable_object_class;
pub mod durable_object_namespace;
pub mod from_environment;
pub mod hyperdrive;
pub mod json;
pub mod kv_namespace;
pub mod memory_cache;
pub mod queue;
pub mod r2_bucket;
pub mod service;
pub mod text;
pub mod unsafe_eval;
pub mod wasm_module;
pub mod worker_loader;
pub mod workerd_debug_port;
pub mod wrapped;

/// What memory caches need of the other processes.
pub use memory_cache::shared as caches;

use crate::glue::Binding;

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn folders_are_called_as_the_schema_calls_bindings() {
        let schema = include_str!("../../../schema/workerd.capnp");
        for binding in ALL {
            let member = format!("      {} ", binding.kind);
            assert!(schema.contains(&member), "{}", binding.kind);
            let folder: String = binding
                .kind
                .chars()
                .flat_map(|c| {
                    let underscore = c.is_ascii_uppercase().then_some('_');
                    underscore.into_iter().chain([c.to_ascii_lowercase()])
                })
                .collect();
            assert_eq!(binding.api.name, format!("bindings/{folder}"));
        }
    }
}
