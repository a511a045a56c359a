//! How events reach a worker's code: entrypoints, `ctx`, `env`, and the module `cloudflare:workers`.

use std::rc::Rc;

use crate::glue::{Api, IoContext, Ops, op, terminate};
use crate::js;
use crate::log;
use crate::service::Error;

pub const API: Api = Api {
    name: "workers",
    modules: &[
        js!("entrypoints.js"),
        js!("service_worker.js"),
        js!("answered.js"),
        js!("restore.js"),
        js!("workers.js"),
        js!("cloudflare_workers.js" as "cloudflare:workers"),
    ],
    lazy: &[
        js!("access.js"),
        js!("module.js" as "cloudflare-internal:workers"),
        js!("env_module.js" as "cloudflare-internal:env"),
    ],
    uses: &[
        "async_context",
        "clock",
        "event",
        "events",
        "fetch",
        "report_error",
        "rpc",
        "streams",
        "trace",
        "webidl",
        "wrapped",
    ],
    lazy_uses: &[
        ("hyperdrive_rpc", "few workers make hosts up"),
        ("queue", "few workers consume queues"),
        ("scheduled", "few workers have a schedule"),
        ("sockets", "few workers take connections"),
    ],
    ops,
};

fn ops(r: &mut Ops) {
    r.add_all(&[abort_isolate]);
}

/// `abortIsolate(reason)`: ends the worker and the event that runs; without an event nothing but the JavaScript that calls it.
#[op]
fn abort_isolate(scope: &mut v8::PinScope, context: Option<Rc<dyn IoContext>>, reason: &str) {
    if let Some(context) = context {
        if !context.channels().discard() {
            let reason = match reason {
                "" => String::new(),
                reason => format!("; reason = {reason}"),
            };
            log::error(format_args!(
                "abortIsolate() called, terminating process{reason}"
            ));
            std::process::exit(1);
        }
        context.abort(Error::hidden().0);
    }
    terminate(scope);
}
