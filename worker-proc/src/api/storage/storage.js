/* `ctx.storage`: keys and values, transactions, the alarm. The engine answers at once; promises are for the API's sake. */
"use strict";
const {
  ArrayIsArray, ArrayPrototypePush, DatePrototypeGetTime, Map, MapPrototypeSet, ObjectKeys, PromisePrototypeThen, PromiseReject,
  PromiseResolve, String, TypeError,
} = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { addPart, section } = require("actors");

const inside = { __proto__: null };

/** What a function returns or throws, as a promise. */
function promised(run) {
  try {
    return PromiseResolve(run());
  } catch (error) {
    return PromiseReject(error);
  }
}

const confirmed = (options) => !(isObject(options) && options.allowUnconfirmed === true);

/** Keys of a list argument as strings. */
function keysOf(keys) {
  const all = [];
  for (let i = 0; i < keys.length; i++) ArrayPrototypePush(all, String(keys[i]));
  return all;
}

/** A flat list of keys and values as a map. */
function toMap(flat) {
  const map = new Map();
  for (let i = 0; i < flat.length; i += 2) MapPrototypeSet(map, flat[i], flat[i + 1]);
  return map;
}

const optional = (value) => (value === undefined || value === null ? undefined : String(value));

function list(options) {
  const given = isObject(options) ? options : { __proto__: null };
  const start = optional(given.start);
  const startAfter = optional(given.startAfter);
  if (start !== undefined && startAfter !== undefined) {
    throw new TypeError("list() cannot be called with both start and startAfter values.");
  }
  let limit;
  if (given.limit !== undefined && given.limit !== null) {
    limit = +given.limit;
    if (!(limit > 0)) throw new TypeError("List limit must be positive.");
  }
  return toMap(ops.list(start, startAfter, optional(given.end), optional(given.prefix), given.reverse === true, limit));
}

function get(type, count, key) {
  if (ArrayIsArray(key)) return toMap(ops.getMany(keysOf(key)));
  if (count === 0) throw argumentError(type, "get", 1, "string or Array");
  return ops.get(String(key));
}

function put(type, count, key, value, options) {
  if (count === 0) throw argumentError(type, "put", 1, "string or object");
  if (isObject(key)) {
    // Undefined values are left out, as if their keys were not there.
    const flat = [];
    const keys = ObjectKeys(key);
    for (let i = 0; i < keys.length; i++) {
      const entry = key[keys[i]];
      if (entry !== undefined) ArrayPrototypePush(flat, keys[i], entry);
    }
    ops.putMany(flat, confirmed(value));
    return;
  }
  if (value === undefined) throw new TypeError("put() called with undefined value.");
  ops.put(String(key), value, confirmed(options));
}

function remove(type, count, key, options) {
  if (ArrayIsArray(key)) return ops.deleteMany(keysOf(key), confirmed(options));
  if (count === 0) throw argumentError(type, "delete", 1, "string or Array");
  return ops.delete(String(key), confirmed(options));
}

function setAlarm(type, count, time, options) {
  if (count === 0) throw argumentError(type, "setAlarm", 1, "date");
  const millis = isObject(time) ? DatePrototypeGetTime(time) : +time;
  if (!(millis > 0)) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
  ops.setAlarm(millis, confirmed(options));
}

/** What the storage and a transaction of it have in common. */
function common(name) {
  return class {
    #open;

    constructor(token) {
      if (token !== inside) throw illegalConstructor();
      this.#open = true;
    }

    get(key, options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => get(name, length, key));
    }

    list(options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      return promised(() => list(options));
    }

    put(key, value, options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => put(name, length, key, value, options));
    }

    delete(key, options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => remove(name, length, key, options));
    }

    deleteAll(options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      return promised(() => ops.deleteAll(flags.deleteAllDeletesAlarm));
    }

    getAlarm(options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      return promised(() => ops.getAlarm());
    }

    setAlarm(time, options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => setAlarm(name, length, time, options));
    }

    deleteAlarm(options = undefined) {
      if (!(#open in this)) throw illegalInvocation();
      return promised(() => ops.deleteAlarm(confirmed(options)));
    }
  };
}

let rolledBack;

/** What the closure of `transaction()` is given. */
class DurableObjectTransaction extends common("DurableObjectTransaction") {
  #over = false;

  static {
    rolledBack = (transaction) => transaction.#over;
  }

  rollback() {
    if (!(#over in this)) throw illegalInvocation();
    this.#over = true;
  }
}
defineInterface(DurableObjectTransaction);

function transaction(closure) {
  // What the closure throws undoes the transaction; it does not reset the object.
  return section(() => {
    const depth = ops.begin();
    const made = new DurableObjectTransaction(inside);
    const done = (value) => {
      if (rolledBack(made)) ops.rollback(depth);
      else ops.commit(depth);
      return value;
    };
    const failed = (error) => {
      ops.rollback(depth);
      throw error;
    };
    return PromisePrototypeThen(promised(() => closure(made)), done, failed);
  }, false);
}

class DurableObjectStorage extends common("DurableObjectStorage") {
  #storage = true;

  transaction(closure) {
    if (!(#storage in this)) throw illegalInvocation();
    if (typeof closure !== "function") {
      return PromiseReject(argumentError("DurableObjectStorage", "transaction", 1, "function"));
    }
    return transaction(closure);
  }

  sync() {
    if (!(#storage in this)) throw illegalInvocation();
    return ops.sync();
  }
}
defineInterface(DurableObjectStorage);

addPart("storage", () => (ops.available() ? new DurableObjectStorage(inside) : undefined));
exports.globals = { DurableObjectStorage, DurableObjectTransaction };
