/*
 * Deep strict equality as `assert.deepStrictEqual` and `util.isDeepStrictEqual` define it: same
 * prototypes, same own enumerable properties, `Object.is` on primitives, cycles allowed.
 */

// own: rest (a SafeSet); pairs (a SafeMap)
const {
  ArrayBufferIsView,
  ArrayIsArray,
  ArrayPrototypeConcat,
  ArrayPrototypeEvery,
  ArrayPrototypeFilter,
  ArrayPrototypeFind,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  ArrayPrototypeSome,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  Date,
  DatePrototypeGetTime,
  Error,
  Map,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  NumberIsNaN,
  NumberPrototypeValueOf,
  ObjectGetOwnPropertySymbols,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  ObjectIs,
  ObjectKeys,
  ObjectPrototypePropertyIsEnumerable,
  ObjectPrototypeToString,
  RegExp,
  SafeMap,
  SafeSet,
  Set,
  SetPrototypeForEach,
  SetPrototypeHas,
  StringPrototypeValueOf,
  SymbolPrototypeValueOf,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
} = primordials;
const { Kind, kind, ownNonIndexKeys } = require("console/introspect");

const sameProto = (a, b) => ObjectGetPrototypeOf(a) === ObjectGetPrototypeOf(b);

function sameBytes(a, b) {
  if (a.byteLength !== b.byteLength) return false;
  const left = ArrayBufferIsView(a) ? new Uint8Array(a.buffer, a.byteOffset, a.byteLength) : new Uint8Array(a);
  const right = ArrayBufferIsView(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : new Uint8Array(b);
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

const unbox = {
  __proto__: null,
  [Kind.NumberObject]: NumberPrototypeValueOf,
  [Kind.StringObject]: StringPrototypeValueOf,
  [Kind.BooleanObject]: BooleanPrototypeValueOf,
  [Kind.SymbolObject]: SymbolPrototypeValueOf,
  [Kind.BigIntObject]: BigIntPrototypeValueOf,
};

/** Pairs being compared, so that a cycle on both sides counts as equal. */
class Visits {
  left = new SafeMap();
  right = new SafeMap();
  position = 0;
}

function equal(a, b, visits) {
  if (a === b) return a !== 0 || ObjectIs(a, b);
  if (typeof a !== "object" || a === null) return NumberIsNaN(a) && NumberIsNaN(b);
  if (typeof b !== "object" || b === null || !sameProto(a, b)) return false;
  if (ObjectPrototypeToString(a) !== ObjectPrototypeToString(b)) return false;

  const type = kind(a);
  // A proxy compares by its traps, as its target's kind would.
  if (type !== kind(b) && type !== Kind.Proxy && kind(b) !== Kind.Proxy) return false;
  if (ArrayIsArray(a)) {
    if (!ArrayIsArray(b) || a.length !== b.length) return false;
    const keys = ArrayPrototypeFilter(ownNonIndexKeys(a, true), (key) => typeof key === "string");
    const others = ArrayPrototypeFilter(ownNonIndexKeys(b, true), (key) => typeof key === "string");
    return keys.length === others.length && entriesEqual(a, b, visits, keys, arrayItems);
  }
  switch (type) {
    case Kind.Date: {
      const left = DatePrototypeGetTime(a);
      if (!ObjectIs(left, DatePrototypeGetTime(b))) return false;
      break;
    }
    case Kind.RegExp:
      if (a.source !== b.source || a.flags !== b.flags || a.lastIndex !== b.lastIndex) return false;
      break;
    case Kind.Error:
      if (!errorsAlike(a, b, visits)) return false;
      break;
    case Kind.TypedArray: {
      if (TypedArrayPrototypeGetSymbolToStringTag(a) !== TypedArrayPrototypeGetSymbolToStringTag(b)) return false;
      if (!sameBytes(a, b)) return false;
      const keys = ownNonIndexKeys(a, true);
      return keys.length === ownNonIndexKeys(b, true).length && entriesEqual(a, b, visits, keys);
    }
    case Kind.DataView:
    case Kind.ArrayBuffer:
    case Kind.SharedArrayBuffer:
      if (!sameBytes(a, b)) return false;
      break;
    case Kind.Set:
      return a.size === b.size && entriesEqual(a, b, visits, undefined, sameSets);
    case Kind.Map:
      return a.size === b.size && entriesEqual(a, b, visits, undefined, sameMaps);
    case Kind.WeakMap:
    case Kind.WeakSet:
    case Kind.WeakRef:
    case Kind.Promise:
      return false;
    default:
      if (unbox[type] !== undefined && !ObjectIs(unbox[type](a), unbox[type](b))) return false;
  }
  return entriesEqual(a, b, visits);
}

// Message and name count although they are not enumerable; cause and errors too.
function errorsAlike(a, b, visits) {
  if (a.message !== b.message || a.name !== b.name) return false;
  for (let i = 0, fields = ["cause", "errors"]; i < fields.length; i++) {
    const field = fields[i];
    const left = ObjectHasOwn(a, field);
    if (left !== ObjectHasOwn(b, field)) return false;
    if (left && !ObjectPrototypePropertyIsEnumerable(a, field) && !equal(a[field], b[field], visits)) return false;
  }
  return true;
}

/** Own enumerable properties, symbols included, and what `inner` compares besides. */
function entriesEqual(a, b, visits, keys = undefined, inner = undefined) {
  if (keys === undefined) {
    keys = ObjectKeys(a);
    if (keys.length !== ObjectKeys(b).length) return false;
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!ObjectHasOwn(b, key) || !ObjectPrototypePropertyIsEnumerable(b, key)) return false;
  }
  const symbols = ArrayPrototypeFilter(ObjectGetOwnPropertySymbols(a), (symbol) =>
    ObjectPrototypePropertyIsEnumerable(a, symbol),
  );
  for (let i = 0; i < symbols.length; i++) if (!ObjectPrototypePropertyIsEnumerable(b, symbols[i])) return false;
  const others = ArrayPrototypeFilter(ObjectGetOwnPropertySymbols(b), (symbol) =>
    ObjectPrototypePropertyIsEnumerable(b, symbol),
  );
  if (symbols.length !== others.length) return false;

  visits ??= new Visits();
  const seenLeft = visits.left.get(a);
  if (seenLeft !== undefined) {
    const seenRight = visits.right.get(b);
    if (seenRight !== undefined) return seenLeft === seenRight;
  }
  visits.position++;
  visits.left.set(a, visits.position);
  visits.right.set(b, visits.position);
  let same = inner === undefined || inner(a, b, visits);
  for (let i = 0; same && i < keys.length; i++) same = equal(a[keys[i]], b[keys[i]], visits);
  for (let i = 0; same && i < symbols.length; i++) {
    // Already listed under `keys` for typed arrays.
    same = ArrayPrototypeIncludes(keys, symbols[i]) || equal(a[symbols[i]], b[symbols[i]], visits);
  }
  visits.left.delete(a);
  visits.right.delete(b);
  return same;
}

function arrayItems(a, b, visits) {
  for (let i = 0; i < a.length; i++) {
    const present = ObjectHasOwn(a, i);
    if (present !== ObjectHasOwn(b, i)) return false;
    if (present && !equal(a[i], b[i], visits)) return false;
  }
  return true;
}

const isObject = (value) => typeof value === "object" && value !== null;

/** The values of a set. */
function valuesOf(set) {
  const values = [];
  SetPrototypeForEach(set, (value) => ArrayPrototypePush(values, value));
  return values;
}

/** The entries of a map. */
function entriesOf(map) {
  const entries = [];
  MapPrototypeForEach(map, (value, key) => ArrayPrototypePush(entries, [key, value]));
  return entries;
}

/** Removes from `rest` the first entry equal to `value`; tells whether there was one. */
function takeEqual(rest, value, visits) {
  const candidates = valuesOf(rest);
  for (let i = 0; i < candidates.length; i++) {
    if (equal(value, candidates[i], visits)) {
      rest.delete(candidates[i]);
      return true;
    }
  }
  return false;
}

function sameSets(a, b, visits) {
  const rest = new SafeSet();
  const unmatched = [];
  const left = valuesOf(a);
  for (let i = 0; i < left.length; i++) {
    if (SetPrototypeHas(b, left[i])) continue;
    if (!isObject(left[i])) return false;
    ArrayPrototypePush(unmatched, left[i]);
  }
  if (unmatched.length === 0) return true;
  SetPrototypeForEach(b, (value) => {
    if (isObject(value) && !SetPrototypeHas(a, value)) rest.add(value);
  });
  return ArrayPrototypeEvery(unmatched, (value) => takeEqual(rest, value, visits)) && rest.size === 0;
}

function sameMaps(a, b, visits) {
  const unmatched = [];
  const left = entriesOf(a);
  for (let i = 0; i < left.length; i++) {
    const { 0: key, 1: value } = left[i];
    if (MapPrototypeHas(b, key)) {
      if (!equal(value, MapPrototypeGet(b, key), visits)) return false;
    } else if (isObject(key)) {
      ArrayPrototypePush(unmatched, left[i]);
    } else {
      return false;
    }
  }
  if (unmatched.length === 0) return true;
  const rest = new SafeSet();
  MapPrototypeForEach(b, (_, key) => {
    if (isObject(key) && !MapPrototypeHas(a, key)) rest.add(key);
  });
  return ArrayPrototypeEvery(unmatched, ({ 0: key, 1: value }) => {
    const candidates = valuesOf(rest);
    for (let i = 0; i < candidates.length; i++) {
      if (equal(key, candidates[i], visits) && equal(value, MapPrototypeGet(b, candidates[i]), visits)) {
        rest.delete(candidates[i]);
        return true;
      }
    }
    return false;
  });
}

exports.isDeepStrictEqual = (a, b) => equal(a, b, undefined);

/** Whether everything in `expected` is in `actual`, strictly equal; `actual` may hold more. */
exports.isPartialDeepStrictEqual = (actual, expected) => partial(actual, expected, new SafeMap());

function partial(actual, expected, pairs) {
  if (!isObject(expected)) return ObjectIs(actual, expected);
  if (!isObject(actual)) return false;
  let partners = pairs.get(actual);
  if (partners?.has(expected)) return true;
  if (partners === undefined) pairs.set(actual, (partners = new SafeSet()));
  partners.add(expected);
  try {
    return partialObjects(actual, expected, pairs);
  } finally {
    partners.delete(expected);
  }
}

function partialObjects(actual, expected, pairs) {
  if (expected instanceof Date)
    return actual instanceof Date && DatePrototypeGetTime(actual) === DatePrototypeGetTime(expected);
  if (expected instanceof RegExp) {
    return (
      actual instanceof RegExp &&
      actual.source === expected.source &&
      actual.flags === expected.flags &&
      actual.lastIndex === expected.lastIndex
    );
  }
  if (expected instanceof Error) {
    return actual instanceof Error && actual.name === expected.name && actual.message === expected.message;
  }
  if (ArrayIsArray(expected)) {
    return (
      ArrayIsArray(actual) &&
      ArrayPrototypeEvery(ObjectKeys(expected), (i) => i in actual && partial(actual[i], expected[i], pairs))
    );
  }
  if (expected instanceof Set) {
    return (
      actual instanceof Set &&
      ArrayPrototypeEvery(valuesOf(expected), (value) =>
        ArrayPrototypeSome(valuesOf(actual), (other) => exports.isDeepStrictEqual(value, other)),
      )
    );
  }
  if (expected instanceof Map) {
    return (
      actual instanceof Map &&
      ArrayPrototypeEvery(entriesOf(expected), ({ 0: key, 1: value }) => {
        const found = ArrayPrototypeFind(entriesOf(actual), ({ 0: other }) => exports.isDeepStrictEqual(key, other));
        return found !== undefined && partial(found[1], value, pairs);
      })
    );
  }
  if (!sameProto(actual, expected)) return false;
  const keys = ArrayPrototypeConcat(
    ObjectKeys(expected),
    ArrayPrototypeFilter(ObjectGetOwnPropertySymbols(expected), (symbol) =>
      ObjectPrototypePropertyIsEnumerable(expected, symbol),
    ),
  );
  return ArrayPrototypeEvery(keys, (key) => key in actual && partial(actual[key], expected[key], pairs));
}
