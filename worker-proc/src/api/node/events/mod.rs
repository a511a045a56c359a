//! `node:events`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/events",
    modules: &[],
    lazy: &[js!("events.js" as "node:events")],
    ops,
};

fn ops(_: &mut Ops) {}
