/* The Request class, and requests at the isolate's border. */
const { Error, JSONParse, JSONStringify, SafeWeakMap, StringPrototypeToUpperCase, TypeError } = primordials;
const flags = require("flags");
const { Headers, MUTABLE, IMMUTABLE, cloneHeaders, headersFromNative, headersToFlat } = require("headers");
const { defineInterface, isObject, constructorError, fieldError } = require("webidl");
const { abortSignal, createSignal, isAbortSignal } = require("abort");
const { retryableException } = require("dom_exception");
const { eventNumber, onClientGone } = require("event");
const {
  Body,
  NOTHING,
  bodyOfParts,
  bodyParts,
  cloneBody,
  contentOf,
  emptyBody,
  extractBody,
  hasBody,
  isUsed,
  moveBody,
  nativeBody,
  setBody,
  setType,
} = require("fetch/body");
const { parseHref } = require("url/href");

const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "PURGE",
  "OPTIONS",
  "TRACE",
  "COPY",
  "LOCK",
  "MKCOL",
  "MOVE",
  "PROPFIND",
  "PROPPATCH",
  "SEARCH",
  "UNLOCK",
  "ACL",
  "REPORT",
  "MKACTIVITY",
  "CHECKOUT",
  "MERGE",
  "MSEARCH",
  "NOTIFY",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "QUERY",
  "BAN",
];
const KNOWN = { __proto__: null };
for (let i = 0; i < METHODS.length; i++) KNOWN[METHODS[i]] = true;
/** Methods that are spelled in capitals whatever the flag says. */
const NORMALIZED = { __proto__: null, GET: true, HEAD: true, POST: true, PUT: true, DELETE: true, OPTIONS: true };
const CACHE_MODES = { __proto__: null, "no-store": true, "no-cache": true, reload: true };

const USED_BODY = "Cannot reconstruct a Request with a used body.";

let isFetcher;
let stateOf, makeRequest;

class State {
  method = "GET";
  url = "";
  /** A Headers object, or null while nobody has looked; then `head` is what the op takes. */
  headers = null;
  head = 0;
  redirect = "follow";
  fetcher = null;
  /** The signal the constructor was given; `signal` is what the getter shows. */
  given = null;
  signal = null;
  /** What an event's request shares with its copies: the signal that tells of a client that goes away, once asked for. */
  client = null;
  /** JSON text until somebody looks. */
  cf = undefined;
  cfText = undefined;
  cache = undefined;
  /** Whether responses to it are decoded as their headers say. */
  encodeResponseBody = "automatic";
}

class Request extends Body {
  #state;

