//! `node:http` and `node:https`: requests by `fetch`, servers by the events of `cloudflare:node`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/http",
    modules: &[],
    lazy: &[
        js!("agent.js" as "node:_http_agent"),
        js!("client.js" as "node:_http_client"),
        js!("common.js" as "node:_http_common"),
        js!("constants.js"),
        js!("http.js" as "node:http"),
        js!("https.js" as "node:https"),
        js!("incoming.js" as "node:_http_incoming"),
        js!("outgoing.js" as "node:_http_outgoing"),
        js!("response.js"),
        js!("server.js" as "node:_http_server"),
    ],
    uses: &[
        "abort",
        "events",
        "fetch",
        "headers",
        "node/buffer",
        "node/common",
        "node/events",
        "node/net",
        "node/streams",
        "node/url",
        "node_server",
        "streams",
        "timers",
        "url",
        "webidl",
        "websocket",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
