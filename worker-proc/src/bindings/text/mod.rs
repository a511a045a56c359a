//! Strings.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "text",
    api: Api {
        name: "bindings/text",
        modules: &[js!("text.js")],
        lazy: &[],
        uses: &[],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: as_given,
};
