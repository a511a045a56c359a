//! `node:net`: sockets over those of `cloudflare:sockets`, servers by the events of `cloudflare:node`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/net",
    modules: &[],
    lazy: &[
        js!("address.js"),
        js!("block_list.js"),
        js!("bound_socket.js"),
        js!("net.js" as "node:net"),
        js!("server.js"),
        js!("socket.js"),
    ],
    uses: &[
        "console",
        "node/buffer",
        "node/common",
        "node/events",
        "node/streams",
        "node/timers",
        "node_server",
        "sockets",
        "timers",
        "url",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
