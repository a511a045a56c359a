/* A KV namespace. Its operations are requests to the binding's service, which has the values. Compiled for workers that have
   one. */
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  BigInt,
  Error,
  JSONParse,
  JSONStringify,
  Map,
  MapPrototypeSet,
  ObjectKeys,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  encodeURIComponent,
} = primordials;
const {
  argumentError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toArray,
  toDictionary,
  toInt32,
  toUSVString,
} = require("webidl");
const { byteLengthOf, encodeUtf8, toBytes } = require("encoding");
const answers = require("fetch/answer");
const { TEXT_TYPE, sendable } = require("fetch/body");
const flags = require("flags");
const { checkJson } = require("memory_limit");
const streams = require("streams");
const { TAKEN, DISTURBED, asyncFailure } = require("streams/common");
const { registerUncloneable } = require("structured_clone");
const trace = require("trace");

const HOST = "https://fake-host";
const MAX_KEY_BYTES = 512;
/** How much of the keys of a bulk read its span tells. */
const MAX_TOLD_KEYS = 512;

const inside = { __proto__: null };
const NO_OPTIONS = { __proto__: null, type: undefined, cacheTtl: undefined };

let own;
let isNamespace;

class KvNamespace {
  #state;

  constructor(token, channel, name) {
    if (token !== inside) throw illegalConstructor();
    this.#state = { __proto__: null, channel, name };
  }

  static {
    isNamespace = (value) => isObject(value) && #state in value;
    own = (namespace) => {
      if (!isNamespace(namespace)) throw illegalInvocation();
      return namespace.#state;
    };
  }

  get(name, options = undefined) {
    const state = own(this);
    if (arguments.length < 1) throw argumentError("KvNamespace", "get", 1, "string or Array");
    return read(state, "kv_get", name, options, false);
  }

