//! ArrayBuffers.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "data",
    api: Api {
        name: "bindings/data",
        modules: &[js!("data.js")],
        lazy: &[],
        uses: &[],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
