//! EventSource (HTML section 9.2): events from a URL, or from a stream of bytes.

use crate::glue::context::current;
use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "event_source",
    modules: &[],
    lazy: &[js!("event_source.js").defining(&["EventSource"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("isInRequest", is_in_request);
}

/// `isInRequest()`: whether a request, or another event, is what runs.
fn is_in_request(
    scope: &mut v8::PinScope,
    _: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(current(scope).is_some());
}
