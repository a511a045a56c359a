//! `node:path`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/path",
    modules: &[],
    lazy: &[
        js!("path.js" as "node:path"),
        js!("posix.js" as "node:path/posix"),
        js!("win32.js" as "node:path/win32"),
    ],
    uses: &["node/common"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
