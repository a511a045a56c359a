//! `node:url`, `node:querystring` and `node:punycode`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/url",
    modules: &[],
    lazy: &[
        js!("legacy.js"),
        js!("punycode.js" as "node:punycode"),
        js!("querystring.js" as "node:querystring"),
        js!("url.js" as "node:url"),
    ],
    uses: &["node/buffer", "node/common", "node/path", "url", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
