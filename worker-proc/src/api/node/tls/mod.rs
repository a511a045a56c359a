//! `node:tls`: clients over sockets of `node:net` that `cloudflare:sockets` encrypts; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/tls",
    modules: &[],
    lazy: &[
        js!("common.js" as "node:_tls_common"),
        js!("identity.js"),
        js!("tls.js" as "node:tls"),
        js!("wrap.js" as "node:_tls_wrap"),
    ],
    uses: &["node/buffer", "node/common", "node/net", "node/streams"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
