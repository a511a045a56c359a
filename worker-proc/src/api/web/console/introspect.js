/*
 * What the engine alone can tell about a value: its built-in kind, the target of a proxy, the
 * entries of a map, the state of a promise. Used by the inspector, `node:util` and `node:assert`.
 * Relies on the ops of `console/mod.rs`; none of them runs user code.
 */

const { dateView } = require("clock");

const Kind = {
  __proto__: null,
  Plain: ops.Kind.PLAIN,
  Array: ops.Kind.ARRAY,
  Function: ops.Kind.FUNCTION,
  AsyncFunction: ops.Kind.ASYNC_FUNCTION,
  GeneratorFunction: ops.Kind.GENERATOR_FUNCTION,
  AsyncGeneratorFunction: ops.Kind.ASYNC_GENERATOR_FUNCTION,
  Date: ops.Kind.DATE,
  RegExp: ops.Kind.REG_EXP,
  Error: ops.Kind.ERROR,
  Promise: ops.Kind.PROMISE,
  Map: ops.Kind.MAP,
  Set: ops.Kind.SET,
  WeakMap: ops.Kind.WEAK_MAP,
  WeakSet: ops.Kind.WEAK_SET,
  WeakRef: ops.Kind.WEAK_REF,
  MapIterator: ops.Kind.MAP_ITERATOR,
  SetIterator: ops.Kind.SET_ITERATOR,
  Generator: ops.Kind.GENERATOR,
  Proxy: ops.Kind.PROXY,
  Arguments: ops.Kind.ARGUMENTS,
  Namespace: ops.Kind.NAMESPACE,
  ArrayBuffer: ops.Kind.ARRAY_BUFFER,
  SharedArrayBuffer: ops.Kind.SHARED_ARRAY_BUFFER,
  DataView: ops.Kind.DATA_VIEW,
  NumberObject: ops.Kind.NUMBER_OBJECT,
  StringObject: ops.Kind.STRING_OBJECT,
  BooleanObject: ops.Kind.BOOLEAN_OBJECT,
  SymbolObject: ops.Kind.SYMBOL_OBJECT,
  BigIntObject: ops.Kind.BIG_INT_OBJECT,
  External: ops.Kind.EXTERNAL,
  TypedArray: ops.Kind.TYPED_ARRAY,
};

exports.Kind = Kind;

/** The built-in kind of a value; `Kind.Plain` for primitives and ordinary objects. */
exports.kind = (value) => (value === dateView ? Kind.Function : ops.kind(value));

/** What `previewEntries` and `promiseDetails` give, and how a promise may stand. */
exports.Preview = ops.Preview;
exports.Settled = ops.Settled;
exports.State = ops.State;

/** `[target, handler]` of a proxy (both null once revoked), undefined for anything else. */
exports.proxyDetails = (value) => (value === dateView ? undefined : ops.proxyDetails(value));

/** The entries of a map, set, weak collection or their iterators, without advancing them. */
exports.previewEntries = (value) => ops.previewEntries(value);

/** Own keys that are not array indices, symbols included; only the enumerable ones on request. */
exports.ownNonIndexKeys = (value, onlyEnumerable) => ops.ownNonIndexKeys(value, !!onlyEnumerable);

/** How a promise stands, undefined for anything else. */
exports.promiseDetails = (value) => ops.promiseDetails(value);

/** The engine's name for the constructor of an object, whatever its prototype says. */
exports.constructorName = (value) => ops.constructorName(value);
