//! What most `node:*` modules use: errors, checks of arguments, type checks, the numbers of Linux; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/common",
    modules: &[js!("process.js")],
    lazy: &[
        js!("constants.js" as "node:constants"),
        js!("errors.js"),
        js!("key_mark.js"),
        js!("system_constants.js"),
        js!("system_errors.js"),
        js!("types.js"),
        js!("unsupported.js"),
        js!("validators.js"),
    ],
    uses: &["console"],
    lazy_uses: &[("crypto", "only a question about a key needs it")],
    ops,
};

fn ops(_: &mut Ops) {}
