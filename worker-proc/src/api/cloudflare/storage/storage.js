/* `ctx.storage`: keys and values, transactions, the alarm, bookmarks. The engine answers at once; promises are for the
   API's sake. */
const {
  ArrayIsArray,
  ArrayPrototypePush,
  Date,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  Error,
  Map,
  MapPrototypeSet,
  NumberIsFinite,
  ObjectDefineProperty,
  ObjectKeys,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  ReflectOwnKeys,
  TypeError,
} = primordials;
const flags = require("flags");
const {
  NOT_A_DATE,
  AFTER_LAST_DATE,
  argumentError,
  defineInterface,
  defineLazily,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDOMString,
} = require("webidl");
const { session } = require("structured_clone");
const { createSql } = require("storage/sql");
const trace = require("trace");
const { checkListArguments, createKv, listArguments } = require("storage/sync_kv");

const inside = { __proto__: null };

session.pushToken = (token) => ops.pushToken(token);
session.nextToken = () => ops.nextToken();

// How a transaction has ended.
const COMMITTED = 1;
const ROLLED_BACK = 2;

const IN_TRANSACTION = "Cannot call deleteAll() within a transaction";
const NO_SNAPSHOTS = "This Durable Object's storage back-end does not implement snapshots.";

const { NOT_ENABLED, IN_MEMORY } = ops.Access;

// Why a namespace may not use SQL: its config does not say so, or its objects are in memory only.
const SQL_REFUSALS = {
  __proto__: null,
  [NOT_ENABLED]:
    "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` within the " +
    "'migrations' field in your wrangler.jsonc or wrangler.toml file. If using workerd directly,set `enableSql = true` in your " +
    "workerd config for the class. Note that this change cannot be made after the class is already deployed to production.",
  [IN_MEMORY]:
    "This Durable Object is not backed by SQLite storage, so the SQL API is not available. SQL can be enabled on a new Durable " +
    "Object class by using the `new_sqlite_classes` instead of `new_classes` under `[[migrations]]` in your wrangler.toml, but an " +
    "already-deployed class cannot be converted to SQLite (except by deleting the existing data).",
};
const NO_KV =
  "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is not " +
  "declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). ";
const KV_REFUSALS = {
  __proto__: null,
  [NOT_ENABLED]:
    NO_KV +
    "Alternatively, to enable SQLite, change `new_classes` to `new_sqlite_classes` within the 'migrations' field in your " +
    "wrangler.jsonc or wrangler.toml file. If using workerd directly, set `enableSql = true` in your workerd config for the class. " +
    "Note that this change cannot be made after the class is already deployed to production.",
  [IN_MEMORY]:
    NO_KV +
    "SQLite can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under " +
    "`migrations` in your wrangler.jsonc or wrangler.toml, but an already-deployed class cannot be converted to SQLite (except by " +
    "deleting the existing data).",
};

