//! What a function of an extension's module makes of other bindings.

use crate::glue::{Api, Binding, Ops, as_given, intern, string_arg, throw_type_error};
use crate::isolate::modules;
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "wrapped",
    api: Api {
        name: "bindings/wrapped",
        modules: &[],
        lazy: &[js!("wrapped.js")],
        uses: &["workers"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
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
