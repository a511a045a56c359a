/* The Cache API: `caches`, CacheStorage and Cache.
 *
 * A cache is a service that the config names. It is asked with GET and `only-if-cached`, told with PUT, whose body is a
 * whole HTTP response, and made to forget with PURGE. It tells by CF-Cache-Status whether it had what was asked for.
 */
const {
  ArrayPrototypePush,
  ArrayPrototypeUnshift,
  BigInt,
  Error,
  ObjectDefineProperty,
  PromiseResolve,
  ReflectApply,
  RegExpPrototypeExec,
  StringPrototypeIncludes,
  StringPrototypeReplaceAll,
  StringPrototypeToLowerCase,
  StringPrototypeToWellFormed,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  encodeURIComponent,
} = primordials;
const {
  argumentError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  notImplemented,
} = require("webidl");
const { encodeUtf8, joinBytes } = require("encoding");
const { TAKEN, asyncFailure } = require("streams/common");
const { getHeader } = require("headers");
const { STREAM, contentOf, isRecoded, isUnusable, isUsed, sendable, sendableAs, takeBody } = require("fetch/body");
const answers = require("fetch/answer");
const { Request, isRequest, requestCfText, requestHeaders, requestState } = require("fetch/request");
const {
  headerOf,
  isResponse,
  receivedResponse,
  responseCoding,
  responseHead,
  responseHeaders,
  responseType,
} = require("fetch/response");
const { lengthOf, prepend } = require("streams");
const trace = require("trace");

/** The channel that every worker has for its cache. */
const CACHE = 1;
const MAX_NAME_BYTES = 1023;
/** Headers that belong to a connection: a stored response has none of them. */
const CONNECTION_HEADERS = {
  __proto__: null,
  connection: true,
  "content-length": true,
  "keep-alive": true,
  te: true,
  trailer: true,
  "transfer-encoding": true,
  upgrade: true,
};

const kCreate = { __proto__: null };

/** The request that an argument stands for. */
const toRequest = (info) => (isRequest(info) ? info : new Request(info));

/** The arguments of `match` and `delete`, converted: the request's info and whether its method counts. */
function queryArguments(args, method) {
  if (args.length < 1) throw argumentError("Cache", method, 1, "Request or string");
  const info = isRequest(args[0]) ? args[0] : `${args[0]}`;
  const options = args[1];
  if (options === undefined || options === null) return { __proto__: null, info, ignoreMethod: undefined };
  if (!isObject(options)) throw argumentError("Cache", method, 2, "CacheQueryOptions");
  const { ignoreMethod } = options;
  return { __proto__: null, info, ignoreMethod: ignoreMethod === undefined ? undefined : !!ignoreMethod };
}

