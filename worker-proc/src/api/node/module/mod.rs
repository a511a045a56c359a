//! Which `node:*` modules and globals there are, `node:module` with its `require`, and `node:vm`.

use crate::glue::state::IsolateState;
use crate::glue::{Api, Ops, string_arg};
use crate::js;

pub const API: Api = Api {
    name: "node/module",
    modules: &[js!("provided.js")],
    lazy: &[
        js!("builtin_modules.js"),
        js!("globals.js"),
        js!("module.js" as "node:module"),
        js!("vm.js" as "node:vm"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("createRequire", create_require);
}

/// `createRequire(path)`: a `require` that resolves as for code of the module at `path`.
fn create_require(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let path = string_arg(scope, &args, 0);
    let Some(make) = IsolateState::get(scope).create_require.get() else {
        return;
    };
    if let Some(require) = make(scope, &path) {
        rv.set(require.into());
    }
}
