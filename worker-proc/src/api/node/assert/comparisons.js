/*
 * Deep strict equality as `assert.deepStrictEqual` and `util.isDeepStrictEqual` define it: same
 * prototypes, same own enumerable properties, `Object.is` on primitives, cycles allowed.
 */

const { Kind, kind, ownNonIndexKeys } = require("console/introspect");

const sameProto = (a, b) => Object.getPrototypeOf(a) === Object.getPrototypeOf(b);
const isEnumerable = Object.prototype.propertyIsEnumerable;
const hasOwn = Object.hasOwn;
const toString = Object.prototype.toString;
const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
).get;

function sameBytes(a, b) {
  if (a.byteLength !== b.byteLength) return false;
  const left = ArrayBuffer.isView(a) ? new Uint8Array(a.buffer, a.byteOffset, a.byteLength) : new Uint8Array(a);
  const right = ArrayBuffer.isView(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : new Uint8Array(b);
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

const unbox = {
  __proto__: null,
  [Kind.NumberObject]: Number.prototype.valueOf,
  [Kind.StringObject]: String.prototype.valueOf,
  [Kind.BooleanObject]: Boolean.prototype.valueOf,
  [Kind.SymbolObject]: Symbol.prototype.valueOf,
  [Kind.BigIntObject]: BigInt.prototype.valueOf,
};

/** Pairs being compared, so that a cycle on both sides counts as equal. */
class Visits {
  left = new Map();
  right = new Map();
  position = 0;
}

function equal(a, b, visits) {
  if (a === b) return a !== 0 || Object.is(a, b);
  if (typeof a !== "object" || a === null) return Number.isNaN(a) && Number.isNaN(b);
  if (typeof b !== "object" || b === null || !sameProto(a, b)) return false;
  if (toString.call(a) !== toString.call(b)) return false;

  const type = kind(a);
  // A proxy compares by its traps, as its target's kind would.
  if (type !== kind(b) && type !== Kind.Proxy && kind(b) !== Kind.Proxy) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    const keys = ownNonIndexKeys(a, true).filter((key) => typeof key === "string");
    const others = ownNonIndexKeys(b, true).filter((key) => typeof key === "string");
    return keys.length === others.length && entriesEqual(a, b, visits, keys, arrayItems);
  }
  switch (type) {
    case Kind.Date: {
      const left = Date.prototype.getTime.call(a);
      if (!Object.is(left, Date.prototype.getTime.call(b))) return false;
      break;
    }
    case Kind.RegExp:
      if (a.source !== b.source || a.flags !== b.flags || a.lastIndex !== b.lastIndex) return false;
      break;
    case Kind.Error:
      if (!errorsAlike(a, b, visits)) return false;
      break;
    case Kind.TypedArray: {
      if (typedArrayTag.call(a) !== typedArrayTag.call(b)) return false;
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
      if (unbox[type] !== undefined && !Object.is(unbox[type].call(a), unbox[type].call(b))) return false;
  }
  return entriesEqual(a, b, visits);
}

// Message and name count although they are not enumerable; cause and errors too.
function errorsAlike(a, b, visits) {
  if (a.message !== b.message || a.name !== b.name) return false;
  for (const field of ["cause", "errors"]) {
    const left = hasOwn(a, field);
    if (left !== hasOwn(b, field)) return false;
    if (left && !isEnumerable.call(a, field) && !equal(a[field], b[field], visits)) return false;
  }
  return true;
}

/** Own enumerable properties, symbols included, and what `inner` compares besides. */
function entriesEqual(a, b, visits, keys = undefined, inner = undefined) {
  if (keys === undefined) {
    keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
  }
  for (const key of keys) if (!hasOwn(b, key) || !isEnumerable.call(b, key)) return false;
  const symbols = Object.getOwnPropertySymbols(a).filter((symbol) => isEnumerable.call(a, symbol));
  for (const symbol of symbols) if (!isEnumerable.call(b, symbol)) return false;
  const others = Object.getOwnPropertySymbols(b).filter((symbol) => isEnumerable.call(b, symbol));
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
    same = keys.includes(symbols[i]) || equal(a[symbols[i]], b[symbols[i]], visits);
  }
  visits.left.delete(a);
  visits.right.delete(b);
  return same;
}

function arrayItems(a, b, visits) {
  for (let i = 0; i < a.length; i++) {
    const present = hasOwn(a, i);
    if (present !== hasOwn(b, i)) return false;
    if (present && !equal(a[i], b[i], visits)) return false;
  }
  return true;
}

const isObject = (value) => typeof value === "object" && value !== null;

/** Removes from `rest` the first entry equal to `value`; tells whether there was one. */
function takeEqual(rest, value, visits) {
  for (const candidate of rest) {
    if (equal(value, candidate, visits)) {
      rest.delete(candidate);
      return true;
    }
  }
  return false;
}

function sameSets(a, b, visits) {
  const rest = new Set();
  const unmatched = [];
  for (const value of a) {
    if (isObject(value)) {
      if (!b.has(value)) unmatched.push(value);
    } else if (!b.has(value)) return false;
  }
  if (unmatched.length === 0) return true;
  for (const value of b) if (isObject(value) && !a.has(value)) rest.add(value);
  return unmatched.every((value) => takeEqual(rest, value, visits)) && rest.size === 0;
}

function sameMaps(a, b, visits) {
  const unmatched = [];
  for (const [key, value] of a) {
    if (isObject(key) && !b.has(key)) {
      unmatched.push([key, value]);
      continue;
    }
    if (!b.has(key) || !equal(value, b.get(key), visits)) return false;
  }
  if (unmatched.length === 0) return true;
  const rest = new Set();
  for (const key of b.keys()) if (isObject(key) && !a.has(key)) rest.add(key);
  return unmatched.every(([key, value]) => {
    for (const candidate of rest) {
      if (equal(key, candidate, visits) && equal(value, b.get(candidate), visits)) {
        rest.delete(candidate);
        return true;
      }
    }
    return false;
  });
}

exports.isDeepStrictEqual = (a, b) => equal(a, b, undefined);

/** Whether everything in `expected` is in `actual`, strictly equal; `actual` may hold more. */
exports.isPartialDeepStrictEqual = (actual, expected) => partial(actual, expected, new Map());

function partial(actual, expected, pairs) {
  if (!isObject(expected)) return Object.is(actual, expected);
  if (!isObject(actual)) return false;
  let partners = pairs.get(actual);
  if (partners?.has(expected)) return true;
  if (partners === undefined) pairs.set(actual, (partners = new Set()));
  partners.add(expected);
  try {
    return partialObjects(actual, expected, pairs);
  } finally {
    partners.delete(expected);
  }
}

function partialObjects(actual, expected, pairs) {
  if (expected instanceof Date) return actual instanceof Date && actual.getTime() === expected.getTime();
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
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      Object.keys(expected).every((i) => i in actual && partial(actual[i], expected[i], pairs))
    );
  }
  if (expected instanceof Set) {
    return (
      actual instanceof Set &&
      [...expected].every((value) => [...actual].some((other) => exports.isDeepStrictEqual(value, other)))
    );
  }
  if (expected instanceof Map) {
    return (
      actual instanceof Map &&
      [...expected].every(([key, value]) => {
        const found = [...actual].find(([other]) => exports.isDeepStrictEqual(key, other));
        return found !== undefined && partial(found[1], value, pairs);
      })
    );
  }
  if (!sameProto(actual, expected)) return false;
  const keys = [
    ...Object.keys(expected),
    ...Object.getOwnPropertySymbols(expected).filter((symbol) => isEnumerable.call(expected, symbol)),
  ];
  return keys.every((key) => key in actual && partial(actual[key], expected[key], pairs));
}
