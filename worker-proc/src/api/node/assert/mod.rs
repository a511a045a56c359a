//! `node:assert`, `node:test`, and the comparison they and `node:util` share; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/assert",
    modules: &[],
    lazy: &[
        js!("assert.js" as "node:assert"),
        js!("assertion_error.js"),
        js!("comparisons.js"),
        js!("mock.js" as "node:test"),
        js!("strict.js" as "node:assert/strict"),
    ],
    uses: &["console", "node/common"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
