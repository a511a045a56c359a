//! Bindings that a module makes of a service: how they are made, what `cloudflare-internal:wrapped-binding` gives such modules, and
//! calls of the service.

use crate::glue::{Api, JsError, Ops, OrThrow, Thrown, intern, op};
use crate::isolate::modules;
use crate::js;

pub const API: Api = Api {
    name: "wrapped",
    modules: &[js!("transfer.js")],
    lazy: &[
        js!("wrapped.js"),
        js!("calls.js"),
        js!("make.js"),
        js!("wrapped_binding.js" as "cloudflare-internal:wrapped-binding"),
    ],
    uses: &["fetch", "headers", "rpc", "structured_clone", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[exported]);
}

/// Why a module makes no binding.
#[derive(JsError)]
enum Unmade {
    #[type_error("Module \"{module}\" exports no function \"{name}\" to wrap bindings with.")]
    NoFunction { module: String, name: String },
}

/// `exported(module, name)`: a function that an extension's module exports.
#[op]
fn exported<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: String,
    name: String,
) -> Result<v8::Local<'s, v8::Function>, Thrown> {
    let (namespace, promise) = modules::evaluate(scope, &module).ok_or(Thrown)?;
    if promise.state() == v8::PromiseState::Rejected {
        promise.mark_as_handled();
        let reason = promise.result(scope);
        scope.throw_exception(reason);
        return Err(Thrown);
    }
    let namespace = namespace.get_module_namespace().to_object(scope);
    let namespace = namespace.ok_or(Thrown)?;
    let key = intern(scope, &name);
    let exported = namespace.get(scope, key.into()).ok_or(Thrown)?;
    let function = v8::Local::<v8::Function>::try_from(exported);
    function
        .map_err(|_| Unmade::NoFunction { module, name })
        .or_throw(scope)
}
