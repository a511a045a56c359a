//! `navigator`.

use crate::glue::{Api, Ops, current};
use crate::js;

pub const API: Api = Api {
    name: "navigator",
    modules: &[js!("navigator.js")],
    lazy: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("inEvent", in_event);
}

/// `inEvent()`: false at global scope.
fn in_event(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    rv.set_bool(current(scope).is_some());
}
