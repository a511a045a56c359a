//! Code from strings, for local development: the binding, and the modules that give the same where a flag allows it.

use crate::glue::{Api, Binding, IsolateState, JsError, Ops, OrThrow, Thrown, as_given, op};
use crate::isolate::modules::TOO_LONG;
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
    ops.add_all(&[allow_eval, evaluate, compile_wasm]);
}

/// Why code is not run.
#[derive(JsError)]
enum Refused {
    #[error("{TOO_LONG}")]
    TooLong {},
}

/// `allowEval(on)`: whether code may be made from strings; returns what held before.
#[op]
fn allow_eval(scope: &mut v8::PinScope, on: bool) -> bool {
    IsolateState::get(scope).allow_eval.replace(on)
}

/// `evaluate(script, name)`: the value of a classic script.
#[op]
fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    script: &str,
    name: v8::Local<'s, v8::Value>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    let code = v8::String::new(scope, script).ok_or(Refused::TooLong {});
    let code = code.or_throw(scope)?;
    let origin = v8::ScriptOrigin::new(
        scope, name, 0, 0, false, -1, None, false, false, false, None,
    );
    let script = v8::Script::compile(scope, code, Some(&origin)).ok_or(Thrown)?;
    script.run(scope).ok_or(Thrown)
}

/// `compileWasm(bytes)`: a `WebAssembly.Module`.
#[op]
fn compile_wasm<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::WasmModuleObject>, Thrown> {
    v8::WasmModuleObject::compile(scope, &bytes).ok_or(Thrown)
}
