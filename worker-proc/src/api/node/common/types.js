/*
 * The type checks of `util.types`: what the engine says a value is, whatever its prototype says.
 */

const { ArrayBufferIsView, ObjectAssign, ObjectDefineProperty, ObjectEntries, TypedArrayPrototypeGetSymbolToStringTag } =
  primordials;
const { Kind, kind } = require("console/introspect");

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
  isArrayBufferView: ArrayBufferIsView,
  isNativeError: (value) => kind(value) === Kind.Error,
  isArgumentsObject: (value) => kind(value) === Kind.Arguments,
  isModuleNamespaceObject: (value) => kind(value) === Kind.Namespace,
  isCryptoKey: (value) => value instanceof require("crypto/keys").CryptoKey,
  isKeyObject: (value) => require("node/common/key_mark").isKeyObject(value),
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
for (let i = 0; i < byKind.length; i++) {
  const name = byKind[i];
  types[`is${name}`] = (value) => kind(value) === Kind[name];
}

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
for (let i = 0; i < arrays.length; i++) {
  const name = arrays[i];
  types[`is${name}`] = (value) =>
    typeof value === "object" && value !== null && TypedArrayPrototypeGetSymbolToStringTag(value) === name;
}
for (let i = 0, list = ObjectEntries(types); i < list.length; i++) {
  const { 0: name, 1: check } = list[i];
  if (name !== "isArrayBufferView") ObjectDefineProperty(check, "name", { value: name });
}

ObjectAssign(exports, types, { default: types });
