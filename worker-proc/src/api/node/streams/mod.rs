//! `node:stream`; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/streams",
    modules: &[],
    lazy: &[
        js!("adapters.js"),
        js!("consumers.js" as "node:stream/consumers"),
        js!("destroy.js"),
        js!("duplex.js"),
        js!("duplex_from.js"),
        js!("finished.js"),
        js!("from.js"),
        js!("iterate.js"),
        js!("legacy.js"),
        js!("operators.js"),
        js!("pipeline.js"),
        js!("promises.js" as "node:stream/promises"),
        js!("readable.js"),
        js!("single_duplex.js" as "node:_stream_duplex"),
        js!("single_passthrough.js" as "node:_stream_passthrough"),
        js!("single_readable.js" as "node:_stream_readable"),
        js!("single_transform.js" as "node:_stream_transform"),
        js!("single_writable.js" as "node:_stream_writable"),
        js!("state.js"),
        js!("stream.js" as "node:stream"),
        js!("transform.js"),
        js!("web.js" as "node:stream/web"),
        js!("writable.js"),
    ],
    uses: &[
        "abort",
        "async_context",
        "blob",
        "compression",
        "encoding",
        "node/buffer",
        "node/common",
        "node/events",
        "node/timers",
        "streams",
        "timers",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
