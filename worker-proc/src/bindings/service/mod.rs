//! Services, for `fetch()`, `connect()` and calls of their methods.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "service",
    api: Api {
        name: "bindings/service",
        modules: &[js!("service.js")],
        lazy: &[],
        uses: &["rpc"],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
