//! KV namespaces: what workers ask of one, as requests to a service of the config.

use crate::glue::{Api, Binding, as_given};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "kvNamespace",
    api: Api {
        name: "bindings/kv_namespace",
        modules: &[],
        lazy: &[js!("kv_namespace.js")],
        uses: &[
            "encoding",
            "fetch",
            "memory_limit",
            "streams",
            "structured_clone",
            "trace",
            "webidl",
        ],
        lazy_uses: &[("rpc", "few delete many keys at once")],
        ops: |_| {},
    },
    prepare: as_given,
};
