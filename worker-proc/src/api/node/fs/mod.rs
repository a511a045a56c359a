//! `node:fs` over the virtual file system; has no ops.
//!
//! From the bottom up: `arguments.js` checks what users pass, `operations.js` works on the tree and throws Node's errors, `sync.js`
//! is the synchronous form, on which the callback and promise forms and the streams stand.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/fs",
    modules: &[],
    lazy: &[
        js!("arguments.js"),
        js!("callback.js"),
        js!("calls.js"),
        js!("constants.js"),
        js!("copy.js"),
        js!("dir.js"),
        js!("file_handle.js"),
        js!("fs.js" as "node:fs"),
        js!("glob.js"),
        js!("operations.js"),
        js!("promises.js" as "node:fs/promises"),
        js!("read_stream.js"),
        js!("stats.js"),
        js!("stream_operations.js"),
        js!("sync.js"),
        js!("write_stream.js"),
    ],
    uses: &[
        "blob",
        "file_system",
        "node/buffer",
        "node/common",
        "node/events",
        "node/streams",
        "node/url",
        "streams",
        "timers",
        "url",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
