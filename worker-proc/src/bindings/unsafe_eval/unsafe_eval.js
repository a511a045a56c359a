/* The `unsafeEval` binding: code from strings, for local development. */
const { ArrayBufferIsView, ArrayPrototypePush, AsyncFunction, Function, ReflectConstruct, String } = primordials;
const { provide } = require("modules");
const { isAnyArrayBuffer } = require("fetch/body");
const { argumentError, defineInterface, illegalConstructor } = require("webidl");

const inside = { __proto__: null };

/** Runs `make` while code generation is allowed. */
function allowed(make) {
  const before = ops.allowEval(true);
  try {
    return make();
  } finally {
    ops.allowEval(before);
  }
}

class UnsafeEval {
  constructor(token) {
    if (token !== inside) throw illegalConstructor();
  }

  eval(script, name = undefined) {
    return allowed(() => ops.evaluate(String(script), name === undefined ? "evaluated script" : String(name)));
  }

  newFunction(script, name = undefined, ...parameters) {
    ArrayPrototypePush(parameters, String(script));
    return allowed(() => named(ReflectConstruct(Function, parameters), name));
  }

  newAsyncFunction(script, name = undefined, ...parameters) {
    ArrayPrototypePush(parameters, String(script));
    return allowed(() => named(ReflectConstruct(AsyncFunction, parameters), name));
  }

  newWasmModule(source) {
    if (!ArrayBufferIsView(source) && !isAnyArrayBuffer(source))
      throw argumentError("UnsafeEval", "newWasmModule", 1, "ArrayBuffer or ArrayBufferView");
    return allowed(() => ops.compileWasm(source));
  }
}
defineInterface(UnsafeEval);

function named(made, name) {
  const label = name === undefined ? "anonymous" : String(name);
  primordials.ObjectDefineProperty(made, "name", { __proto__: null, value: label, configurable: true });
  return made;
}

const unsafeEval = new UnsafeEval(inside);

exports.bind = () => new UnsafeEval(inside);
exports.module = { __proto__: null, default: unsafeEval };
provide("workerd:unsafe-eval", "bindings/unsafe_eval", (flags) => flags.unsafeModule);
