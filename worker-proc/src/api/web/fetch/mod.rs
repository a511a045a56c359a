//! Request, Response, Body and `fetch`: the ops, and the conversion of requests and responses at the isolate's border.
//!
//! Whoever hands a request to a worker has `ops` say it as JavaScript takes it; everything else is called from JavaScript.

mod head;
mod ops;

pub use ops::{callee, service_of};

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "fetch",
    modules: &[
        js!("body.js"),
        js!("request.js"),
        js!("response.js"),
        js!("answer.js"),
        js!("data_url.js"),
        js!("fetch.js"),
    ],
    lazy: &[],
    uses: &[
        "abort",
        "dom_exception",
        "encoding",
        "event",
        "headers",
        "memory_limit",
        "mime",
        "streams",
        "structured_clone",
        "trace",
        "url",
        "webidl",
    ],
    lazy_uses: &[
        ("blob", "few bodies are blobs"),
        ("compression", "few bodies are coded"),
        ("form_data", "few bodies are forms"),
        ("websocket", "few responses carry a socket"),
    ],
    ops: ops::register,
};
