//! Events and their targets; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "events",
    modules: &[js!("events.js"), js!("kinds.js")],
    lazy: &[],
    ops: |_| {},
};
