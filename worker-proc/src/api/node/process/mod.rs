//! `node:process` and what describes the machine: `node:os`, `node:tty`.

use std::rc::Rc;

use crate::glue::{Api, IoContext, Ops, op, terminate};
use crate::js;
use crate::service::{Error, Kind};

pub const API: Api = Api {
    name: "node/process",
    modules: &[],
    lazy: &[
        js!("config.js"),
        js!("cwd.js"),
        js!("env.js"),
        js!("os.js" as "node:os"),
        js!("process.js" as "node:process"),
        js!("stdio.js"),
        js!("tty.js" as "node:tty"),
    ],
    uses: &[
        "console",
        "events",
        "node/buffer",
        "node/common",
        "node/events",
        "node/fs",
        "node/module",
        "node/streams",
        "node/timers",
        "node/util",
        "timers",
        "url",
    ],
    lazy_uses: &[
        ("node/assert", "only process.assert needs it"),
        ("file_system", "only the working directory needs it"),
        ("workers", "only process.env needs it"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[exit]);
}

/// `exit(code)`: ends the running event, or the object that runs, and its JavaScript; at global scope there is nothing to end.
#[op]
fn exit(scope: &mut v8::PinScope, context: Option<Rc<dyn IoContext>>, code: i32) {
    let Some(context) = context else {
        crate::log::warn("process.exit(...) called without a current request context. Ignoring.");
        return;
    };
    let message =
        format!("The Node.js process.exit({code}) API was called. Canceling the request.");
    context.abort(Error::new(Kind::Worker, message));
    terminate(scope);
}
