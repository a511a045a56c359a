/*
 * Headers (Fetch section 5.1). Requests and responses keep their headers as native flat lists [name, value, ...];
 * `headersFromNative` wraps one without reading it, and `headersToFlat` hands it back untouched where nobody looked.
 * Values are strings of any characters, sent as UTF-8, as the published runtime does.
 */

// own: list, listOf(), writableListOf() (a HeaderList)
const {
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSort,
  ArrayPrototypeSplice,
  FunctionPrototypeCall,
  RegExpPrototypeExec,
  SafeMap,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  StringPrototypeToWellFormed,
  TypeError,
} = primordials;
const {
  argumentError,
  constructorError,
  defineInterface,
  defineIterator,
  illegalInvocation,
  isObject,
  toDOMString,
  toRecord,
  toSequence,
  valueError,
} = require("webidl");
const { DONE, iteratorFactory } = require("webidl/iterators");
const { registerCloneable } = require("structured_clone");
const flags = require("flags");

// Names. Few distinct ones occur, so the lower-case form of each valid spelling is remembered.

const MAX_KNOWN_NAMES = 512;
const MAX_KNOWN_NAME_CHARS = 64;
const knownNames = new SafeMap();
const notToken = /[\u0000-\u0020"(),/:;<=>?@[\\\]{}\u007f]/;
const upperCase = /[A-Z]/;
const notAscii = /[^\u0000-\u007f]/;

/** The lower-case form of a header's name; throws if it is none. Only ASCII letters have case. */
function keyOf(name) {
  const known = knownNames.get(name);
  return known === undefined ? learnName(name) : known;
}

function learnName(name) {
  if (RegExpPrototypeExec(notToken, name) !== null) throw new TypeError("Invalid header name.");
  const key = RegExpPrototypeExec(notAscii, name) === null ? StringPrototypeToLowerCase(name) : lowerAscii(name);
  if (knownNames.size < MAX_KNOWN_NAMES && name.length <= MAX_KNOWN_NAME_CHARS) knownNames.set(name, key);
  return key;
}

function lowerAscii(name) {
  let result = "";
  for (let i = 0; i < name.length; i++) {
    const char = name[i];
    result += RegExpPrototypeExec(upperCase, char) === null ? char : StringPrototypeToLowerCase(char);
  }
  return result;
}

// Values.

const notInValue = /[\0\r\n]/;

const isSpace = (code) => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;

/** A value without the white space around it; throws if it cannot be sent. */
function normalizeValue(value) {
  let end = value.length;
  let start = 0;
  while (start < end && isSpace(StringPrototypeCharCodeAt(value, start))) start++;
  while (end > start && isSpace(StringPrototypeCharCodeAt(value, end - 1))) end--;
  const trimmed = start === 0 && end === value.length ? value : StringPrototypeSlice(value, start, end);
  if (RegExpPrototypeExec(notInValue, trimmed) !== null) throw new TypeError("Invalid header value.");
  return StringPrototypeToWellFormed(trimmed);
}

// The list. An entry holds one name with its values in the order they came; `name` is the spelling that came first.

/** From this many names on, lookups go through a map. */
const MAP_FROM_NAMES = 16;

class HeaderList {
  entries = [];
  map = null;

  find(key) {
    if (this.map !== null) return this.map.get(key);
    const entries = this.entries;
    for (let i = 0; i < entries.length; i++) if (entries[i].key === key) return entries[i];
    return undefined;
  }

  append(key, name, value) {
    const entry = this.find(key);
    if (entry !== undefined) {
      ArrayPrototypePush((entry.more ??= []), value);
      return;
    }
    const created = { __proto__: null, key, name, value, more: null };
    ArrayPrototypePush(this.entries, created);
    if (this.map !== null) this.map.set(key, created);
    else if (this.entries.length > MAP_FROM_NAMES) {
      this.map = new SafeMap();
      for (let i = 0; i < this.entries.length; i++) this.map.set(this.entries[i].key, this.entries[i]);
    }
  }

  set(key, name, value) {
    const entry = this.find(key);
    if (entry === undefined) return this.append(key, name, value);
    entry.value = value;
    entry.more = null;
  }

  delete(key) {
    const entries = this.entries;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].key !== key) continue;
      ArrayPrototypeSplice(entries, i, 1);
      if (this.map !== null) this.map.delete(key);
      return;
    }
  }

  clone() {
    const copy = new HeaderList();
    for (let i = 0; i < this.entries.length; i++) {
      const { key, name, value, more } = this.entries[i];
      copy.append(key, name, value);
      if (more !== null) copy.entries[i].more = ArrayPrototypeSlice(more);
    }
    return copy;
  }

  flatten() {
    const flat = [];
    for (let i = 0; i < this.entries.length; i++) {
      const { name, value, more } = this.entries[i];
      ArrayPrototypePush(flat, name);
      ArrayPrototypePush(flat, value);
      if (more === null) continue;
      for (let j = 0; j < more.length; j++) {
        ArrayPrototypePush(flat, name);
        ArrayPrototypePush(flat, more[j]);
      }
    }
    return flat;
  }
}

