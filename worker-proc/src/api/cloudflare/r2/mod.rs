//! What R2 buckets give of their objects: results that buckets make and that pass between workers by RPC.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "r2",
    modules: &[js!("r2.js")],
    lazy: &[js!("objects.js")],
    uses: &[
        "fetch",
        "headers",
        "memory_limit",
        "structured_clone",
        "webidl",
    ],
    lazy_uses: &[("blob", "few read an object as a blob")],
    ops: |_| {},
};
