/* `ctx.storage`: keys and values, transactions, the alarm. The engine answers at once; promises are for the API's sake. */
"use strict";
const {
  ArrayIsArray, ArrayPrototypePush, DatePrototypeGetTime, Error, Map, MapPrototypeSet, MathTrunc, NumberIsNaN, ObjectKeys, PromisePrototypeThen, PromiseReject,
  PromiseResolve, String, TypeError,
} = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { addPart, section } = require("actors");

const inside = { __proto__: null };

/** How a transaction has ended. */
const COMMITTED = "on transaction that has already committed: did you move `txn` outside of the closure?";
const ROLLED_BACK = "on rolled back transaction";

/** Throws where a transaction is over, and where another object runs than the one whose storage this is. */
function enter(state, operation) {
  if (state.over === COMMITTED) throw new Error(`Cannot call ${operation}() ${COMMITTED}`);
  if (state.over === ROLLED_BACK) throw new Error(`Cannot ${operation}() ${ROLLED_BACK}`);
  ops.enter(state.life);
}

/** What a function returns or throws, as a promise. */
function promised(run) {
  try {
    return PromiseResolve(run());
  } catch (error) {
    return PromiseReject(error);
  }
}

const confirmed = (options) => !(isObject(options) && options.allowUnconfirmed);

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
  if (given.limit !== undefined) {
    limit = MathTrunc(+given.limit);
    if (!(limit > 0)) throw new TypeError("List limit must be positive.");
  }
  return toMap(ops.list(start, startAfter, optional(given.end), optional(given.prefix), !!given.reverse, limit));
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

function setAlarm(type, state, count, time, options) {
  if (count === 0) throw argumentError(type, "setAlarm", 1, "date");
  const millis = isObject(time) ? DatePrototypeGetTime(time) : +time;
  if (NumberIsNaN(millis)) throw new TypeError("The value cannot be converted because it is not a valid Date.");
  if (!state.hasAlarm) throw new TypeError("Your Durable Object class must have an alarm() handler in order to call setAlarm()");
  if (!(millis > 0)) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
  ops.setAlarm(millis, confirmed(options));
}

/** What the storage and a transaction of it have in common. */
function common(name) {
  return class {
    #state;

    constructor(token, state) {
      if (token !== inside) throw illegalConstructor();
      this.#state = state;
    }

    get(key, options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => { enter(this.#state, "get"); return get(name, length, key); });
    }

    list(options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      return promised(() => { enter(this.#state, "list"); return list(options); });
    }

    put(key, value, options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => { enter(this.#state, "put"); return put(name, length, key, value, options); });
    }

    delete(key, options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => { enter(this.#state, "delete"); return remove(name, length, key, options); });
    }

    deleteAll(options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      return promised(() => { enter(this.#state, "deleteAll"); return ops.deleteAll(flags.deleteAllDeletesAlarm); });
    }

    getAlarm(options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      return promised(() => { enter(this.#state, "getAlarm"); return ops.getAlarm(); });
    }

    setAlarm(time, options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      const { length } = arguments;
      return promised(() => { enter(this.#state, "setAlarm"); return setAlarm(name, this.#state, length, time, options); });
    }

    deleteAlarm(options = undefined) {
      if (!(#state in this)) throw illegalInvocation();
      return promised(() => { enter(this.#state, "deleteAlarm"); return ops.deleteAlarm(confirmed(options)); });
    }
  };
}

/** What the closure of `transaction()` is given. */
class DurableObjectTransaction extends common("DurableObjectTransaction") {
  #state;

  constructor(token, state) {
    super(token, state);
    this.#state = state;
  }

  rollback() {
    if (!(#state in this)) throw illegalInvocation();
    const state = this.#state;
    if (state.over === ROLLED_BACK) return;
    enter(state, "rollback");
    ops.rollback(state.depth);
    state.over = ROLLED_BACK;
  }
}
defineInterface(DurableObjectTransaction);

function transaction(storage, closure) {
  // What the closure throws undoes the transaction; it does not reset the object.
  return section(() => {
    const { life, hasAlarm } = storage;
    const state = { __proto__: null, life, hasAlarm, depth: ops.begin(), over: undefined };
    const done = (value) => {
      if (state.over === undefined) {
        ops.commit(state.depth);
        state.over = COMMITTED;
      }
      return value;
    };
    const failed = (error) => {
      if (state.over === undefined) {
        ops.rollback(state.depth);
        state.over = ROLLED_BACK;
      }
      throw error;
    };
    return PromisePrototypeThen(promised(() => closure(new DurableObjectTransaction(inside, state))), done, failed);
  }, false);
}

class DurableObjectStorage extends common("DurableObjectStorage") {
  #storage;

  constructor(token, state) {
    super(token, state);
    this.#storage = state;
  }

  transaction(closure) {
    if (!(#storage in this)) throw illegalInvocation();
    if (typeof closure !== "function") {
      return PromiseReject(argumentError("DurableObjectStorage", "transaction", 1, "function"));
    }
    const storage = this.#storage;
    return promised(() => { enter(storage, "transaction"); return transaction(storage, closure); });
  }

  sync() {
    if (!(#storage in this)) throw illegalInvocation();
    const storage = this.#storage;
    return promised(() => { enter(storage, "sync"); return ops.sync(); });
  }
}
defineInterface(DurableObjectStorage);

addPart("storage", ({ life, hasAlarm, stores }) =>
  stores ? new DurableObjectStorage(inside, { __proto__: null, life, hasAlarm, over: undefined }) : undefined);
exports.globals = { DurableObjectStorage, DurableObjectTransaction };
