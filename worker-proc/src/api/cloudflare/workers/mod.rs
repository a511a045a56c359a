//! How events reach a worker's code: entrypoints, `ctx`, `env`, and the module `cloudflare:workers`.

use crate::glue::{
    Api, IsolateState, Ops, bool_arg, current, string_arg, terminate, throw_error, with_bytes,
};
use crate::js;
use crate::log;
use crate::service::Error;

pub const API: Api = Api {
    name: "workers",
    modules: &[
        js!("entrypoints.js"),
        js!("service_worker.js"),
        js!("unsafe_eval.js"),
        js!("answered.js"),
        js!("restore.js"),
        js!("workers.js"),
        js!("cloudflare_workers.js"),
    ],
    lazy: &[],
    ops,
};

fn ops(r: &mut Ops) {
    r.add("abortIsolate", abort_isolate);
    r.add("allowEval", allow_eval);
    r.add("evaluate", evaluate);
    r.add("compileWasm", compile_wasm);
}

/// `abortIsolate(reason)`: ends the worker and the event that runs; without an event nothing but the JavaScript that calls it.
fn abort_isolate(
    scope: &mut v8::PinScope,
    args: v8::FunctionCallbackArguments,
    _: v8::ReturnValue,
) {
    let reason = string_arg(scope, &args, 0);
    if let Some(context) = current(scope) {
        if !context.channels().discard() {
            let reason = match reason.as_str() {
                "" => String::new(),
                reason => format!("; reason = {reason}"),
            };
            log::error(format_args!(
                "abortIsolate() called, terminating process{reason}"
            ));
            std::process::exit(1);
        }
        context.abort(Error::hidden().0);
    }
    terminate(scope);
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
