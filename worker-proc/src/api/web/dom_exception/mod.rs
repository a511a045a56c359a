//! DOMException; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "dom_exception",
    modules: &[js!("dom_exception.js")],
    lazy: &[],
    uses: &["webidl"],
    lazy_uses: &[],
    ops: |_| {},
};
