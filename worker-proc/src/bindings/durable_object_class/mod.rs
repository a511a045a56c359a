//! Classes of Durable Objects, to start facets of.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "durableObjectClass",
    api: Api {
        name: "bindings/durable_object_class",
        modules: &[js!("durable_object_class.js")],
        lazy: &[],
        uses: &["actors"],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
