/*
 * What the engine alone can tell about a value: its built-in kind, the target of a proxy, the
 * entries of a map, the state of a promise. Used by the inspector, `node:util` and `node:assert`.
 * Relies on the ops of `console/mod.rs`; none of them runs user code.
 */

const { dateView } = require("clock");

// The order is the numbering of the `kind` op.
const Kind = {
  __proto__: null,
  Plain: 0,
  Array: 1,
  Function: 2,
  AsyncFunction: 3,
  GeneratorFunction: 4,
  AsyncGeneratorFunction: 5,
  Date: 6,
  RegExp: 7,
  Error: 8,
  Promise: 9,
  Map: 10,
  Set: 11,
  WeakMap: 12,
  WeakSet: 13,
  WeakRef: 14,
  MapIterator: 15,
  SetIterator: 16,
  Generator: 17,
  Proxy: 18,
  Arguments: 19,
  Namespace: 20,
  ArrayBuffer: 21,
  SharedArrayBuffer: 22,
  DataView: 23,
  NumberObject: 24,
  StringObject: 25,
  BooleanObject: 26,
  SymbolObject: 27,
  BigIntObject: 28,
  External: 29,
  TypedArray: 30,
};

exports.Kind = Kind;

/** The built-in kind of a value; `Kind.Plain` for primitives and ordinary objects. */
exports.kind = (value) => (value === dateView ? Kind.Function : ops.kind(value));

/** `[target, handler]` of a proxy (both null once revoked), undefined for anything else. */
exports.proxyDetails = (value) => (value === dateView ? undefined : ops.proxyDetails(value));

/** `[entries, isKeyValue]` of a map, set, weak collection or their iterators, without advancing them. */
exports.previewEntries = (value) => ops.previewEntries(value);

/** Own keys that are not array indices, symbols included; only the enumerable ones on request. */
exports.ownNonIndexKeys = (value, onlyEnumerable) => ops.ownNonIndexKeys(value, onlyEnumerable ? 2 : 0);

/** `[state, result]` of a promise: 0 pending, 1 fulfilled, 2 rejected. */
exports.promiseDetails = (value) => ops.promiseDetails(value);

/** The engine's name for the constructor of an object, whatever its prototype says. */
exports.constructorName = (value) => ops.constructorName(value);