const joined = (entry) => {
  if (entry.more === null) return entry.value;
  return `${entry.value}, ${ArrayPrototypeJoin(entry.more, ", ")}`;
};

const allValues = (entry) => {
  const values = [entry.value];
  if (entry.more !== null) for (let i = 0; i < entry.more.length; i++) ArrayPrototypePush(values, entry.more[i]);
  return values;
};

/** [key, value] pairs as iteration shows them: sorted, values combined, each cookie on its own. */
function displayed(list) {
  const pairs = [];
  for (let i = 0; i < list.entries.length; i++) {
    const entry = list.entries[i];
    if (entry.more !== null && entry.key === "set-cookie" && flags.httpHeadersGetSetCookie) {
      const values = allValues(entry);
      for (let j = 0; j < values.length; j++) ArrayPrototypePush(pairs, ["set-cookie", values[j]]);
    } else {
      ArrayPrototypePush(pairs, [entry.key, joined(entry)]);
    }
  }
  return ArrayPrototypeSort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
}

// The class.

const MUTABLE = "none";
const IMMUTABLE = "immutable";

let listOf;
let writableListOf;
let guardOf;
let setGuard;
let isHeaders;
let nativeOf;
let adopt;

class Headers {
  /** A HeaderList, or null while only `#native` is there. */
  #list = null;
  /** A flat list from the runtime, or a function that gives it; null once read. */
  #native = null;
  #guard = MUTABLE;

  constructor(init) {
    if (init !== undefined) fill(this, init);
  }

  static {
    const parse = (headers) => {
      const list = new HeaderList();
      const native = headers.#native;
      headers.#list = list;
      headers.#native = null;
      if (native === null) return list;
      const flat = typeof native === "function" ? native() : native;
      for (let i = 0; i + 1 < flat.length; i += 2) list.append(keyOf(flat[i]), flat[i], flat[i + 1]);
      return list;
    };
    listOf = (headers) => {
      let list;
      try {
        list = headers.#list;
      } catch {
        throw illegalInvocation();
      }
      return list === null ? parse(headers) : list;
    };
    writableListOf = (headers) => {
      if (guardOf(headers) !== MUTABLE) throw new TypeError("Can't modify immutable headers.");
      return listOf(headers);
    };
    guardOf = (headers) => {
      try {
        return headers.#guard;
      } catch {
        throw illegalInvocation();
      }
    };
    setGuard = (headers, guard) => {
      headers.#guard = guard;
    };
    isHeaders = (value) => isObject(value) && #list in value;
    /** The native flat list of headers that nobody has read or changed, else null. */
    nativeOf = (headers) => headers.#native;
    adopt = (headers, native, list) => {
      headers.#native = native;
      headers.#list = list;
      return headers;
    };
  }

