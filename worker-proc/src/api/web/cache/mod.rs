//! The Cache API, over the service that the config names for it. JavaScript makes the requests.

use std::rc::Rc;

use crate::glue::{Api, IoContext, Ops, op};
use crate::js;

pub const API: Api = Api {
    name: "cache",
    modules: &[],
    lazy: &[js!("cache.js").defining(&["Cache", "CacheStorage", "caches"])],
    uses: &["encoding", "fetch", "headers", "streams", "trace", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[is_configured]);
}

/// `isConfigured(channel)`: whether a service is behind it. Throws at global scope.
#[op]
fn is_configured(context: Rc<dyn IoContext>, channel: u32) -> bool {
    context.channels().service(channel).is_some()
}
