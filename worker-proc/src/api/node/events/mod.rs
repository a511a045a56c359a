//! `node:events`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/events",
    modules: &[],
    lazy: &[js!("events.js" as "node:events")],
    uses: &[
        "async_context",
        "console",
        "events",
        "node/common",
        "timers",
    ],
    lazy_uses: &[("node/timers", "only a rejected listener needs it")],
    ops,
};

fn ops(_: &mut Ops) {}