  get(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("Headers", "get", 1, "string");
    const entry = list.find(keyOf(toDOMString(name)));
    return entry === undefined ? null : joined(entry);
  }

  getAll(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("Headers", "getAll", 1, "string");
    if (StringPrototypeToLowerCase(toDOMString(name)) !== "set-cookie") {
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return cookies(list);
  }

  getSetCookie() {
    return cookies(listOf(this));
  }

  has(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("Headers", "has", 1, "string");
    return list.find(keyOf(toDOMString(name))) !== undefined;
  }

  set(name, value) {
    guardOf(this);
    if (arguments.length < 2) throw argumentError("Headers", "set", arguments.length + 1, "string");
    name = toDOMString(name);
    value = toDOMString(value);
    const list = writableListOf(this);
    value = normalizeValue(value);
    list.set(keyOf(name), name, value);
  }

  append(name, value) {
    guardOf(this);
    if (arguments.length < 2) throw argumentError("Headers", "append", arguments.length + 1, "string");
    name = toDOMString(name);
    value = toDOMString(value);
    const list = writableListOf(this);
    value = normalizeValue(value);
    list.append(keyOf(name), name, value);
  }

  delete(name) {
    guardOf(this);
    if (arguments.length < 1) throw argumentError("Headers", "delete", 1, "string");
    name = toDOMString(name);
    writableListOf(this).delete(keyOf(name));
  }

  forEach(callback, thisArg) {
    const list = listOf(this);
    if (typeof callback !== "function") throw argumentError("Headers", "forEach", 1, "function");
    const receiver = thisArg === null ? undefined : thisArg;
    const pairs = displayed(list);
    for (let i = 0; i < pairs.length; i++) FunctionPrototypeCall(callback, receiver, pairs[i][1], pairs[i][0], this);
  }

  entries() {
    const pairs = displayed(listOf(this));
    let i = 0;
    return entryIterator(() => (i < pairs.length ? pairs[i++] : DONE));
  }

  keys() {
    const pairs = displayed(listOf(this));
    let i = 0;
    return keyIterator(() => (i < pairs.length ? pairs[i++][0] : DONE));
  }

  values() {
    const pairs = displayed(listOf(this));
    let i = 0;
    return valueIterator(() => (i < pairs.length ? pairs[i++][1] : DONE));
  }
}

const entryIterator = iteratorFactory("EntryIterator");
const keyIterator = iteratorFactory("KeyIterator");
const valueIterator = iteratorFactory("ValueIterator");

const cookies = (list) => {
  const entry = list.find("set-cookie");
  return entry === undefined ? [] : allValues(entry);
};

function appendChecked(list, name, value) {
  const normalized = normalizeValue(value);
  list.append(keyOf(name), name, normalized);
}

const toPair = (pair) => {
  const items = toSequence(pair, toDOMString);
  if (items === undefined) throw valueError("Sequence");
  if (items.length !== 2) {
    throw new TypeError(
      "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.",
    );
  }
  return items;
};

function fill(headers, init) {
  if (isHeaders(init)) {
    copyInto(headers, init);
    return;
  }
  if (!isObject(init)) throw constructorError("Headers", 1, "Headers or Sequence or object");
  const pairs = toSequence(init, toPair);
  if (pairs !== undefined) {
    const list = listOf(headers);
    for (let i = 0; i < pairs.length; i++) appendChecked(list, pairs[i][0], pairs[i][1]);
    return;
  }
  const flat = toRecord(init, toDOMString, toDOMString);
  const list = listOf(headers);
  for (let i = 0; i < flat.length; i += 2) appendChecked(list, flat[i], flat[i + 1]);
}

/** Lists from the runtime are never changed in place, so copies share one. */
function copyInto(headers, source) {
  const native = nativeOf(source);
  if (native !== null) return adopt(headers, native, null);
  return adopt(headers, null, listOf(source).clone());
}

defineInterface(Headers, {
  inspect: { __proto__: null, immutable: (headers) => guardOf(headers) !== MUTABLE },
});
defineIterator(Headers, "entries");

// For the request path.

/** Headers over a native flat list, or over a function that gives one when somebody looks. */
function headersFromNative(native, guard = MUTABLE) {
  const headers = adopt(new Headers(), native, null);
  setGuard(headers, guard);
  return headers;
}

/** The flat list [name, value, ...] with names spelled as they first came. The caller does not change it. */
function headersToFlat(headers) {
  const native = nativeOf(headers);
  if (native !== null) return typeof native === "function" ? native() : native;
  return listOf(headers).flatten();
}

/** A copy with a guard of its own. */
function cloneHeaders(headers, guard = MUTABLE) {
  const copy = new Headers();
  copyInto(copy, headers);
  setGuard(copy, guard);
  return copy;
}

registerCloneable({
  is: isHeaders,
  write: (headers) => [guardOf(headers), headersToFlat(headers)],
  read: (fields) => headersFromNative(fields[1], fields[0]),
  stored: {
    tag: 4,
    write: (headers) => {
      const flat = headersToFlat(headers);
      const fields = [guardOf(headers) === MUTABLE ? STORED_MUTABLE : STORED_IMMUTABLE, flat.length / 2];
      for (let i = 0; i < flat.length; i += 2) ArrayPrototypePush(fields, 0, flat[i], flat[i + 1]);
      return fields;
    },
    read: (fields) => {
      const flat = [];
      for (let i = 1; i < fields.length; i += 2) {
        ArrayPrototypePush(flat, fields[i] === 0 ? fields[++i] : (STORED_NAMES[fields[i]] ?? ""), fields[i + 1]);
      }
      return headersFromNative(flat, fields[0] === STORED_IMMUTABLE ? IMMUTABLE : MUTABLE);
    },
  },
});

const STORED_IMMUTABLE = 0;
const STORED_MUTABLE = 3;

/** What numbers stand for in stored headers, as the published runtime writes them. */
const STORED_NAMES = [
  undefined,
  "accept-charset",
  "accept-encoding",
  "accept-language",
  "accept-ranges",
  "accept",
  "access-control-allow-origin",
  "age",
  "allow",
  "authorization",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "link",
  "location",
  "max-forwards",
  "proxy-authenticate",
  "proxy-authorization",
  "range",
  "referer",
  "refresh",
  "retry-after",
  "server",
  "set-cookie",
  "strict-transport-security",
  "transfer-encoding",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
];

exports.Headers = Headers;
exports.IMMUTABLE = IMMUTABLE;
exports.MUTABLE = MUTABLE;
exports.cloneHeaders = cloneHeaders;
/** The combined value for a name in lower case, or null. */
exports.getHeader = (headers, key) => {
  const entry = listOf(headers).find(key);
  return entry === undefined ? null : joined(entry);
};
exports.hasHeader = (headers, key) => listOf(headers).find(key) !== undefined;
exports.guardOf = guardOf;
exports.headersFromNative = headersFromNative;
exports.headersToFlat = headersToFlat;
/** Pairs [name, value] as a worker sees them: names in lower case and in order, the values of each but cookies joined. */
exports.headerPairs = (headers) => displayed(listOf(headers));
exports.isHeaders = (value) => isHeaders(value);
const { set } = Headers.prototype;
/** What the method does, whatever a worker has put in its place. */
exports.set = (headers, name, value) => FunctionPrototypeCall(set, headers, name, value);
/** Sets whatever the guard says; `name` and `value` are already valid. */
exports.setHeader = (headers, name, value) => listOf(headers).set(keyOf(name), name, value);
exports.deleteHeader = (headers, key) => listOf(headers).delete(key);
exports.globals = { Headers };
exports.install = function (global, compat) {
  if (!compat.httpHeadersGetSetCookie) delete Headers.prototype.getSetCookie;
};
