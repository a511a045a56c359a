//! Modules that watch what runs: `node:async_hooks`, `console`, `diagnostics_channel`, `perf_hooks`, `v8`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/diagnostics",
    modules: &[],
    lazy: &[
        js!("async_hooks.js" as "node:async_hooks"),
        js!("console.js" as "node:console"),
        js!("diagnostics_channel.js" as "node:diagnostics_channel"),
        js!("perf_hooks.js" as "node:perf_hooks"),
        js!("v8.js" as "node:v8"),
    ],
    uses: &[
        "async_context",
        "console",
        "node/common",
        "node/process",
        "performance",
        "report_error",
        "timers",
        "trace",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
