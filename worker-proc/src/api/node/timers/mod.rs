//! `node:timers` and `process.nextTick`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/timers",
    modules: &[],
    lazy: &[
        js!("next_tick.js"),
        js!("promises.js" as "node:timers/promises"),
        js!("timers.js" as "node:timers"),
    ],
    uses: &["async_context", "node/common", "scheduler", "timers"],
    lazy_uses: &[("webidl", "only an error needs it")],
    ops,
};

fn ops(_: &mut Ops) {}
