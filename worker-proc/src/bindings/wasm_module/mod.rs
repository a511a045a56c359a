//! Compiled Wasm, for scripts: modules import it.

use crate::glue::{Api, Binding, Ops, Thrown, as_given, op};
use crate::isolate::modules;
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "wasmModule",
    api: Api {
        name: "bindings/wasm_module",
        modules: &[js!("wasm_module.js")],
        lazy: &[],
        uses: &[],
        lazy_uses: &[],
        ops,
    },
    prepare: as_given,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[compile]);
}

/// `compile(bytes)`: a `WebAssembly.Module`.
#[op]
fn compile<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    modules::compile_wasm(scope, &bytes).ok_or(Thrown)
}
