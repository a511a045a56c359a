//! Events and their targets; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "events",
    modules: &[js!("events.js"), js!("kinds.js")],
    lazy: &[],
    uses: &["dom_exception", "webidl"],
    lazy_uses: &[],
    ops: |_| {},
};
