//! `node:dns`: names asked for over HTTPS; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/dns",
    modules: &[],
    lazy: &[
        js!("core.js"),
        js!("dns.js" as "node:dns"),
        js!("promises.js" as "node:dns/promises"),
    ],
    uses: &[
        "fetch",
        "node/common",
        "node/timers",
        "node/util",
        "sockets",
        "url",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
