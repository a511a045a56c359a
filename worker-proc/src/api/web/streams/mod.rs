//! Streams: the WHATWG Streams Standard and workerd's byte streams, in JavaScript over the native bodies of other APIs.
//!
//! `streams.js` says how the folder is built and what it offers; the ops are those of native bodies.

mod bodies;
mod tee;

pub use bodies::{Failure, give_writer, keep_body, take_body, take_starter, take_writer};

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "streams",
    modules: &[
        js!("common.js"),
        js!("queue.js"),
        js!("reader.js"),
        js!("controlled.js"),
        js!("default.js"),
        js!("bytes.js"),
        js!("writer.js"),
        js!("sink.js"),
        js!("native.js"),
        js!("resource.js"),
        js!("pipe.js"),
        js!("tee.js"),
        js!("from.js"),
        js!("iterator.js"),
        js!("strategies.js"),
        js!("writable.js"),
        js!("readable.js"),
        js!("identity_pipe.js"),
        js!("transform.js"),
        js!("identity.js"),
        js!("body.js"),
        js!("encoding.js"),
        js!("streams.js"),
    ],
    lazy: &[js!("duplex.js")],
    uses: &["abort", "encoding", "webidl"],
    lazy_uses: &[("event", "only a body that fails needs it")],
    ops: bodies::register,
};
