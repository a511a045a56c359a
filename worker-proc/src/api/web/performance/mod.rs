//! `performance`: the time of day in milliseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::glue::{Api, Ops, in_event, op};
use crate::js;

pub const API: Api = Api {
    name: "performance",
    modules: &[js!("performance.js")],
    lazy: &[js!("timeline.js")],
    uses: &["events", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[in_event, precise_now]);
}

/// `preciseNow()`: milliseconds since the Unix epoch, with fractions.
#[op]
fn precise_now() -> f64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs_f64() * 1000.0
}
