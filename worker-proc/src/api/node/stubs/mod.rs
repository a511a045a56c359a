//! Modules that can be imported and do nothing, or next to nothing; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/stubs",
    modules: &[],
    lazy: &[
        js!("child_process.js" as "node:child_process"),
        js!("cluster.js" as "node:cluster"),
        js!("dgram.js" as "node:dgram"),
        js!("domain.js" as "node:domain"),
        js!("http2.js" as "node:http2"),
        js!("http2_constants.js"),
        js!("message_channel.js"),
        js!("readline.js" as "node:readline"),
        js!("readline_promises.js" as "node:readline/promises"),
        js!("repl.js" as "node:repl"),
        js!("sqlite.js" as "node:sqlite"),
        js!("trace_events.js" as "node:trace_events"),
        js!("wasi.js" as "node:wasi"),
        js!("worker_threads.js" as "node:worker_threads"),
    ],
    uses: &[
        "console",
        "message_channel",
        "node/buffer",
        "node/common",
        "node/events",
        "node/module",
    ],
    lazy_uses: &[(
        "node/process",
        "only a property of a cluster worker needs it",
    )],
    ops,
};

fn ops(_: &mut Ops) {}
