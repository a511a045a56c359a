//! `cloudflare:node`: servers of `node:http` and `node:net` as handlers of events, by the ports they listen on.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "node_server",
    modules: &[],
    lazy: &[
        js!("ports.js" as "cloudflare-internal:http"),
        js!("cloudflare_node.js" as "cloudflare:node"),
    ],
    uses: &[],
    lazy_uses: &[],
    ops: |_| {},
};
