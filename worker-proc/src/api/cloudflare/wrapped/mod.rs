//! Bindings that a module makes of a service: how they are made, what `cloudflare-internal:wrapped-binding` gives such modules, and
//! calls of the service.

use crate::glue::{Api, Ops, intern, string_arg, throw_type_error};
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
    ops.add("exported", exported);
}

/// `exported(module, name)`: a function that an extension's module exports. Throws if there is none.
fn exported(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let [module, name] = [0, 1].map(|index| string_arg(scope, &args, index));
    if let Some(function) = function(scope, &module, &name) {
        rv.set(function.into());
    }
}

fn function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    module: &str,
    name: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let (namespace, promise) = modules::evaluate(scope, module)?;
    if promise.state() == v8::PromiseState::Rejected {
        promise.mark_as_handled();
        let reason = promise.result(scope);
        scope.throw_exception(reason);
        return None;
    }
    let namespace = namespace.get_module_namespace().to_object(scope)?;
    let key = intern(scope, name);
    let exported = namespace.get(scope, key.into())?;
    let function = v8::Local::<v8::Function>::try_from(exported).ok();
    if function.is_none() {
        throw_type_error(
            scope,
            &format!("Module \"{module}\" exports no function \"{name}\" to wrap bindings with."),
        );
    }
    function
}
