//! Headers; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "headers",
    modules: &[js!("headers.js")],
    lazy: &[],
    uses: &["structured_clone", "webidl"],
    lazy_uses: &[],
    ops: |_| {},
};
