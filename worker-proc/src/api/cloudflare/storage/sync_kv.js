/* `ctx.storage.kv`: keys and values at once, with no promise. */
const { BigInt, Error, TypeError } = primordials;
const {
  argumentError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDOMString,
  toInt32,
} = require("webidl");
const { DONE, iteratorFactory } = require("webidl/iterators");
const trace = require("trace");

const inside = { __proto__: null };
const listIterator = iteratorFactory("ListIterator");

const optional = (value) => (value === undefined ? undefined : toDOMString(value));

/** The arguments that the listing ops take after the life, of `list`'s only one. */
function listArguments(type, options) {
  if (options === undefined || options === null) return [undefined, undefined, undefined, undefined, false, undefined];
  if (!isObject(options)) throw argumentError(type, "list", 1, "ListOptions");
  const start = optional(options.start);
  const startAfter = optional(options.startAfter);
  const end = optional(options.end);
  const prefix = optional(options.prefix);
  const reverse = !!options.reverse;
  const { limit } = options;
  return [start, startAfter, end, prefix, reverse, limit === undefined ? undefined : toInt32(limit)];
}

/** Throws where the arguments contradict one another. */
function checkListArguments(given) {
  if (given[0] !== undefined && given[1] !== undefined) {
    throw new TypeError("list() cannot be called with both start and startAfter values.");
  }
  if (given[5] !== undefined && given[5] <= 0) throw new TypeError("List limit must be positive.");
}

/** Tells tail workers of an operation on one key, or on none. */
function note(operation, key) {
  if (!trace.isOn()) return;
  trace.note("db.system.name", "cloudflare-durable-object-sql", "db.operation.name", operation);
  if (key !== undefined) trace.note(`${QUERY}keys`, key, `${QUERY}keys.count`, 1n);
}
const QUERY = "cloudflare.durable_object.kv.query.";

/** Tells of a listing's arguments, of those that were given. */
function noteList(given, options) {
  trace.note(
    `${QUERY}start`,
    given[0],
    `${QUERY}startAfter`,
    given[1],
    `${QUERY}end`,
    given[2],
    `${QUERY}prefix`,
    given[3],
    `${QUERY}reverse`,
    isObject(options) && options.reverse !== undefined ? given[4] : undefined,
    `${QUERY}limit`,
    given[5] === undefined ? undefined : BigInt(given[5]),
  );
}

class SyncKvStorage {
  #life;
  /** Why it may not be used, if it may not. */
  #refusal;

  constructor(token, life, refusal) {
    if (token !== inside) throw illegalConstructor();
    this.#life = life;
    this.#refusal = refusal;
  }

  #check() {
    if (this.#refusal !== undefined) throw new Error(this.#refusal);
  }

  get(key) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SyncKvStorage", "get", 1, "string");
    const name = toDOMString(key);
    this.#check();
    note("get", name);
    return ops.get(this.#life, name);
  }

  list(options = undefined) {
    if (!(#life in this)) throw illegalInvocation();
    const given = listArguments("SyncKvStorage", options);
    this.#check();
    note("list", undefined);
    if (trace.isOn()) noteList(given, options);
    checkListArguments(given);
    const life = this.#life;
    const cursor = ops.cursor(life, given[0], given[1], given[2], given[3], given[4], given[5]);
    return listIterator(() => ops.cursorNext(life, cursor) ?? DONE);
  }

  put(key, value) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SyncKvStorage", "put", 1, "string");
    const name = toDOMString(key);
    if (arguments.length === 1) throw argumentError("SyncKvStorage", "put", 2, "Value");
    this.#check();
    note("put", name);
    ops.put(this.#life, name, value, true);
  }

  delete(key) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SyncKvStorage", "delete", 1, "string");
    const name = toDOMString(key);
    this.#check();
    note("delete", name);
    const deleted = ops.delete(this.#life, name, true);
    if (trace.isOn()) trace.note("cloudflare.durable_object.kv.response.deleted_count", deleted ? 1n : 0n);
    return deleted;
  }
}
trace.instrument(SyncKvStorage.prototype, "durable_object_storage_kv_", ["get", "list", "put", "delete"]);
defineInterface(SyncKvStorage);

exports.checkListArguments = checkListArguments;
exports.createKv = (life, refusal) => new SyncKvStorage(inside, life, refusal);
exports.listArguments = listArguments;
