//! Code from strings, for local development: the binding, and the modules that give the same where a flag allows it.

use crate::glue::{
    Api, Binding, IsolateState, Ops, as_given, bool_arg, string_arg, throw_error, with_bytes,
};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "unsafeEval",
    api: Api {
        name: "bindings/unsafe_eval",
        modules: &[js!("unsafe_eval.js")],
        lazy: &[js!("module.js" as "internal:unsafe-eval")],
        uses: &["fetch", "modules", "webidl"],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add("allowEval", allow_eval);
    ops.add("evaluate", evaluate);
    ops.add("compileWasm", compile_wasm);
}

/// `allowEval(on)`: whether code may be made from strings; returns what held before.
fn allow_eval(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    rv.set_bool(
        IsolateState::get(scope)
            .allow_eval
            .replace(bool_arg(&args, 0)),
    );
}

/// `evaluate(script, name)`: the value of a classic script.
fn evaluate(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let name = args.get(1);
    let text = string_arg(scope, &args, 0);
    let Some(code) = v8::String::new(scope, &text) else {
        return throw_error(scope, "The script is too long.");
    };
    let origin = v8::ScriptOrigin::new(
        scope, name, 0, 0, false, -1, None, false, false, false, None,
    );
    let value =
        v8::Script::compile(scope, code, Some(&origin)).and_then(|script| script.run(scope));
    if let Some(value) = value {
        rv.set(value);
    }
}

/// `compileWasm(bytes)`: a `WebAssembly.Module`.
fn compile_wasm(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    mut rv: v8::ReturnValue,
) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    if let Some(module) = v8::WasmModuleObject::compile(scope, &bytes) {
        rv.set(module.into());
    }
}
