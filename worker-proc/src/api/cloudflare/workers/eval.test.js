// Code from strings and Wasm from bytes: refused, but for the binding that allows both.
import { doesNotThrow, rejects, strictEqual, throws } from "node:assert";

const EMPTY_WASM = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

export const refused = {
  async test() {
    const refusal = { name: "EvalError", message: "Code generation from strings disallowed for this context" };
    for (const make of [() => eval("1"), () => eval({}), () => new Function(""), () => new Function("a", ""), () => new Function("a", "return a")]) {
      throws(make, refusal);
    }
    const wasm = (method) => ({ name: "CompileError", message: `WebAssembly.${method}(): Wasm code generation disallowed by embedder` });
    throws(() => new WebAssembly.Module(EMPTY_WASM), wasm("Module"));
    await rejects(WebAssembly.compile(EMPTY_WASM), wasm("compile"));
    await rejects(WebAssembly.instantiate(EMPTY_WASM), wasm("instantiate"));
    strictEqual(WebAssembly.validate(EMPTY_WASM), true);
    // What has no text in it makes no code.
    strictEqual(eval(), undefined);
    strictEqual(typeof new Function(), "function");
    doesNotThrow(() => new (class extends Function {})());
  },
};

export const binding = {
  test(_, { unsafe }) {
    strictEqual(unsafe.eval("6 * 7"), 42);
    strictEqual(unsafe.newFunction("return a + 1", "next", "a")(1), 2);
    strictEqual(unsafe.newWasmModule(EMPTY_WASM) instanceof WebAssembly.Module, true);
    throws(() => unsafe.newWasmModule("x"), {
      name: "TypeError",
      message: "Failed to execute 'newWasmModule' on 'UnsafeEval': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView'.",
    });
    throws(() => unsafe.newWasmModule(new Uint8Array(3)), { name: "CompileError" });
    throws(() => eval("1"), { name: "EvalError" });
  },
};
