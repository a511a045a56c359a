/* Memory caches. What is not there is made by the reader's function: of those who read one key at a time, one makes it. */
const {
  DateNow,
  NumberIsNaN,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  RangeError,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const { NO_PROMISE, argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { DOMException } = require("dom_exception");
const { encodeUtf8 } = require("encoding");
const flags = require("flags");
const { deserialize, serialize } = require("structured_clone");

const MAX_KEY_BYTES = 2048;

/* As the published binary says it. */
const NO_RESULT =
  "Cannot initialize N7workerd3api23CacheValueProduceResultE with required members from an undefined or null value.";
const NO_DICTIONARY = "Incorrect type for Promise: the Promise did not resolve to 'CacheValueProduceResult'.";

const inside = { __proto__: null };

function checkKey(key, method) {
  if (typeof key !== "string") throw argumentError("MemoryCache", method, 1, "string");
}

function checkLength(key) {
  if (TypedArrayPrototypeGetByteLength(encodeUtf8(key)) > MAX_KEY_BYTES) throw new RangeError("Key too large.");
}

/** Bytes for the cache. */
function encode(value) {
  try {
    return serialize(value);
  } catch (error) {
    // As on workerd, where the error itself is lost.
    if (error?.name === "DataCloneError") throw new DOMException(`failed to serialize ${typeof value}`, "DataCloneError");
    throw error;
  }
}

/** Makes the value: `ticket` is the duty to. */
function make(ticket, key, fallback) {
  const settle = (result) => {
    if (result === undefined || result === null) throw new TypeError(NO_RESULT);
    if (!isObject(result)) throw new TypeError(NO_DICTIONARY);
    const { expiration, value } = result;
    const at = expiration === undefined ? undefined : +expiration;
    const bytes = encode(value);
    if (at !== undefined && NumberIsNaN(at)) throw new TypeError("Expiration time must not be NaN.");
    ops.made(ticket, bytes, at, DateNow());
    return value;
  };
  const fail = (error) => {
    ops.notMade(ticket);
    throw error;
  };
  let result;
  try {
    result = fallback(key);
    if (result !== undefined && result !== null && !isObject(result)) throw new TypeError(NO_PROMISE);
    // What has no `then` is the result itself.
    if (!isObject(result) || !("then" in result)) return settle(result);
  } catch (error) {
    return fail(error);
  }
  return PromisePrototypeThen(PromisePrototypeThen(PromiseResolve(result), settle), undefined, fail);
}

const decoded = (bytes) => (bytes === undefined ? undefined : deserialize(bytes));

const taken = (key, fallback) => (turn) => (typeof turn === "number" ? make(turn, key, fallback) : deserialize(turn));

class MemoryCache {
  #cache;

  constructor(token, cache) {
    if (token !== inside) throw illegalConstructor();
    this.#cache = cache;
  }

  read(key, fallback = undefined) {
    if (!isObject(this) || !(#cache in this)) throw illegalInvocation();
    try {
      checkKey(key, "read");
      if (fallback !== undefined && typeof fallback !== "function")
        throw argumentError("MemoryCache", "read", 2, "function");
      checkLength(key);
      if (fallback === undefined) {
        const bytes = ops.get(this.#cache, key, DateNow());
        if (bytes !== undefined) return PromiseResolve(deserialize(bytes));
        const asked = ops.ask(this.#cache, key);
        return asked === undefined ? PromiseResolve() : PromisePrototypeThen(asked, decoded);
      }
      return PromisePrototypeThen(PromiseResolve(ops.getOrMake(this.#cache, key, DateNow())), taken(key, fallback));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  delete(key) {
    if (!isObject(this) || !(#cache in this)) throw illegalInvocation();
    checkKey(key, "delete");
    checkLength(key);
    ops.remove(this.#cache, key);
  }
}
if (!flags.memoryCacheDelete) delete MemoryCache.prototype.delete;
defineInterface(MemoryCache);

exports.bind = ({ id, limits: { maxKeys, maxValueSize, maxTotalValueSize } }) =>
  new MemoryCache(inside, ops.open(id === "" ? null : id, maxKeys, maxValueSize, maxTotalValueSize));
