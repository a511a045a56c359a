/* V8's serializer refuses functions and proxies. Values that hold any are copied first, with stand-ins in their places, which
   are platform objects and so come to the kinds in rpc/transfer. */
// own: made (a SafeMap); seen (a SafeSet)
const {
  Array,
  Map,
  MapPrototypeForEach,
  MapPrototypeSet,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectKeys,
  ObjectPrototype,
  SafeMap,
  SafeSet,
  Set,
  SetPrototypeAdd,
  SetPrototypeForEach,
} = primordials;
const { defineInterface, isObject } = require("webidl");

const { PROXY, ARRAY, MAP, SET, ERROR } = ops.Nature;

let referentOf;

/** In place of a function or proxy. */
class Reference {
  #object;

  constructor(object) {
    this.#object = object;
  }

  static {
    referentOf = (value) => (#object in value ? value.#object : undefined);
  }
}
defineInterface(Reference);

const define = (object, key, value) =>
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });

const isPlain = (value) => ObjectGetPrototypeOf(value) === ObjectPrototype;

/** Whether a value holds what the serializer cannot write as it is. Reads it once more than the copy does. */
function needsCopy(value, seen) {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  seen.add(value);
  const kind = ops.kindOf(value);
  let needed = false;
  switch (kind) {
    case PROXY:
      return true;
    case MAP:
      MapPrototypeForEach(value, (item, key) => {
        needed ||= needsCopy(key, seen) || needsCopy(item, seen);
      });
      return needed;
    case SET:
      SetPrototypeForEach(value, (item) => {
        needed ||= needsCopy(item, seen);
      });
      return needed;
    case ARRAY:
      break;
    default:
      if (!isPlain(value)) return false;
  }
  const keys = ObjectKeys(value);
  for (let i = 0; i < keys.length; i++) if (needsCopy(value[keys[i]], seen)) return true;
  return false;
}

function copy(value, made) {
  if (!isObject(value)) return value;
  const before = made.get(value);
  if (before !== undefined) return before;
  const kind = typeof value === "function" ? PROXY : ops.kindOf(value);
  let result;
  switch (kind) {
    case PROXY:
      result = new Reference(value);
      made.set(value, result);
      return result;
    case MAP:
      result = new Map();
      made.set(value, result);
      MapPrototypeForEach(value, (item, key) => MapPrototypeSet(result, copy(key, made), copy(item, made)));
      return result;
    case SET:
      result = new Set();
      made.set(value, result);
      SetPrototypeForEach(value, (item) => SetPrototypeAdd(result, copy(item, made)));
      return result;
    case ARRAY:
      result = new Array(value.length);
      break;
    default:
      if (!isPlain(value)) return value;
      result = {};
  }
  made.set(value, result);
  const keys = ObjectKeys(value);
  for (let i = 0; i < keys.length; i++) define(result, keys[i], copy(value[keys[i]], made));
  return result;
}

/** The value as the serializer can take it. */
const prepare = (value) => (isObject(value) && needsCopy(value, new SafeSet()) ? copy(value, new SafeMap()) : value);

exports.define = define;
exports.isPlain = isPlain;
exports.isProxy = (value) => ops.kindOf(value) === PROXY;
exports.isError = (value) => ops.kindOf(value) === ERROR;
exports.prepare = prepare;
exports.referentOf = (value) => referentOf(value);
