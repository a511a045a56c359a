/* `fetch`: to the global outbound, and to services through their channels. Follows redirects. */
"use strict";
const {
  ArrayPrototypePush, JSONStringify, Promise, PromisePrototypeThen, PromiseRace, PromiseReject, StringPrototypeToLowerCase,
  StringPrototypeStartsWith, TypeError, markPromiseHandled,
} = primordials;
const flags = require("flags");
const { Request, isRequest, requestState, requestHeaders, requestCf, subrequestSignal } = require("fetch/request");
const { EXTENSIONS, asksForWebSocket, receivedResponse } = require("fetch/response");
const { contentOf, sendable, takeBody } = require("fetch/body");
const { argumentError } = require("webidl");
const { abortReason, addAlgorithm, isAborted } = require("abort");
const { joinHref, originOf } = require("fetch/href");

/** Channels that every worker has. */
const GLOBAL_OUTBOUND = 0;
/** As in the Fetch standard and workerd. */
const MAX_REDIRECTS = 20;

const isRedirect = (status) =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** Headers that describe a body, dropped when a redirect drops it. */
const BODY_HEADERS = {
  __proto__: null, "content-type": true, "content-length": true, "content-encoding": true, "content-language": true,
  "content-location": true, "transfer-encoding": true,
};

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

function locationOf(flat) {
  for (let i = 0; i < flat.length; i += 2) {
    if (StringPrototypeToLowerCase(flat[i]) === "location") return flat[i + 1];
  }
  return null;
}

async function follow(channel, request, cancel) {
  const state = requestState(request);
  let { method, url } = state;
  let headers = requestHeaders(request);
  if (!flags.webSocketCompression && asksForWebSocket(headers)) headers = without(headers, { __proto__: null, [EXTENSIONS]: true });
  const content = contentOf(request);
  const held = takeBody(content);
  // What is in memory can be sent again; a stream cannot.
  let body = held;
  let redirects = 0;
  const cfValue = requestCf(state);
  const cf = cfValue === undefined ? undefined : JSONStringify(cfValue);
  for (;;) {
    const parts = await ops.fetch(channel, method, url, headers, sendable(body, -1), cf, cancel);
    const status = parts[0];
    const location = state.redirect === "follow" && isRedirect(status) ? locationOf(parts[2]) : null;
    if (location === null) return receivedResponse(parts, url, redirects > 0);
    if (++redirects > MAX_REDIRECTS) throw new TypeError(`Too many redirects; last redirect was to: ${location}`);
    const next = joinHref(location, url);
    if (next === undefined) throw new TypeError(`Invalid Location header; unable to follow redirect: ${location}`);
    if (parts[3] !== 0) ops.cancel(parts[3]);
    if (flags.stripAuthorizationOnCrossOriginRedirect && originOf(next) !== originOf(url)) {
      headers = without(headers, { __proto__: null, authorization: true });
    }
    url = next;
    const toGet = status === 303 ? method !== "GET" && method !== "HEAD" : method === "POST" && (status === 301 || status === 302);
    if (toGet) {
      method = "GET";
      body = null;
      headers = without(headers, BODY_HEADERS);
    } else if (body !== null && typeof body !== "string" && (typeof body === "number" || !primordials.ArrayBufferIsView(body))) {
      throw new TypeError(
        "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer.",
      );
    }
  }
}

/** Fetches through a channel; `init` is the dictionary, if there is one. */
function fetchThrough(channel, input, init) {
  let request;
  try {
    request = isRequest(input) && init === undefined ? input : new Request(input, init);
    const { url } = requestState(request);
    if (channel === GLOBAL_OUTBOUND && !StringPrototypeStartsWith(url, "http:") && !StringPrototypeStartsWith(url, "https:")) {
      if (StringPrototypeStartsWith(url, "data:")) return require("fetch/data_url").fetchData(url);
      if (flags.fetchRefusesUnknownProtocols) throw new TypeError(`Fetch API cannot load: ${url}`);
    }
    const { fetcher } = requestState(request);
    if (fetcher !== null && channel === GLOBAL_OUTBOUND) return fetcher.fetch(request);
  } catch (error) {
    return PromiseReject(error);
  }
  const signal = subrequestSignal(requestState(request));
  if (signal === null) return follow(channel, request, undefined);
  if (isAborted(signal)) return PromiseReject(abortReason(signal));
  const cancel = ops.openCancel();
  let forget;
  const aborted = new Promise((resolve, reject) => {
    forget = addAlgorithm(signal, () => {
      ops.cancelFetch(cancel);
      reject(abortReason(signal));
    });
  });
  markPromiseHandled(aborted);
  const followed = follow(channel, request, cancel);
  PromisePrototypeThen(followed, forget, forget);
  return PromiseRace([followed, aborted]);
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
