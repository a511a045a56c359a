//! Web IDL for internal JavaScript; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "webidl",
    modules: &[js!("webidl.js"), js!("iterators.js")],
    lazy: &[],
    uses: &[],
    lazy_uses: &[],
    ops: |_| {},
};
