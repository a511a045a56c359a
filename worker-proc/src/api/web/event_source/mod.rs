//! EventSource (HTML section 9.2): events from a URL, or from a stream of bytes.

use crate::glue::{Api, Ops, in_event};
use crate::js;

pub const API: Api = Api {
    name: "event_source",
    modules: &[],
    lazy: &[js!("event_source.js").defining(&["EventSource"])],
    uses: &[
        "abort",
        "dom_exception",
        "encoding",
        "events",
        "fetch",
        "headers",
        "report_error",
        "rpc",
        "streams",
        "timers",
        "url",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[in_event]);
}
