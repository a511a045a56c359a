//! `node:util` and the parsers that it brings; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/util",
    modules: &[],
    lazy: &[
        js!("parse_args.js"),
        js!("parse_env.js"),
        js!("sys.js" as "node:sys"),
        js!("util.js" as "node:util"),
        js!("util_types.js" as "node:util/types"),
    ],
    uses: &[
        "abort",
        "console",
        "encoding",
        "mime",
        "node/assert",
        "node/common",
        "streams",
        "timers",
        "webidl",
    ],
    lazy_uses: &[("node/buffer", "only isBuffer() needs it")],
    ops,
};

fn ops(_: &mut Ops) {}
