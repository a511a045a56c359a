//! What servers and clients of Node say of addresses and ports; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/net",
    modules: &[],
    lazy: &[js!("address.js")],
    uses: &["node/common", "node_server"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
