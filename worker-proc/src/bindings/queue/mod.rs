//! Queues to send to: messages as requests to a service of the config.

use crate::glue::base64::{Base64Options, encode};
use crate::glue::{Api, Binding, Ops, as_given, op};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "queue",
    api: Api {
        name: "bindings/queue",
        modules: &[],
        lazy: &[js!("queue.js")],
        uses: &[
            "encoding",
            "fetch",
            "memory_limit",
            "streams",
            "trace",
            "webidl",
        ],
        lazy_uses: &[("queue", "few messages are serialized")],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[base64]);
}

/// `base64(bytes)`: standard base64, with padding.
#[op]
fn base64(bytes: &[u8]) -> String {
    String::from_utf8(encode(bytes, Base64Options::Default)).unwrap_or_default()
}
