//! The Cache API, over the service that the config names for it. JavaScript makes the requests.

use crate::glue::{Api, Ops, require_context, u32_arg};
use crate::js;

pub const API: Api = Api {
    name: "cache",
    modules: &[],
    lazy: &[js!("cache.js").defining(&["Cache", "CacheStorage", "caches"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("isConfigured", is_configured);
}

/// `isConfigured(channel)`: whether a service is behind it. Throws at global scope.
fn is_configured(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let channel = u32_arg(scope, &args, 0);
    if let Some(context) = require_context(scope) {
        rv.set_bool(context.channels().service(channel).is_some());
    }
}