  list(options = undefined) {
    const state = own(this);
    try {
      const members = toListOptions(options);
      const span = open(state, "kv_list", "list");
      return trace.closeAfter(span, list(state, span, members));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  put(name, body, options = undefined) {
    const state = own(this);
    try {
      if (arguments.length < 1) throw argumentError("KvNamespace", "put", 1, "string");
      const key = toUSVString(name);
      if (arguments.length < 2) throw argumentError("KvNamespace", "put", 2, "string or Object");
      const value = isObject(body) ? body : toUSVString(body);
      const members = toPutOptions(options);
      checkKey("PUT", key);
      const span = open(state, "kv_put", "put");
      return trace.closeAfter(span, put(state, span, key, value, members));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  getWithMetadata(name, options = undefined) {
    const state = own(this);
    if (arguments.length < 1) throw argumentError("KvNamespace", "getWithMetadata", 1, "Array or string");
    return read(state, "kv_getWithMetadata", name, options, true);
  }

  delete(name) {
    const state = own(this);
    try {
      if (arguments.length < 1) throw argumentError("KvNamespace", "delete", 1, "string");
      const key = toUSVString(name);
      checkKey("DELETE", key);
      const span = open(state, "kv_delete", "delete");
      return trace.closeAfter(span, remove(state, span, key));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  deleteBulk(...args) {
    return require("rpc").callMethod(own(this).channel, "delete", args);
  }
}
if (!flags.workerdExperimental) delete KvNamespace.prototype.deleteBulk;
defineInterface(KvNamespace);
registerUncloneable((object) => (isNamespace(object) ? "A KV namespace binding cannot be serialized." : undefined));

// What users pass.

function toGetOptions(options) {
  if (options === undefined || options === null) return NO_OPTIONS;
  if (!isObject(options)) return { __proto__: null, type: toUSVString(options), cacheTtl: undefined };
  const { type, cacheTtl } = options;
  return {
    __proto__: null,
    type: type === undefined ? undefined : toUSVString(type),
    cacheTtl: cacheTtl === undefined ? undefined : toInt32(cacheTtl),
  };
}

const textOrNone = (value) => (value === undefined || value === null ? undefined : toUSVString(value));
const integerOrNone = (value) => (value === undefined ? undefined : toInt32(value));

function toListOptions(options) {
  const given = toDictionary(options, () => argumentError("KvNamespace", "list", 1, "ListOptions"));
  if (given === undefined) return { __proto__: null, limit: undefined, prefix: undefined, cursor: undefined };
  const { limit, prefix, cursor } = given;
  return { __proto__: null, limit: integerOrNone(limit), prefix: textOrNone(prefix), cursor: textOrNone(cursor) };
}

function toPutOptions(options) {
  const given = toDictionary(options, () => argumentError("KvNamespace", "put", 3, "PutOptions"));
  if (given === undefined) return { __proto__: null, expiration: undefined, expirationTtl: undefined, metadata: undefined };
  const { expiration, expirationTtl, metadata } = given;
  return {
    __proto__: null,
    expiration: integerOrNone(expiration),
    expirationTtl: integerOrNone(expirationTtl),
    metadata: metadata ?? undefined,
  };
}

function checkKey(operation, key) {
  if (key === "") throw new TypeError("Key name cannot be empty.");
  if (key === "." || key === "..") throw new TypeError(`"${key}" is not allowed as a key name.`);
  // Three bytes at most for each unit.
  if (key.length * 3 <= MAX_KEY_BYTES) return;
  const bytes = TypedArrayPrototypeGetByteLength(encodeUtf8(key));
  if (bytes > MAX_KEY_BYTES) {
    throw new Error(
      `KV ${operation} failed: 414 UTF-8 encoded length of ${bytes} exceeds key length limit of ${MAX_KEY_BYTES}.`,
    );
  }
}

const WRONG_VALUE = "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";

// URLs.

const PLAIN = /^[\w.-]*$/;
/** What a path has as it is, though `encodeURIComponent` does not. */
const KEPT_IN_PATHS = ["$", "&", "+", ",", ":", ";", "=", "@", "[", "]", "^", "|"];
/** What a query has encoded, though `encodeURIComponent` does not; a space is a plus. */
const NOT_KEPT_IN_QUERIES = ["!", "%21", "'", "%27", "(", "%28", ")", "%29", "~", "%7E", "%20", "+"];

/** A key as the one segment of a path. */
function toPath(key) {
  if (RegExpPrototypeExec(PLAIN, key) !== null) return key;
  let path = encodeURIComponent(key);
  for (let i = 0; i < KEPT_IN_PATHS.length; i++) {
    path = StringPrototypeReplaceAll(path, encodeURIComponent(KEPT_IN_PATHS[i]), KEPT_IN_PATHS[i]);
  }
  return path;
}

/** A value in a query, as forms are encoded. */
function toQuery(value) {
  let text = encodeURIComponent(value);
  for (let i = 0; i < NOT_KEPT_IN_QUERIES.length; i += 2) {
    text = StringPrototypeReplaceAll(text, NOT_KEPT_IN_QUERIES[i], NOT_KEPT_IN_QUERIES[i + 1]);
  }
  return text;
}

// Operations.

function open({ name }, operation, label) {
  const span = trace.open(undefined, operation);
  if (span !== undefined) {
    trace.set(span, "db.system.name", "cloudflare-kv", "db.operation.name", label);
    trace.set(span, "cloudflare.binding.name", name, "cloudflare.binding.type", "KV");
  }
  return span;
}

function tellKeys(span, keys, count) {
  trace.set(span, "cloudflare.kv.query.keys", keys, "cloudflare.kv.query.keys.count", BigInt(count));
}

const tell = (span, name, value) => {
  if (span !== undefined && value !== undefined && value !== null) {
    trace.set(span, name, typeof value === "number" ? BigInt(value) : value);
  }
};

function requireOk(operation, answer) {
  if (answers.isOk(answer)) return;
  answers.drop(answer);
  throw new Error(`KV ${operation} failed: ${answers.statusOf(answer)} ${answers.reasonOf(answer)}`);
}

function parse(text) {
  checkJson(text);
  return JSONParse(text);
}

/** A read of one key, or of several at once. As on workerd, what is wrong with its arguments is thrown. */
function read(state, operation, given, options, withMetadata) {
  const keys = toArray(given, toUSVString);
  const key = keys === undefined ? toUSVString(given) : undefined;
  const members = toGetOptions(options);
  const span = open(state, operation, "get");
  const result =
    keys === undefined
      ? readOne(state, span, key, members, withMetadata)
      : readMany(state, span, keys, members, withMetadata);
  return trace.closeAfter(span, result);
}

async function readOne({ channel }, span, key, { type, cacheTtl }, withMetadata) {
  checkKey("GET", key);
  if (span !== undefined) {
    tellKeys(span, key, 1);
    tell(span, "cloudflare.kv.query.type", type);
    tell(span, "cloudflare.kv.query.cache_ttl", cacheTtl);
  }
  let url = `${HOST}/${toPath(key)}?urlencoded=true`;
  if (cacheTtl !== undefined) url += `&cache_ttl=${cacheTtl}`;
  // As on workerd it may have a body, of which nobody knows beforehand that it is none.
  const headers = ["CF-KV-FLPROD-405", url, "Transfer-Encoding", "chunked"];
  const answer = await answers.askAtOnce(channel, "GET", url, headers, null, span);
  const cacheStatus = answers.headerOf(answer, "cf-cache-status");
  tell(span, "cloudflare.kv.response.cache_status", cacheStatus);
  const status = answers.statusOf(answer);
  if (status === 404 || status === 410) {
    answers.drop(answer);
    return withMetadata ? { value: null, metadata: null, cacheStatus } : null;
  }
  requireOk("GET", answer);
  const metadata = answers.headerOf(answer, "cf-kv-metadata");
  if (span !== undefined) {
    if (metadata !== null) tell(span, "cloudflare.kv.response.metadata", true);
    tellSize(span, answer);
    tell(span, "cloudflare.kv.response.returned_rows", 1);
  }
  const value = await valueOf(answer, type ?? "text");
  // Metadata that cannot be read is an error of every read.
  const parsed = metadata === null ? null : parse(metadata);
  return withMetadata ? { value, metadata: parsed, cacheStatus } : value;
}

function tellSize(span, answer) {
  const length = answers.lengthOf(answer);
  if (length >= 0) tell(span, "cloudflare.kv.response.size", length);
}

/** A value as its reader wants it, or a promise of that. */
function valueOf(answer, type) {
  switch (type) {
    case "text":
      return answers.textOf(answer);
    case "json":
      return jsonOf(answer);
    case "arrayBuffer": {
      const number = answers.bodyOf(answer);
      return number === 0 ? TypedArrayPrototypeGetBuffer(encodeUtf8("")) : bufferOf(number);
    }
    case "stream": {
      const length = answers.lengthOf(answer);
      const number = answers.bodyOf(answer);
      return number === 0 ? streams.fromBytes("") : streams.readableFromBody(number, length >= 0 ? length : undefined);
    }
    default:
      answers.drop(answer);
      throw new TypeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".');
  }
}

async function jsonOf(answer) {
  return parse(await answers.textOf(answer));
}

async function bufferOf(number) {
  return TypedArrayPrototypeGetBuffer(await streams.readBody(number, false));
}

async function readMany({ channel }, span, keys, { type, cacheTtl }, withMetadata) {
  const quoted = [];
  for (let i = 0; i < keys.length; i++) ArrayPrototypePush(quoted, JSONStringify(keys[i]));
  let body = `{"keys":[${ArrayPrototypeJoin(quoted, ",")}]`;
  if (type !== undefined && type !== "") body += `,"type":${JSONStringify(type)}`;
  if (withMetadata) body += ',"withMetadata":true';
  if (cacheTtl !== undefined) body += `,"cacheTtl":"${cacheTtl}"`;
  body += "}";
  if (span !== undefined) {
    const told = ArrayPrototypeJoin(keys, ", ");
    tellKeys(
      span,
      told.length > MAX_TOLD_KEYS ? `${StringPrototypeSlice(told, 0, MAX_TOLD_KEYS - 3)}...` : told,
      keys.length,
    );
    tell(span, "cloudflare.kv.query.type", type);
    tell(span, "cloudflare.kv.query.cache_ttl", cacheTtl);
  }
  const url = `${HOST}/bulk/get`;
  const headers = ["CF-KV-FLPROD-405", url, "Content-Type", "application/json"];
  const answer = await answers.ask(channel, "POST", url, headers, body, span);
  requireOk("GET_BULK", answer);
  const text = await answers.textOf(answer);
  if (span !== undefined) tell(span, "cloudflare.kv.response.size", TypedArrayPrototypeGetByteLength(encodeUtf8(text)));
  const found = parse(text);
  const values = new Map();
  if (!isObject(found)) return values;
  const names = ObjectKeys(found);
  let rows = 0;
  for (let i = 0; i < names.length; i++) {
    MapPrototypeSet(values, names[i], found[names[i]]);
    rows++;
  }
  tell(span, "cloudflare.kv.response.returned_rows", rows);
  return values;
}

async function list({ channel }, span, { limit, prefix, cursor }) {
  const query = [];
  if (limit !== undefined && limit > 0) ArrayPrototypePush(query, `key_count_limit=${limit}`);
  if (prefix !== undefined) ArrayPrototypePush(query, `prefix=${toQuery(prefix)}`);
  if (cursor !== undefined) ArrayPrototypePush(query, `cursor=${toQuery(cursor)}`);
  tell(span, "cloudflare.kv.query.limit", limit);
  tell(span, "cloudflare.kv.query.prefix", prefix);
  tell(span, "cloudflare.kv.query.cursor", cursor);
  const url = query.length === 0 ? HOST : `${HOST}?${ArrayPrototypeJoin(query, "&")}`;
  const headers = ["CF-KV-FLPROD-405", url, "Transfer-Encoding", "chunked"];
  const answer = await answers.askAtOnce(channel, "GET", url, headers, null, span);
  requireOk("GET", answer);
  const cacheStatus = answers.headerOf(answer, "cf-cache-status");
  tell(span, "cloudflare.kv.response.cache_status", cacheStatus);
  if (span !== undefined) tellSize(span, answer);
  const result = parse(await answers.textOf(answer));
  if (!isObject(result)) throw new Error("KV GET failed: the list of keys is no JSON object.");
  const { keys } = result;
  if (span !== undefined) tellList(span, result);
  if (ArrayIsArray(keys)) {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (isObject(key) && typeof key.metadata === "string") key.metadata = parse(key.metadata);
    }
  }
  result.cacheStatus = cacheStatus;
  return result;
}

function tellList(span, { list_complete: isComplete, cursor, expiration, keys }) {
  if (typeof isComplete === "boolean") tell(span, "cloudflare.kv.response.list_complete", isComplete);
  if (typeof cursor === "string") tell(span, "cloudflare.kv.response.cursor", cursor);
  if (typeof expiration === "number") trace.set(span, "cloudflare.kv.response.expiration", BigInt(toInt32(expiration)));
  if (ArrayIsArray(keys)) tell(span, "cloudflare.kv.response.returned_rows", keys.length);
}

async function put({ channel }, span, key, value, { expiration, expirationTtl, metadata }) {
  let url = `${HOST}/${toPath(key)}?urlencoded=true`;
  if (expiration !== undefined) url += `&expiration=${expiration}`;
  if (expirationTtl !== undefined) url += `&expiration_ttl=${expirationTtl}`;
  if (span !== undefined) {
    tellKeys(span, key, 1);
    tell(span, "cloudflare.kv.query.expiration", expiration);
    tell(span, "cloudflare.kv.query.expiration_ttl", expirationTtl);
    if (metadata !== undefined) tell(span, "cloudflare.kv.query.metadata", true);
  }
  const headers = ["CF-KV-FLPROD-405", url];
  // As on workerd, what JSON has no text for is `undefined`.
  if (metadata !== undefined) ArrayPrototypePush(headers, "CF-KV-Metadata", toHeader(`${JSONStringify(metadata)}`));
  if (typeof value === "string") ArrayPrototypePush(headers, "Content-Type", TEXT_TYPE);
  let failure;
  const body = toBody(span, value, (error) => {
    failure = { __proto__: null, error };
  });
  let answer;
  try {
    answer = await answers.ask(channel, "PUT", url, headers, body, span);
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  }
  if (failure !== undefined) {
    answers.drop(answer);
    throw failure.error;
  }
  requireOk("PUT", answer);
  await answers.drain(answer);
}

/** JSON in a header: the one control character that it may hold as it is. */
const toHeader = (json) =>
  StringPrototypeIndexOf(json, "\u007f") < 0 ? json : StringPrototypeReplaceAll(json, "\u007f", "\\u007f");

/** A value as `ask` takes it; null for no bytes. `failed` is called if it is a stream that fails. */
function toBody(span, value, failed) {
  if (typeof value === "string") {
    if (span !== undefined) tellPayload(span, "text", TypedArrayPrototypeGetByteLength(encodeUtf8(value)));
    return value === "" ? null : value;
  }
  if (streams.isReadableStream(value)) {
    if (streams.isLocked(value)) throw new TypeError(TAKEN);
    if (streams.isBegun(value)) throw new TypeError(DISTURBED);
    const length = streams.lengthOf(value);
    tellPayload(span, "ReadableStream", length);
    const number = streams.takeBody(value);
    return number === 0 ? sendable(value, length ?? -1, failed) : number;
  }
  const bytes = toBytes(value);
  if (bytes === undefined) throw new TypeError(WRONG_VALUE);
  const length = byteLengthOf(bytes);
  tellPayload(span, "ArrayBuffer", length);
  return length === 0 ? null : bytes;
}

function tellPayload(span, type, size) {
  tell(span, "cloudflare.kv.query.value_type", type);
  tell(span, "cloudflare.kv.query.payload.size", size);
}

async function remove({ channel }, span, key) {
  if (span !== undefined) tellKeys(span, key, 1);
  const url = `${HOST}/${encodeURIComponent(key)}?urlencoded=true`;
  const answer = await answers.ask(channel, "DELETE", url, ["CF-KV-FLPROD-405", url], null, span);
  requireOk("DELETE", answer);
  answers.drop(answer);
}

exports.bind = (channel, name) => new KvNamespace(inside, channel, name);
