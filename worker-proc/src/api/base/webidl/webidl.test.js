// The errors of bad calls, and the shape of platform classes.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";

const thrown = (fn, message) => throws(fn, { name: "TypeError", message });
const ILLEGAL = /^Illegal invocation: function called with incorrect `this` reference\./;

export const missingArguments = {
  test() {
    thrown(() => new URL(), "Failed to construct 'URL': constructor parameter 1 is not of type 'USVString'.");
    thrown(() => new Headers().append("a"), "Failed to execute 'append' on 'Headers': parameter 2 is not of type 'string'.");
    thrown(() => atob(), "Failed to execute 'atob' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'string'.");
    thrown(() => new File([]), "Failed to construct 'File': constructor parameter 2 is not of type 'string'.");
  },
};

export const wrongTypes = {
  test() {
    thrown(() => new Headers(1), "Failed to construct 'Headers': constructor parameter 1 is not of type 'Headers or Sequence or object'.");
    thrown(() => AbortSignal.any([1]), "Incorrect type for array element 0: the provided value is not of type 'AbortSignal'.");
    thrown(() => new Headers([1]), "Incorrect type: the provided value is not of type 'Sequence'.");
    thrown(
      () => structuredClone(1, { transfer: 5 }),
      "Incorrect type for the 'transfer' field on 'StructuredCloneOptions': the provided value is not of type 'Array'.",
    );
    thrown(() => new ErrorEvent("e", { lineno: 2 ** 33 }), "Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
    thrown(() => new Headers({ a: Symbol() }), "Cannot convert a Symbol value to a string");
    thrown(() => {
      new URL("http://a").href = "x";
    }, "Failed to set the 'href' property on 'URL': the provided value is not of type 'valid URL string'.");
  },
};

export const wrongReceivers = {
  test() {
    thrown(() => Headers.prototype.get.call({}, "a"), ILLEGAL);
    thrown(() => Blob.prototype.text.call(null), ILLEGAL);
    thrown(() => Object.getOwnPropertyDescriptor(URL.prototype, "href").get.call({}), ILLEGAL);
    thrown(() => new AbortSignal(), "Illegal constructor");
  },
};

export const shape = {
  test() {
    strictEqual(String(new Headers()), "[object Headers]");
    strictEqual(Headers.length, 0);
    strictEqual(Headers.prototype.append.length, 0);
    ok(Object.getOwnPropertyDescriptor(Headers.prototype, "append").enumerable);
    ok(Object.getOwnPropertyDescriptor(URL.prototype, "href").enumerable);
    deepStrictEqual(Object.keys(new URL("http://a")), []);
    strictEqual(Object.getOwnPropertyDescriptor(Headers, "prototype").writable, true);
    strictEqual(Object.getPrototypeOf(ErrorEvent), Function.prototype);
    strictEqual(new Headers().constructor, Headers);
    ok(String(Headers).includes("[native code]"));
    class Mine extends Headers {}
    ok(new Mine() instanceof Headers);
    const flag = Symbol.for("cloudflare:internal-class");
    strictEqual(Headers.prototype[flag], flag);
  },
};
