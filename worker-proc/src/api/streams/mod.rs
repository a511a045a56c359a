//! Streams: the WHATWG Streams Standard and workerd's streams of bytes. JavaScript alone; `streams.js` is the way in.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api { name: "streams", modules: &[
        js!("body.js"),
        js!("bytes.js"),
        js!("common.js"),
        js!("controlled.js"),
        js!("default.js"),
        js!("from.js"),
        js!("identity.js"),
        js!("identity_pipe.js"),
        js!("iterator.js"),
        js!("native.js"),
        js!("pipe.js"),
        js!("queue.js"),
        js!("readable.js"),
        js!("reader.js"),
        js!("sink.js"),
        js!("strategies.js"),
        js!("streams.js"),
        js!("tee.js"),
        js!("transform.js"),
        js!("writable.js"),
        js!("writer.js"),
    ], lazy: &[], ops: |_| {} };
