/* `fetch`: to the global outbound, and to services through their channels. Follows redirects. */
const {
  ArrayBufferIsView,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  PromisePrototypeThen,
  PromiseReject,
  StringPrototypeToLowerCase,
  RegExpPrototypeExec,
  TypeError,
} = primordials;
const flags = require("flags");
const {
  Request,
  USED_BODY,
  cannotLoad,
  isRequest,
  requestCfText,
  requestHeaders,
  requestState,
  subrequestSignal,
} = require("fetch/request");
const { EXTENSIONS, asksForWebSocket, receivedResponse } = require("fetch/response");
const { contentOf, isUsed, sendable, takeBody } = require("fetch/body");
const { cancelBody } = require("streams");
const { argumentError } = require("webidl");
const { abortReason, addAlgorithm, isAborted } = require("abort");
const trace = require("trace");
const { cutFragment, joinHref, originOf, parseHref, targetOf, withoutFragment } = require("url/href");

/** Channels that every worker has. */
const GLOBAL_OUTBOUND = 0;
const DATA = /^\s*data:/i;
const HTTP = /^https?:\/\/[^/?#\\]+([/?#]|$)/i;
/** As on workerd, what has a host is taken for HTTP. */
const WITH_HOST = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]/i;
/** To follow a redirect an authority is enough: what it is of is the service's to know. */
const WITH_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\//i;
/** As in the Fetch standard and workerd. */
const MAX_REDIRECTS = 20;

const isRedirect = (status) => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** Dropped when a redirect drops the body. As in workerd, what describes it stays. */
const BODY_HEADERS = { __proto__: null, "content-length": true, "transfer-encoding": true };

function without(flat, drop) {
  const kept = [];
  for (let i = 0; i < flat.length; i += 2) {
    if (drop[StringPrototypeToLowerCase(flat[i])] === undefined) {
      ArrayPrototypePush(kept, flat[i]);
      ArrayPrototypePush(kept, flat[i + 1]);
    }
  }
  return kept;
}

/** Headers that ask caches on the way for a fresh answer, where they say nothing of it. */
function withoutCache(flat) {
  const names = ["cache-control", "pragma"];
  const result = without(flat, { __proto__: null });
  for (let i = 0; i < names.length; i++) {
    let said = false;
    for (let j = 0; j < flat.length; j += 2) said ||= StringPrototypeToLowerCase(flat[j]) === names[i];
    if (!said) ArrayPrototypePush(result, names[i], "no-cache");
  }
  return result;
}

function locationOf(flat) {
  for (let i = 0; i < flat.length; i += 2) {
    if (StringPrototypeToLowerCase(flat[i]) === "location") return flat[i + 1];
  }
  return null;
}

const { STATUS, HEADERS, BODY, BODY_LENGTH, WEB_SOCKET } = ops.Received;

/** `cancel` ends the op that is under way when `signal` aborts; `target` is the service as tail workers know it. */
async function follow(channel, request, cancel, signal, target) {
  const state = requestState(request);
  let { method } = state;
  let url = withoutFragment(state.url);
  let headers = requestHeaders(request);
  if (!flags.webSocketCompression && asksForWebSocket(headers))
    headers = without(headers, { __proto__: null, [EXTENSIONS]: true });
  const content = contentOf(request);
  const held = takeBody(content);
  // What is in memory can be sent again; a stream cannot.
  let body = held;
  const urls = [url];
  const cf = requestCfText(state);
  if (state.cache !== undefined) headers = withoutCache(headers);
  for (;;) {
    if (signal !== null && isAborted(signal)) throw abortReason(signal);
    const span = trace.openFetch(target, method, url, headers, body);
    let parts;
    try {
      parts = await ops.fetch(channel, method, targetOf(url), headers, sendable(body, -1), cf, cancel, span);
    } catch (error) {
      trace.close(span);
      throw error;
    }
    trace.answered(span, parts[STATUS], parts[HEADERS], parts[BODY_LENGTH], parts[WEB_SOCKET]);
    const status = parts[STATUS];
    const location = state.redirect === "follow" && isRedirect(status) ? locationOf(parts[HEADERS]) : null;
    if (location === null) {
      return receivedResponse(parts, url, urls.length > 1, state.encodeResponseBody, method === "HEAD");
    }
    const next = joinHref(location, url);
    if (next === undefined || RegExpPrototypeExec(WITH_AUTHORITY, next) === null) {
      throw new TypeError("Invalid Location header; unable to follow redirect.");
    }
    if (urls.length > MAX_REDIRECTS) throw new TypeError(`Too many redirects.${ArrayPrototypeJoin(urls, ", ")}`);
    if (parts[BODY] !== 0) cancelBody(parts[BODY]);
    if (flags.stripAuthorizationOnCrossOriginRedirect && originOf(next) !== originOf(url)) {
      headers = without(headers, { __proto__: null, authorization: true });
    }
    url = cutFragment(next);
    ArrayPrototypePush(urls, url);
    if (status !== 303 && body !== null && typeof body !== "string" && !ArrayBufferIsView(body)) {
      throw new TypeError(
        "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer.",
      );
    }
    const toGet =
      status === 303 ? method !== "GET" && method !== "HEAD" : method === "POST" && (status === 301 || status === 302);
    if (toGet) {
      method = "GET";
      body = null;
      headers = without(headers, BODY_HEADERS);
    }
  }
}

/** Fetches through a channel; `init` is the dictionary, if there is one, `target` the Fetcher's state. */
function fetchThrough(channel, input, init, target) {
  let request;
  try {
    request = isRequest(input) && init === undefined ? input : new Request(input, init);
    if (isUsed(contentOf(request))) throw new TypeError(USED_BODY);
    const { url } = requestState(request);
    const data = RegExpPrototypeExec(DATA, url) === null ? undefined : parseHref(url);
    if (data !== undefined) return require("fetch/data_url").fetchData(data);
    if (RegExpPrototypeExec(flags.fetchRefusesUnknownProtocols ? HTTP : WITH_HOST, url) === null) {
      throw new TypeError(cannotLoad(url));
    }
    const { fetcher } = requestState(request);
    if (fetcher !== null && channel === GLOBAL_OUTBOUND) return fetcher.fetch(request);
  } catch (error) {
    return PromiseReject(error);
  }
  const signal = subrequestSignal(requestState(request));
  if (signal === null) return follow(channel, request, undefined, null, target);
  if (isAborted(signal)) {
    takeBody(contentOf(request));
    return PromiseReject(abortReason(signal));
  }
  const cancel = ops.openCancel();
  const forget = addAlgorithm(signal, () => ops.cancelFetch(cancel));
  return PromisePrototypeThen(
    follow(channel, request, cancel, signal, target),
    (response) => {
      PromisePrototypeThen(ops.cancelEnds(cancel), forget, forget);
      // It came while the signal was aborting.
      if (isAborted(signal)) throw abortReason(signal);
      return response;
    },
    (error) => {
      forget();
      throw isAborted(signal) ? abortReason(signal) : error;
    },
  );
}

function fetch(input, init = undefined) {
  if (arguments.length === 0) {
    return PromiseReject(argumentError("ServiceWorkerGlobalScope", "fetch", 1, "Request or string"));
  }
  return fetchThrough(GLOBAL_OUTBOUND, input, init);
}

exports.GLOBAL_OUTBOUND = GLOBAL_OUTBOUND;
exports.fetchThrough = fetchThrough;
exports.globals = { fetch };
