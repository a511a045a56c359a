//! Which built-in modules a worker can import, and what an import of one gives.

use crate::glue::{Api, Ops, Registry, in_event, op};
use crate::js;

pub const API: Api = Api {
    name: "modules",
    modules: &[js!("modules.js")],
    lazy: &[],
    uses: &[],
    lazy_uses: &[
        ("timers", "only require() of a module that waits needs them"),
        ("url", "only import.meta.resolve() needs it"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[in_event, is_module]);
}

/// `isModule(name)`: whether there is an internal module of that name.
#[op]
fn is_module(name: &str) -> bool {
    Registry::get().modules.contains_key(name)
}
