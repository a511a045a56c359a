//! JavaScript RPC (Workers RPC) in the isolate: ops for callers, and objects that others call.
//!
//! `dispatch` and the actor host start sessions through the registry; the rest is called from JavaScript. Relies on
//! `service::rpc` for what passes between isolates and processes, on `structured_clone` for values, and on `fetch` for
//! bodies and services.

mod error;
mod lasting;
mod object;
mod ops;
mod payload;

pub use payload::PropsArguments;

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "rpc",
    modules: &[
        js!("externals.js"),
        js!("rpc.js"),
        js!("errors.js"),
        js!("serve.js"),
        js!("transfer.js"),
    ],
    lazy: &[],
    uses: &[
        "abort",
        "dom_exception",
        "event",
        "fetch",
        "headers",
        "streams",
        "structured_clone",
        "trace",
        "webidl",
    ],
    lazy_uses: &[
        ("queue", "only stub.queue() needs it"),
        ("scheduled", "only stub.scheduled() needs it"),
        ("url", "only put() with an expiration needs it"),
    ],
    ops: ops::register,
};