  constructor(input, init = undefined) {
    super();
    if (input === inside) return;
    if (arguments.length === 0) throw constructorError("Request", 1, "Request or string");
    const state = (this.#state = new State());
    let content = null;
    const from = isRequest(input) ? input : null;
    const other = from === null ? null : stateOf(from);
    if (from !== null) {
      copyState(state, other, from);
    } else {
      state.url = toUrl(`${input}`);
    }
    let body;
    if (init !== undefined && init !== null) {
      if (!isObject(init)) throw constructorError("Request", 2, "RequestInitializerDict or Request");
      if (isRequest(init)) {
        copyInit(state, stateOf(init), init);
        // As of any dictionary: also if it is null.
        body = init.body;
      } else body = readInit(state, init);
    }
    if (body !== undefined && body !== null) {
      // A client may have sent GET with one, which is passed on.
      if (!isRequest(init) && (state.method === "GET" || state.method === "HEAD")) {
        throw new TypeError("Request with a GET or HEAD method cannot have a body.");
      }
      content = extractBody(body);
      if (content.type !== null) {
        state.headers ??= new Headers();
        setType(state.headers, content);
      }
    } else if (from !== null && body !== null) {
      const theirs = contentOf(from);
      if (isUsed(theirs)) throw new TypeError(USED_BODY);
      content = theirs.kind === NOTHING ? null : moveBody(theirs);
    }
    setBody(this, content ?? nativeBody(0, 0), state.headers);
  }

  clone() {
    const state = stateOf(this);
    const content = cloneBody(contentOf(this));
    const copy = new State();
    copyState(copy, state, this);
    return makeRequest(copy, content);
  }

  get method() {
    return stateOf(this).method;
  }

  get url() {
    return stateOf(this).url;
  }

  get headers() {
    return headers(this, stateOf(this));
  }

  get redirect() {
    return stateOf(this).redirect;
  }

  get fetcher() {
    return stateOf(this).fetcher;
  }

  get signal() {
    const state = stateOf(this);
    state.signal ??= state.given ?? (state.client === null ? createSignal() : clientSignal(state.client));
    return state.signal;
  }

  get cf() {
    return cf(stateOf(this));
  }

  get integrity() {
    stateOf(this);
    return "";
  }

  get keepalive() {
    stateOf(this);
    return false;
  }

  get cache() {
    return stateOf(this).cache;
  }

  static {
    stateOf = (request) => {
      if (!(#state in request)) contentOf({});
      return request.#state;
    };
    makeRequest = (state, content) => {
      const request = new Request(inside);
      request.#state = state;
      setBody(request, content, state.headers);
      return request;
    };
  }
}
const inside = { __proto__: null };
defineInterface(Request);

/** Signals that abort when an event's client goes away. */
const clientSignals = new SafeWeakMap();

function clientSignal(client) {
  if (client.signal === null) {
    const signal = (client.signal = createSignal());
    clientSignals.set(signal, true);
    onClientGone(client.event, () => abortSignal(signal, retryableException("The client has disconnected", "AbortError")));
  }
  return client.signal;
}

/** The signal that a request sent on obeys. Those of an event's client end its event, not what the event asked others for. */
function subrequestSignal(state) {
  const signal =
    state.given ?? (state.client !== null && flags.requestSignalPassthrough ? clientSignal(state.client) : null);
  if (signal === null || flags.requestSignalPassthrough || !clientSignals.has(signal)) return signal;
  return null;
}

function headers(request, state) {
  if (state.headers === null) {
    state.headers = state.head === 0 ? new Headers() : headersFromNative(ops.requestHeaders(state.head), IMMUTABLE);
    setBody(request, contentOf(request), state.headers);
  }
  return state.headers;
}

function cf(state) {
  if (state.cfText !== undefined) {
    try {
      state.cf = JSONParse(state.cfText);
    } catch {
      state.cf = undefined;
    }
    state.cfText = undefined;
  }
  return state.cf;
}

function toUrl(text) {
  // Before the flag any text does, until it is fetched.
  if (!flags.fetchStandardUrl) return text;
  const href = parseHref(text);
  if (href === undefined) throw new TypeError(`Invalid URL: ${text}`);
  return href;
}

function toMethod(value) {
  const text = `${value}`;
  if (KNOWN[text]) return text;
  const upper = StringPrototypeToUpperCase(text);
  if (flags.upperCaseAllHttpMethods ? KNOWN[upper] : NORMALIZED[upper]) return upper;
  throw new TypeError(`Invalid HTTP method string: ${text}`);
}

function copyState(state, other, request) {
  state.method = other.method;
  state.url = other.url;
  state.headers = cloneHeaders(headers(request, other), MUTABLE);
  state.redirect = other.redirect;
  state.fetcher = other.fetcher;
  state.given = other.given;
  state.client = other.client;
  const value = cf(other);
  state.cf = value === undefined ? undefined : JSONParse(JSONStringify(value));
  state.cache = other.cache;
  state.encodeResponseBody = other.encodeResponseBody;
}

function copyInit(state, other, request) {
  state.method = other.method;
  state.headers = cloneHeaders(headers(request, other), MUTABLE);
  state.redirect = other.redirect;
  state.given = other.given;
  state.client = other.client;
  state.cf = cf(other);
  state.cache = other.cache;
  state.encodeResponseBody = other.encodeResponseBody;
}

const has = (value) => value !== undefined && value !== null;

/** Reads the dictionary in upstream's order; returns its body. */
function readInit(state, init) {
  const { method, headers: given, body, redirect, fetcher, cf: cfInit, cache, integrity, signal, encodeResponseBody } = init;
  if (method !== undefined) state.method = toMethod(method);
  if (given !== undefined) {
    if (!isObject(given)) throw fieldError("RequestInitializerDict", "headers", "Headers or Sequence or object");
    state.headers = new Headers(given);
  }
  if (redirect !== undefined) {
    state.redirect = `${redirect}`;
    if (state.redirect !== "follow" && state.redirect !== "manual") {
      throw new TypeError(
        'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make sense at the edge; use "manual" and check the response status code).',
      );
    }
  }
  if (has(fetcher)) {
    if (!isFetcher(fetcher)) throw fieldError("RequestInitializerDict", "fetcher", "Fetcher");
    state.fetcher = fetcher;
  }
  if (cfInit !== undefined) {
    if (!isObject(cfInit)) throw fieldError("RequestInitializerDict", "cf", "Object");
    state.cf = cfInit;
    state.cfText = undefined;
  }
  if (cache !== undefined) {
    if (!flags.cacheOptionEnabled) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
    const mode = `${cache}`;
    if (!CACHE_MODES[mode] || (mode === "no-cache" && !flags.cacheNoCache) || (mode === "reload" && !flags.cacheReload)) {
      throw new TypeError(`Unsupported cache mode: ${mode}`);
    }
    state.cache = mode;
  }
  if (has(integrity) && `${integrity}` !== "") {
    throw new TypeError(
      "Subrequest integrity checking is not implemented. The integrity option must be either undefined or an empty string.",
    );
  }
  if (signal === null) state.given = state.client = null;
  else if (signal !== undefined) {
    if (!isAbortSignal(signal)) throw fieldError("RequestInitializerDict", "signal", "AbortSignal");
    state.given = signal;
  }
  if (encodeResponseBody !== undefined) {
    state.encodeResponseBody = `${encodeResponseBody}`;
    if (state.encodeResponseBody !== "automatic" && state.encodeResponseBody !== "manual") {
      throw new TypeError(`encodeResponseBody: unexpected value: ${state.encodeResponseBody}`);
    }
  }
  if (cfInit !== undefined) checkCacheControl(cfInit, cache);
  return body;
}

/** What `cf` says of caching must not be said twice. */
function checkCacheControl(cf, cache) {
  if (cf.cacheControl === undefined) return;
  if (cf.cacheTtl !== undefined) {
    throw new TypeError(
      "The 'cacheControl' and 'cacheTtl' options on cf are mutually exclusive. Use 'cacheControl' for explicit Cache-Control header directives, or 'cacheTtl' for a simplified TTL, but not both.",
    );
  }
  if (cache !== undefined) {
    throw new TypeError(
      "The 'cacheControl' option on cf cannot be used together with the 'cache' request option. The 'cache' option ('no-store'/'no-cache') maps to cache TTL behavior internally, which conflicts with explicit Cache-Control directives.",
    );
  }
}

/** How long `cacheTtl` has what must not be stored live. */
const NO_STORE_TTL = -1;

/** `cf` as it is sent, in JSON, or undefined: it says by `cacheControl` what `cacheTtl` and the request's `cache` say. */
function cfText(state) {
  const value = cf(state);
  if (
    state.cache === undefined &&
    (value === undefined || value.cacheControl !== undefined || value.cacheTtl === undefined)
  ) {
    return value === undefined ? undefined : JSONStringify(value);
  }
  const sent = value === undefined ? { __proto__: null } : JSONParse(JSONStringify(value));
  if (state.cache === "no-store") {
    if (sent.cacheTtl === undefined) sent.cacheTtl = NO_STORE_TTL;
    else if (sent.cacheTtl !== NO_STORE_TTL) {
      throw new TypeError(`CacheTtl: ${sent.cacheTtl}, is not compatible with cache: no-store header.`);
    }
  }
  if (state.cache === "no-store" || state.cache === "reload") sent.cacheLevel = "bypass";
  if (state.cache === "no-cache") sent.cacheForceRevalidate = true;
  if (sent.cacheControl === undefined) {
    if (state.cache !== undefined) {
      if (state.cache !== "reload") sent.cacheControl = state.cache;
    } else if (sent.cacheTtl === NO_STORE_TTL) sent.cacheControl = "no-store";
    else if (sent.cacheTtl === (sent.cacheTtl | 0)) sent.cacheControl = `max-age=${sent.cacheTtl}`;
  }
  return JSONStringify(sent);
}

const isRequest = (value) => {
  if (!isObject(value) || !hasBody(value)) return false;
  try {
    stateOf(value);
    return true;
  } catch {
    return false;
  }
};

/** The request that an event brings; its headers stay native until somebody looks. */
function nativeRequest(head, method, url, body, length, cfText) {
  const state = new State();
  state.head = head;
  state.method = method;
  state.url = url;
  state.cfText = cfText;
  // A worker that passes its request on leaves redirects to its client.
  state.redirect = "manual";
  if (flags.enableRequestSignal) state.client = { __proto__: null, signal: null, event: eventNumber() };
  return makeRequest(state, body === 0 && length === 0 ? emptyBody() : nativeBody(body, length));
}

/** The request, or one like it without the body where that is used up. */
function withoutUsedBody(request) {
  if (!isUsed(contentOf(request))) return request;
  const copy = new State();
  copyState(copy, stateOf(request), request);
  return makeRequest(copy, nativeBody(0, 0));
}

/** A request as values that can be cloned, and from them. Its body is used up. */
function requestParts(request) {
  const state = stateOf(request);
  const flat = headersToFlat(headers(request, state));
  const signal = flags.abortSignalRpc ? subrequestSignal(state) : null;
  return [state.method, state.url, flat, state.redirect, cf(state), state.cache, signal, bodyParts(contentOf(request))];
}

function requestOfParts(parts) {
  const state = new State();
  state.method = parts[0];
  state.url = parts[1];
  state.headers = headersFromNative(parts[2], MUTABLE);
  state.redirect = parts[3];
  state.cf = parts[4];
  state.cache = parts[5];
  state.given = parts[6];
  return makeRequest(state, bodyOfParts(parts[7]));
}

exports.USED_BODY = USED_BODY;
exports.cannotLoad = (url) => `Fetch API cannot load: ${url}`;
/** `rpc` says what a service's stub is. */
exports.setFetchers = (is) => {
  isFetcher = is;
};
exports.requestOfParts = requestOfParts;
exports.requestParts = requestParts;
exports.Request = Request;
exports.isRequest = isRequest;
exports.nativeRequest = nativeRequest;
exports.requestState = (request) => stateOf(request);
exports.requestHeaders = (request) => headersToFlat(headers(request, stateOf(request)));
exports.requestCfText = cfText;
exports.withoutUsedBody = withoutUsedBody;
exports.subrequestSignal = subrequestSignal;
exports.globals = { Request };
exports.install = (global, compat) => {
  if (!compat.cacheOptionEnabled) delete Request.prototype.cache;
};
