// structuredClone: values, platform objects, transfer.
import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert";

const refused = (value, message) => throws(() => structuredClone(value), { name: "DataCloneError", message });

export const values = {
  test() {
    const value = { list: [1, , "two"], map: new Map([[1, { a: 10n }]]), set: new Set([null]), date: new Date(5), re: /x/g };
    value.self = value;
    const copy = structuredClone(value);
    notStrictEqual(copy, value);
    strictEqual(copy.self, copy);
    deepStrictEqual(copy.map, value.map);
    ok(!(1 in copy.list));
    class Mine {
      x = 1;
    }
    strictEqual(structuredClone(new Mine()).constructor, Object);
    const error = structuredClone(new TypeError("m", { cause: 5 }));
    ok(error instanceof TypeError);
    deepStrictEqual([error.message, error.cause], ["m", 5]);
  },
};

export const errorsUnderSetters = {
  test() {
    const error = Object.assign(new Error("m"), { kept: 1 });
    const define = (object) => Object.defineProperty(object, "taken", { set() { calls++; }, configurable: true });
    let calls = 0;
    Object.defineProperty(error, "taken", { value: 2, enumerable: true });
    define(Error.prototype);
    deepStrictEqual([structuredClone(error).taken, calls], [2, 0]);
    delete Error.prototype.taken;
    define(Object.prototype);
    const copy = structuredClone(error);
    delete Object.prototype.taken;
    deepStrictEqual([Object.hasOwn(copy, "taken"), copy.kept, calls], [false, 1, 1]);
  },
};

export const platformObjects = {
  test() {
    const exception = structuredClone(new DOMException("m", "AbortError"));
    ok(exception instanceof DOMException);
    deepStrictEqual([exception.message, exception.code], ["m", 20]);
    refused(new Event("x"), 'Could not serialize object of type "Event". This type does not support serialization.');
    refused(new (class extends EventTarget {})(), /object of type "EventTarget"/);
    refused(new AbortController().signal, "AbortSignal serialization is not enabled.");
  },
};

export const refusals = {
  test() {
    refused(() => {}, "() => {} could not be cloned.");
    refused(Symbol("s"), "Symbol(s) could not be cloned.");
    refused(new WeakMap(), "#<WeakMap> could not be cloned.");
    refused(new Proxy({}, {}), "#<Object> could not be cloned.");
    throws(() => structuredClone({ get a() { throw new RangeError("mine"); } }), { name: "RangeError", message: "mine" });
  },
};

export const transfer = {
  test() {
    const view = new Uint8Array([7]);
    const copy = structuredClone({ view }, { transfer: [view.buffer, view.buffer] });
    strictEqual(view.length, 0);
    deepStrictEqual(copy.view, new Uint8Array([7]));
    throws(() => structuredClone(1, { transfer: [{}] }), { name: "TypeError", message: "Object is not transferable" });
    refused(view.buffer, "An ArrayBuffer is detached and could not be cloned.");
    const shared = new Uint8Array(new SharedArrayBuffer(1));
    const sharedCopy = structuredClone(shared);
    notStrictEqual(sharedCopy.buffer, shared.buffer);
    shared[0] = 1;
    strictEqual(sharedCopy[0], 1);
  },
};
