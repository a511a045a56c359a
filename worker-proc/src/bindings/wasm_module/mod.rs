//! Compiled Wasm, for scripts: modules import it.

use crate::glue::{Api, Binding, Ops, as_given, with_bytes};
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
    ops.add("compile", compile);
}

/// `compile(bytes)`: a `WebAssembly.Module`.
fn compile(scope: &mut v8::PinScope, args: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec);
    if let Some(module) = modules::compile_wasm(scope, &bytes) {
        rv.set(module);
    }
}
