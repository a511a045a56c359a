//! Values of JSON.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "json",
    api: Api {
        name: "bindings/json",
        modules: &[js!("json.js")],
        lazy: &[],
        uses: &[],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