/** Throws where a transaction is over. */
function check(state, operation) {
  if (state.over === COMMITTED) {
    throw new Error(
      `Cannot call ${operation}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
    );
  }
  if (state.over === ROLLED_BACK) throw new Error(`Cannot ${operation}() on rolled back transaction`);
}

/** An argument that is a dictionary none of whose members matter here, or matter later. */
function checkOptions(type, method, index, options, name) {
  if (options !== undefined && options !== null && !isObject(options)) throw argumentError(type, method, index, name);
}

/** Whether what leaves the object waits for a write. */
const confirmed = (options) => !(isObject(options) && options.allowUnconfirmed);

/** Keys of a list argument as strings. */
function keysOf(keys) {
  const all = [];
  for (let i = 0; i < keys.length; i++) ArrayPrototypePush(all, toDOMString(keys[i]));
  return all;
}

/** A flat list of keys and values as a map. */
function toMap(flat) {
  const map = new Map();
  for (let i = 0; i < flat.length; i += 2) MapPrototypeSet(map, flat[i], flat[i + 1]);
  return map;
}

/** The first millisecond that the published runtime's clock cannot count: 2^63 nanoseconds after 1970. */
const MAX_TIME_MILLIS = 2 ** 63 / 1e6;

/** A `date`: a Date or a number of milliseconds since 1970. */
function toMillis(value, error) {
  let millis = value;
  if (typeof value !== "number") {
    try {
      millis = DatePrototypeGetTime(value);
    } catch {
      throw error();
    }
  }
  if (!NumberIsFinite(millis)) throw new TypeError(NOT_A_DATE);
  if (millis >= MAX_TIME_MILLIS) throw new TypeError(AFTER_LAST_DATE);
  return millis;
}

function put(name, state, count, key, value, options) {
  if (count === 0) throw argumentError(name, "put", 1, "string or object");
  const { life } = state;
  if (isObject(key) && !ArrayIsArray(key)) {
    // Undefined values are left out, as if their keys were not there.
    const flat = [];
    const keys = ObjectKeys(key);
    for (let i = 0; i < keys.length; i++) {
      const entry = key[keys[i]];
      if (entry !== undefined) ArrayPrototypePush(flat, keys[i], entry);
    }
    checkOptions(name, "put", 3, options, "PutOptions");
    if (value !== undefined && value !== null && !isObject(value)) {
      throw new TypeError(
        "put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple " +
          "key-value pairs and optional options as put(entries, options)",
      );
    }
    check(state, "put");
    ops.putMany(life, flat, confirmed(value));
    return;
  }
  const text = toDOMString(key);
  checkOptions(name, "put", 3, options, "PutOptions");
  if (value === undefined) throw new TypeError("put() called with undefined value.");
  check(state, "put");
  ops.put(life, text, value, confirmed(options));
}

function setAlarm(name, state, count, time, options) {
  const error = () => argumentError(name, "setAlarm", 1, "date");
  if (count === 0) throw error();
  const millis = toMillis(time, error);
  checkOptions(name, "setAlarm", 2, options, "SetAlarmOptions");
  if (!(millis > 0)) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
  if (!state.hasAlarm)
    throw new TypeError("Your Durable Object class must have an alarm() handler in order to call setAlarm()");
  check(state, "setAlarm");
  if (trace.isOn()) trace.note("cloudflare.durable_object.alarm.scheduled_time", DatePrototypeToISOString(new Date(millis)));
  ops.setAlarm(state.life, millis, confirmed(options));
}

/** What the names of operations' spans begin with. */
const SPAN_PREFIX = "durable_object_storage_";

/** Gives a class what the storage and a transaction of it have in common. */
function defineOperations(Class, stateOf) {
  const { name } = Class;
  const operations = {
    get(key, options = undefined) {
      const state = stateOf(this);
      try {
        if (arguments.length === 0) throw argumentError(name, "get", 1, "string or Array");
        const keys = ArrayIsArray(key) ? keysOf(key) : toDOMString(key);
        checkOptions(name, "get", 2, options, "GetOptions");
        check(state, "get");
        return PromiseResolve(typeof keys === "string" ? ops.get(state.life, keys) : toMap(ops.getMany(state.life, keys)));
      } catch (error) {
        return PromiseReject(error);
      }
    },
    list(options = undefined) {
      const state = stateOf(this);
      try {
        const given = listArguments(name, options);
        checkListArguments(given);
        check(state, "list");
        return PromiseResolve(toMap(ops.list(state.life, given[0], given[1], given[2], given[3], given[4], given[5])));
      } catch (error) {
        return PromiseReject(error);
      }
    },
    put(key, value, options = undefined) {
      const state = stateOf(this);
      try {
        put(name, state, arguments.length, key, value, options);
        return PromiseResolve();
      } catch (error) {
        return PromiseReject(error);
      }
    },
    // Its mistakes are thrown at once, as the published runtime's.
    delete(key, options = undefined) {
      const state = stateOf(this);
      if (arguments.length === 0) throw argumentError(name, "delete", 1, "string or Array");
      const keys = ArrayIsArray(key) ? keysOf(key) : toDOMString(key);
      checkOptions(name, "delete", 2, options, "PutOptions");
      check(state, "delete");
      const remove = typeof keys === "string" ? ops.delete : ops.deleteMany;
      return PromiseResolve(remove(state.life, keys, confirmed(options)));
    },
    getAlarm(options = undefined) {
      const state = stateOf(this);
      try {
        checkOptions(name, "getAlarm", 1, options, "GetAlarmOptions");
        check(state, "getAlarm");
        return PromiseResolve(ops.getAlarm(state.life));
      } catch (error) {
        return PromiseReject(error);
      }
    },
    setAlarm(time, options = undefined) {
      const state = stateOf(this);
      try {
        setAlarm(name, state, arguments.length, time, options);
        return PromiseResolve();
      } catch (error) {
        return PromiseReject(error);
      }
    },
    deleteAlarm(options = undefined) {
      const state = stateOf(this);
      try {
        checkOptions(name, "deleteAlarm", 1, options, "SetAlarmOptions");
        check(state, "deleteAlarm");
        ops.deleteAlarm(state.life, confirmed(options));
        return PromiseResolve();
      } catch (error) {
        return PromiseReject(error);
      }
    },
  };
  const keys = ReflectOwnKeys(operations);
  for (let i = 0; i < keys.length; i++) {
    ObjectDefineProperty(Class.prototype, keys[i], {
      __proto__: null,
      value: operations[keys[i]],
      writable: true,
      configurable: true,
    });
  }
  trace.instrument(Class.prototype, SPAN_PREFIX, keys);
  defineInterface(Class);
}

/** What the closure of `transaction()` is given. */
class DurableObjectTransaction {
  #state;
  static stateOf(transaction) {
    if (!(#state in transaction)) throw illegalInvocation();
    return transaction.#state;
  }

  constructor(token, state) {
    if (token !== inside) throw illegalConstructor();
    this.#state = state;
  }

  deleteAll() {
    if (!(#state in this)) throw illegalInvocation();
    throw new Error(IN_TRANSACTION);
  }

  rollback() {
    if (!(#state in this)) throw illegalInvocation();
    const state = this.#state;
    if (state.over === ROLLED_BACK) return;
    check(state, "rollback");
    ops.rollback(state.life, state.depth);
    state.over = ROLLED_BACK;
  }
}

function transaction(storage, closure) {
  // What the closure throws undoes the transaction; it does not reset the object.
  const { life, hasAlarm, section } = storage;
  return section(() => {
    const state = { __proto__: null, life, hasAlarm, depth: ops.begin(life), over: undefined };
    const done = (value) => {
      if (state.over === undefined) {
        ops.commit(life, state.depth);
        state.over = COMMITTED;
      }
      return value;
    };
    const failed = (error) => {
      if (state.over === undefined) {
        ops.rollback(life, state.depth);
        state.over = ROLLED_BACK;
      }
      throw error;
    };
    let result;
    try {
      result = PromiseResolve(closure(new DurableObjectTransaction(inside, state)));
    } catch (error) {
      result = PromiseReject(error);
    }
    return PromisePrototypeThen(result, done, failed);
  }, false);
}

class DurableObjectStorage {
  #state;
  static stateOf(storage) {
    if (!(#state in storage)) throw illegalInvocation();
    return storage.#state;
  }

  constructor(token, state) {
    if (token !== inside) throw illegalConstructor();
    this.#state = state;
    const { life } = state;
    if (flags.workerdExperimental) {
      ObjectDefineProperty(this, "primary", {
        __proto__: null,
        value: undefined,
        writable: false,
        enumerable: true,
        configurable: true,
      });
    }
    defineLazily(this, "kv", () => createKv(life, KV_REFUSALS[ops.access(life)]));
    defineLazily(this, "sql", () => {
      const access = ops.access(life);
      return createSql(life, access === NOT_ENABLED && flags.workerdExperimental ? undefined : SQL_REFUSALS[access]);
    });
  }

  deleteAll(options = undefined) {
    if (!(#state in this)) throw illegalInvocation();
    try {
      checkOptions("DurableObjectStorage", "deleteAll", 1, options, "PutOptions");
      return PromiseResolve(ops.deleteAll(this.#state.life, flags.deleteAllDeletesAlarm));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  transaction(closure, options = undefined) {
    if (!(#state in this)) throw illegalInvocation();
    const name = "DurableObjectStorage";
    try {
      if (typeof closure !== "function") throw argumentError(name, "transaction", 1, "function");
      checkOptions(name, "transaction", 2, options, "TransactionOptions");
      if (options?.asOfTime !== undefined) {
        toMillis(options.asOfTime, () => fieldError("TransactionOptions", "asOfTime", "date"));
      }
      ops.enter(this.#state.life);
      return transaction(this.#state, closure);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  transactionSync(callback) {
    if (!(#state in this)) throw illegalInvocation();
    if (typeof callback !== "function") throw argumentError("DurableObjectStorage", "transactionSync", 1, "function");
    const { life } = this.#state;
    ops.beginSync(life);
    try {
      const result = callback();
      ops.commitSync(life);
      return result;
    } catch (error) {
      ops.rollbackSync(life);
      throw error;
    }
  }

  sync() {
    if (!(#state in this)) throw illegalInvocation();
    try {
      return ops.sync(this.#state.life);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  getCurrentBookmark() {
    if (!(#state in this)) throw illegalInvocation();
    try {
      return ops.currentBookmark(this.#state.life);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  getBookmarkForTime(timestamp) {
    if (!(#state in this)) throw illegalInvocation();
    try {
      const millis = toMillis(timestamp, () => argumentError("DurableObjectStorage", "getBookmarkForTime", 1, "date"));
      return ops.bookmarkForTime(this.#state.life, millis);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  onNextSessionRestoreBookmark(bookmark) {
    if (!(#state in this)) throw illegalInvocation();
    try {
      if (arguments.length === 0) throw argumentError("DurableObjectStorage", "onNextSessionRestoreBookmark", 1, "string");
      return ops.restoreBookmark(this.#state.life, toDOMString(bookmark));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  waitForBookmark(bookmark) {
    if (!(#state in this)) throw illegalInvocation();
    try {
      if (arguments.length === 0) throw argumentError("DurableObjectStorage", "waitForBookmark", 1, "string");
      toDOMString(bookmark);
      ops.enter(this.#state.life);
      return PromiseResolve();
    } catch (error) {
      return PromiseReject(error);
    }
  }

  snapshot() {
    if (!(#state in this)) throw illegalInvocation();
    return PromiseReject(new Error(NO_SNAPSHOTS));
  }

  onNextSessionRestore(bookmark) {
    if (!(#state in this)) throw illegalInvocation();
    try {
      if (arguments.length === 0 || isObject(bookmark)) {
        throw argumentError("DurableObjectStorage", "onNextSessionRestore", 1, "DurableObjectSnapshot or string");
      }
      return ops.restoreBookmark(this.#state.life, toDOMString(bookmark));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}

trace.instrument(DurableObjectStorage.prototype, SPAN_PREFIX, [
  "deleteAll",
  "transaction",
  "sync",
  "getCurrentBookmark",
  "waitForBookmark",
]);
for (let i = 0, Classes = [DurableObjectTransaction, DurableObjectStorage]; i < Classes.length; i++) {
  const Class = Classes[i];
  const { stateOf } = Class;
  delete Class.stateOf;
  defineOperations(Class, stateOf);
}

if (!flags.workerdExperimental) {
  delete DurableObjectStorage.prototype.waitForBookmark;
  delete DurableObjectStorage.prototype.snapshot;
  delete DurableObjectStorage.prototype.onNextSessionRestore;
}

/** `ctx.storage` of the object with this holder; `section(callback, resets)` runs a callback while no other event does. */
exports.storageOf = ({ life, hasAlarm, stores }, section) =>
  stores ? new DurableObjectStorage(inside, { __proto__: null, life, hasAlarm, section, over: undefined }) : undefined;
