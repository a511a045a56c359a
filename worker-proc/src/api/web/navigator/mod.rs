//! `navigator`.

use crate::glue::{Api, Ops, in_event};
use crate::js;

pub const API: Api = Api {
    name: "navigator",
    modules: &[js!("navigator.js")],
    lazy: &[],
    uses: &["webidl"],
    lazy_uses: &[
        ("event", "only sendBeacon() needs it"),
        ("fetch", "only sendBeacon needs it"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[in_event]);
}
