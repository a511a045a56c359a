//! The node:* modules of `nodejs_compat`, and the globals that come with them.
//!
//! They are JavaScript, compiled when a worker first imports them; the ops do the byte work of `node:buffer`.

mod text;

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node",
    modules: &[js!("modules.js")],
    lazy: &[
        js!("assert.js" as "node:assert"),
        js!("assert_strict.js" as "node:assert/strict"),
        js!("assertion_error.js"),
        js!("async_hooks.js" as "node:async_hooks"),
        js!("buffer.js" as "node:buffer"),
        js!("buffer/encodings.js"),
        js!("buffer/numbers.js"),
        js!("buffer/search.js"),
        js!("comparisons.js"),
        js!("errors.js"),
        js!("events.js" as "node:events"),
        js!("key_mark.js"),
        js!("mime.js"),
        js!("next_tick.js"),
        js!("parse_args.js"),
        js!("parse_env.js"),
        js!("path.js" as "node:path"),
        js!("path_posix.js" as "node:path/posix"),
        js!("path_win32.js" as "node:path/win32"),
        js!("system_errors.js"),
        js!("types.js"),
        js!("util.js" as "node:util"),
        js!("util_types.js" as "node:util/types"),
        js!("validators.js"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    text::ops(ops);
}
