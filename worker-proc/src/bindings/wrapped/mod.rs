//! What a function of an extension's module makes of other bindings.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "wrapped",
    api: Api {
        name: "bindings/wrapped",
        modules: &[],
        lazy: &[js!("wrapped.js")],
        uses: &["workers", "wrapped"],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
