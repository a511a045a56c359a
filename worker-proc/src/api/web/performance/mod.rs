//! `performance`: the time of day in milliseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::glue::{Api, Ops, in_event};
use crate::js;

pub const API: Api = Api {
    name: "performance",
    modules: &[js!("performance.js")],
    lazy: &[js!("timeline.js")],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("inEvent", in_event);
    ops.add("preciseNow", precise_now);
}

/// `preciseNow()`: milliseconds since the Unix epoch, with fractions.
fn precise_now(_: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    rv.set_double(since.as_secs_f64() * 1000.0);
}
