//! Which `node:*` modules there are, `node:module` with its `require`, and `node:vm`.

use crate::glue::state::IsolateState;
use crate::glue::{Api, Maybe, Ops, op};
use crate::isolate::modules;
use crate::js;

pub const API: Api = Api {
    name: "node/module",
    modules: &[js!("provided.js")],
    lazy: &[
        js!("builtin_modules.js"),
        js!("inside.js"),
        js!("module.js" as "node:module"),
        js!("vm.js" as "node:vm"),
    ],
    uses: &["modules", "node/buffer", "node/common", "url"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[builtin_namespace, create_require]);
}

/// `builtinNamespace(name)`: what `import` of a built-in module gives.
#[op]
fn builtin_namespace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
) -> Maybe<v8::Local<'s, v8::Value>> {
    Maybe(modules::builtin_namespace(scope, name))
}

/// `createRequire(path)`: a `require` that resolves as for code of the module at `path`.
#[op]
fn create_require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    path: &str,
) -> Maybe<v8::Local<'s, v8::Function>> {
    let make = IsolateState::get(scope).create_require.get();
    Maybe(make.and_then(|make| make(scope, path)))
}
