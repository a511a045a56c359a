/*
 * URLSearchParams (URL section 6.2). One that belongs to a URL writes every change back to it, and takes the URL's new
 * query when that is assigned. Relies on `url/form`; `url` makes the ones that belong to a URL.
 */

const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  ArrayPrototypeSplice,
  FunctionPrototypeCall,
  StringPrototypeSlice,
  TypeError,
} = primordials;
const {
  argumentError,
  defineInterface,
  defineIterator,
  illegalInvocation,
  isObject,
  toRecord,
  toSequence,
  toUSVString,
  valueError,
} = require("webidl");
const { DONE, iteratorFactory } = require("webidl/iterators");
const { parseForm, serializeForm } = require("url/form");
const flags = require("flags");

let listOf;
let changed;
let bind;
let reset;
let isURLSearchParams;

class URLSearchParams {
  /** Flat: [name, value, name, value...]. */
  #list;
  /** Called with the new query when this belongs to a URL. */
  #onChange = null;

  constructor(init) {
    this.#list = init === undefined ? [] : fromInit(init);
  }

  static {
    listOf = (params) => {
      try {
        return params.#list;
      } catch {
        throw illegalInvocation();
      }
    };
    changed = (params) => {
      const onChange = params.#onChange;
      if (onChange !== null) onChange(serializeForm(params.#list));
    };
    reset = (params, query) => {
      params.#list = parseForm(query);
    };
    isURLSearchParams = (value) => isObject(value) && #list in value;
    bind = (params, onChange) => {
      params.#onChange = onChange;
    };
  }

  get size() {
    return listOf(this).length / 2;
  }

  append(name, value) {
    const list = listOf(this);
    if (arguments.length < 2) throw argumentError("URLSearchParams", "append", arguments.length + 1, "USVString");
    name = toUSVString(name);
    value = toUSVString(value);
    ArrayPrototypePush(list, name);
    ArrayPrototypePush(list, value);
    changed(this);
  }

  delete(name, value) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("URLSearchParams", "delete", 1, "USVString");
    name = toUSVString(name);
    const wanted = wantedValue(value);
    for (let i = list.length - 2; i >= 0; i -= 2) {
      if (list[i] === name && (wanted === undefined || list[i + 1] === wanted)) ArrayPrototypeSplice(list, i, 2);
    }
    changed(this);
  }

  get(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("URLSearchParams", "get", 1, "USVString");
    name = toUSVString(name);
    for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1];
    return null;
  }

  getAll(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("URLSearchParams", "getAll", 1, "USVString");
    name = toUSVString(name);
    const values = [];
    for (let i = 0; i < list.length; i += 2) if (list[i] === name) ArrayPrototypePush(values, list[i + 1]);
    return values;
  }

  has(name, value) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("URLSearchParams", "has", 1, "USVString");
    name = toUSVString(name);
    const wanted = wantedValue(value);
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === name && (wanted === undefined || list[i + 1] === wanted)) return true;
    }
    return false;
  }

  set(name, value) {
    const list = listOf(this);
    if (arguments.length < 2) throw argumentError("URLSearchParams", "set", arguments.length + 1, "USVString");
    name = toUSVString(name);
    value = toUSVString(value);
    let found = false;
    for (let i = 0; i < list.length; ) {
      if (list[i] !== name) {
        i += 2;
      } else if (found) {
        ArrayPrototypeSplice(list, i, 2);
      } else {
        found = true;
        list[i + 1] = value;
        i += 2;
      }
    }
    if (!found) {
      ArrayPrototypePush(list, name);
      ArrayPrototypePush(list, value);
    }
    changed(this);
  }

  sort() {
    const list = listOf(this);
    const pairs = [];
    for (let i = 0; i < list.length; i += 2) ArrayPrototypePush(pairs, [list[i], list[i + 1]]);
    ArrayPrototypeSort(pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    for (let i = 0; i < pairs.length; i++) {
      list[2 * i] = pairs[i][0];
      list[2 * i + 1] = pairs[i][1];
    }
    changed(this);
  }

  entries() {
    listOf(this);
    let i = 0;
    return entryIterator(() => {
      const list = listOf(this);
      if (i >= list.length) return DONE;
      i += 2;
      return [list[i - 2], list[i - 1]];
    });
  }

  keys() {
    listOf(this);
    let i = 0;
    return keyIterator(() => {
      const list = listOf(this);
      if (i >= list.length) return DONE;
      i += 2;
      return list[i - 2];
    });
  }

  values() {
    listOf(this);
    let i = 0;
    return valueIterator(() => {
      const list = listOf(this);
      if (i >= list.length) return DONE;
      i += 2;
      return list[i - 1];
    });
  }

  forEach(callback, thisArg) {
    listOf(this);
    if (typeof callback !== "function") throw argumentError("URLSearchParams", "forEach", 1, "function");
    const receiver = thisArg === null ? undefined : thisArg;
    for (let i = 0; i < listOf(this).length; i += 2) {
      const list = listOf(this);
      FunctionPrototypeCall(callback, receiver, list[i + 1], list[i], this);
    }
  }

  toString() {
    return serializeForm(listOf(this));
  }
}

const entryIterator = iteratorFactory("EntryIterator");
const keyIterator = iteratorFactory("KeyIterator");
const valueIterator = iteratorFactory("ValueIterator");

/** The second argument of `has` and `delete`, which older compatibility dates ignore. */
const wantedValue = (value) =>
  value === undefined || !flags.urlSearchParamsDeleteHasValueArg ? undefined : toUSVString(value);

const toPair = (pair) => {
  const items = toSequence(pair, toUSVString);
  if (items === undefined) throw valueError("Sequence");
  return items;
};

const NO_PAIR = "Invalid URL search params sequence.";
const NO_PAIR_ORIGINALLY =
  "To initialize a URLSearchParams object from an array-of-arrays, each inner array must have exactly two elements.";

function fromInit(init) {
  if (!isObject(init)) {
    const text = toUSVString(init);
    return parseForm(text[0] === "?" ? StringPrototypeSlice(text, 1) : text);
  }
  const pairs = toSequence(init, toPair);
  if (pairs === undefined) return toRecord(init, toUSVString, toUSVString);
  const list = [];
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i].length !== 2) throw new TypeError(flags.specCompliantUrl ? NO_PAIR : NO_PAIR_ORIGINALLY);
    ArrayPrototypePush(list, pairs[i][0]);
    ArrayPrototypePush(list, pairs[i][1]);
  }
  return list;
}

defineInterface(URLSearchParams);
defineIterator(URLSearchParams, "entries");

/** Parameters of a URL's query; `onChange(query)` hears of every change. */
function searchParamsOf(query, onChange) {
  const params = new URLSearchParams();
  reset(params, query);
  bind(params, onChange);
  return params;
}

exports.URLSearchParams = URLSearchParams;
exports.isURLSearchParams = isURLSearchParams;
exports.resetSearchParams = reset;
exports.searchParamsOf = searchParamsOf;
exports.globals = { URLSearchParams };