const KEY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+([/?#]|$)/i;

function keyOf(state) {
  if (RegExpPrototypeExec(KEY, state.url) === null) {
    throw new TypeError("Invalid URL. Cache API keys must be fully-qualified, valid URLs.");
  }
  return state.url;
}

/** A request's headers, with one in the place of what they say of it, and the cache's name. */
function headersWith(request, name, value, cacheName) {
  const given = requestHeaders(request);
  const flat = [];
  const replaced = StringPrototypeToLowerCase(name);
  for (let i = 0; i < given.length; i += 2) {
    const key = StringPrototypeToLowerCase(given[i]);
    if (key !== replaced && !(cacheName !== null && key === "cf-cache-namespace")) {
      ArrayPrototypePush(flat, given[i], given[i + 1]);
    }
  }
  if (value !== undefined) ArrayPrototypePush(flat, name, value);
  if (cacheName !== null) ArrayPrototypePush(flat, "CF-Cache-Namespace", encodeURIComponent(cacheName));
  return flat;
}

function requireCache() {
  if (!ops.isConfigured(CACHE)) throw new Error("No Cache was configured");
}

/** Does an operation in a span that tells of it. */
async function measured(name, operate, cacheName, ...args) {
  const span = trace.open(undefined, name);
  try {
    ArrayPrototypeUnshift(args, span, cacheName);
    return await ReflectApply(operate, undefined, args);
  } finally {
    trace.close(span);
  }
}

function tellRequest(span, { url, method }) {
  trace.set(span, "cache.request.url", url, "cache.request.method", method);
}

async function match(span, cacheName, { info, ignoreMethod }) {
  trace.set(span, "cache.request.ignore_method", ignoreMethod);
  const request = toRequest(info);
  const state = requestState(request);
  tellRequest(span, state);
  if (!ignoreMethod && state.method !== "GET") return undefined;
  requireCache();
  if (span !== undefined) {
    const asked = requestHeaders(request);
    trace.set(
      span,
      "cache.request.header.range",
      headerOf(asked, "range") ?? undefined,
      "cache.request.header.if_modified_since",
      headerOf(asked, "if-modified-since") ?? undefined,
      "cache.request.header.if_none_match",
      headerOf(asked, "if-none-match") ?? undefined,
    );
  }
  const cf = requestCfText(state);
  const headers = headersWith(request, "Cache-Control", "only-if-cached", cacheName);
  const answer = await answers.ask(CACHE, "GET", keyOf(state), headers, null, undefined, cf);
  const found = answers.headerOf(answer, "cf-cache-status");
  const length = answers.lengthOf(answer);
  trace.set(
    span,
    "cache.response.status_code",
    BigInt(answers.statusOf(answer)),
    "cache.response.body.size",
    length >= 0 ? BigInt(length) : undefined,
    "cache.response.cache_status",
    found ?? undefined,
    "cache.response.success",
    found === "HIT",
  );
  if (found !== "HIT") {
    answers.drop(answer);
    return undefined;
  }
  return receivedResponse(answer, "", false);
}

async function forget(span, cacheName, { info, ignoreMethod }) {
  trace.set(span, "cache.request.ignore_method", ignoreMethod);
  const request = toRequest(info);
  const state = requestState(request);
  tellRequest(span, state);
  if (!ignoreMethod && state.method !== "GET") return false;
  requireCache();
  const cf = requestCfText(state);
  const headers = headersWith(request, "X-Real-IP", "127.0.0.1", cacheName);
  const answer = await answers.ask(CACHE, "PURGE", keyOf(state), headers, null, undefined, cf);
  answers.drop(answer);
  const status = answers.statusOf(answer);
  trace.set(span, "cache.response.status_code", BigInt(status), "cache.response.success", status === 200);
  if (status === 200) return true;
  if (status === 404) return false;
  if (status === 429) throw new Error("Unable to delete cached response. Subrequests are being rate-limited.");
  throw new Error("Unable to delete cached response.");
}

/** A response's status line and headers as HTTP/1.1 has them, before a body of `length` bytes, -1 if that is unknown. */
function serializeHead({ status, statusText, headers }, length) {
  let text = `HTTP/1.1 ${status} ${statusText}\r\n`;
  text += length >= 0 ? `Content-Length: ${length}\r\n` : "Transfer-Encoding: chunked\r\n";
  for (let i = 0; i < headers.length; i += 2) {
    if (CONNECTION_HEADERS[StringPrototypeToLowerCase(headers[i])] === undefined) {
      text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    }
  }
  return encodeUtf8(`${text}\r\n`);
}

/** A response as the body of a PUT; it is used up. `failed` is called if it is a stream that fails, `sized` with its bytes. */
function serialize(response, failed, sized) {
  const head = responseHead(response);
  const content = contentOf(response);
  if (!isUsed(content) && isUnusable(content)) throw new TypeError(TAKEN);
  const coding = responseCoding(response);
  const recoded = isRecoded(content, coding);
  const length = recoded ? -1 : content.length;
  let body = recoded ? sendableAs(content, coding, -1, failed) : takeBody(content, coding);
  const headFor = (size) => {
    const bytes = serializeHead(head, size);
    if (size >= 0) sized(TypedArrayPrototypeGetByteLength(bytes) + size);
    return bytes;
  };
  if (body === null) return headFor(0);
  if (typeof body === "string") body = encodeUtf8(body);
  if (typeof body === "number") return prepend(headFor(length), body);
  if (content.kind !== STREAM) return joinBytes([headFor(TypedArrayPrototypeGetByteLength(body)), body]);
  const size = lengthOf(body) ?? -1;
  return prepend(headFor(size), sendable(body, size, failed));
}

/** Headers of a response that a span tells. */
const TOLD = ["cache-control", "cache-tag", "etag", "expires", "last-modified"];

async function put(span, cacheName, info, response) {
  const request = toRequest(info);
  const state = requestState(request);
  if (state.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
  const { status } = responseHead(response);
  tellRequest(span, state);
  trace.set(span, "cache.request.payload.status_code", BigInt(status));
  if (status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
  const vary = getHeader(responseHeaders(response), "vary");
  if (vary !== null && StringPrototypeIncludes(vary, "*")) {
    throw new TypeError("Cannot cache response with 'Vary: *' header.");
  }
  // As on workerd: conditional requests get them, others must not.
  if (status === 304) return;
  let failure;
  if (span !== undefined) {
    const told = responseHeaders(response);
    for (let i = 0; i < TOLD.length; i++) {
      const name = `cache.request.payload.header.${StringPrototypeReplaceAll(TOLD[i], "-", "_")}`;
      trace.set(span, name, getHeader(told, TOLD[i]) ?? undefined);
    }
  }
  const body = serialize(
    response,
    (error) => {
      failure = { error };
    },
    (size) => trace.set(span, "cache.request.payload.size", BigInt(size)),
  );
  requireCache();
  const headers = headersWith(request, "Content-Length", undefined, cacheName);
  try {
    const answer = await answers.ask(CACHE, "PUT", keyOf(state), headers, body, undefined, requestCfText(state));
    answers.drop(answer);
    trace.set(span, "cache.response.success", answers.statusOf(answer) === 204);
  } catch (error) {
    trace.set(span, "cache.response.success", false);
    if (failure === undefined) throw error;
  }
  if (failure !== undefined) throw failure.error;
}

class Cache {
  #name;

  constructor(secret, name) {
    if (secret !== kCreate) throw illegalConstructor();
    this.#name = name;
  }

  static #nameOf(cache) {
    if (!isObject(cache) || !(#name in cache)) throw illegalInvocation();
    return cache.#name;
  }

  add() {
    throw notImplemented("Cache", "add");
  }

  addAll() {
    throw notImplemented("Cache", "addAll");
  }

  delete(request, options) {
    try {
      const name = Cache.#nameOf(this);
      return measured("cache_delete", forget, name, queryArguments(arguments, "delete"));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  match(request, options) {
    try {
      const name = Cache.#nameOf(this);
      return measured("cache_match", match, name, queryArguments(arguments, "match"));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  put(request, response) {
    try {
      const name = Cache.#nameOf(this);
      if (arguments.length < 1) throw argumentError("Cache", "put", 1, "Request or string");
      const info = isRequest(request) ? request : `${request}`;
      if (!isResponse(response)) throw argumentError("Cache", "put", 2, "Response");
      if (responseType(response) === "error") throw new TypeError("Cache is unable to store an error response");
      return measured("cache_put", put, name, info, response);
    } catch (error) {
      return asyncFailure(error);
    }
  }

  matchAll() {
    throw notImplemented("Cache", "matchAll");
  }

  keys() {
    throw notImplemented("Cache", "keys");
  }
}

class CacheStorage {
  #own = true;

  constructor(secret) {
    if (secret !== kCreate) throw illegalConstructor();
    ObjectDefineProperty(this, "default", {
      __proto__: null,
      value: new Cache(kCreate, null),
      writable: false,
      enumerable: true,
      configurable: true,
    });
  }

  open(cacheName) {
    try {
      if (!isObject(this) || !(#own in this)) throw illegalInvocation();
      if (arguments.length < 1) throw argumentError("CacheStorage", "open", 1, "string");
      const name = StringPrototypeToWellFormed(`${cacheName}`);
      if (TypedArrayPrototypeGetByteLength(encodeUtf8(name)) > MAX_NAME_BYTES) {
        throw new TypeError("Cache name is too long.");
      }
      return PromiseResolve(new Cache(kCreate, name));
    } catch (error) {
      return asyncFailure(error);
    }
  }

  delete() {
    throw notImplemented("CacheStorage", "delete");
  }

  match() {
    throw notImplemented("CacheStorage", "match");
  }

  has() {
    throw notImplemented("CacheStorage", "has");
  }

  keys() {
    throw notImplemented("CacheStorage", "keys");
  }
}

defineInterface(Cache);
defineInterface(CacheStorage);

exports.globals = { Cache, CacheStorage, caches: new CacheStorage(kCreate) };
