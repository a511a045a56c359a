//! The global object's classes; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "global_scope",
    modules: &[js!("global_scope.js")],
    lazy: &[],
    uses: &["events", "webidl"],
    lazy_uses: &[],
    ops: |_| {},
};
