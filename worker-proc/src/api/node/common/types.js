/*
 * The type checks of `util.types`: what the engine says a value is, whatever its prototype says.
 */

const { Kind, kind } = require("console/introspect");

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
).get;

const types = {
  isAsyncFunction: (value) => {
    const k = kind(value);
    return k === Kind.AsyncFunction || k === Kind.AsyncGeneratorFunction;
  },
  isGeneratorFunction: (value) => {
    const k = kind(value);
    return k === Kind.GeneratorFunction || k === Kind.AsyncGeneratorFunction;
  },
  isGeneratorObject: (value) => kind(value) === Kind.Generator,
  isAnyArrayBuffer: (value) => {
    const k = kind(value);
    return k === Kind.ArrayBuffer || k === Kind.SharedArrayBuffer;
  },
  isBoxedPrimitive: (value) => {
    const k = kind(value);
    return k >= Kind.NumberObject && k <= Kind.BigIntObject;
  },
  isArrayBufferView: ArrayBuffer.isView,
  isNativeError: (value) => kind(value) === Kind.Error,
  isArgumentsObject: (value) => kind(value) === Kind.Arguments,
  isModuleNamespaceObject: (value) => kind(value) === Kind.Namespace,
  isCryptoKey: (value) => typeof CryptoKey === "function" && value instanceof CryptoKey,
  isKeyObject: (value) => require("node/crypto/key_mark").isKeyObject(value),
};

const byKind = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "External",
  "Map",
  "MapIterator",
  "Set",
  "SetIterator",
  "WeakMap",
  "WeakSet",
  "RegExp",
  "Date",
  "Promise",
  "Proxy",
  "StringObject",
  "SymbolObject",
  "NumberObject",
  "BooleanObject",
  "BigIntObject",
  "TypedArray",
];
for (const name of byKind) types[`is${name}`] = (value) => kind(value) === Kind[name];

const arrays = [
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Uint32Array",
];
// The accessor answers undefined for anything that is no typed array.
for (const name of arrays) {
  types[`is${name}`] = (value) => typeof value === "object" && value !== null && typedArrayTag.call(value) === name;
}
for (const [name, check] of Object.entries(types)) {
  if (name !== "isArrayBufferView") Object.defineProperty(check, "name", { value: name });
}

Object.assign(exports, types, { default: types });
