//! AbortController and AbortSignal; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "abort",
    modules: &[js!("abort.js")],
    lazy: &[],
    uses: &[
        "dom_exception",
        "events",
        "structured_clone",
        "timers",
        "webidl",
    ],
    lazy_uses: &[],
    ops: |_| {},
};
