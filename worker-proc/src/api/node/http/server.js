/*
 * node:_http_server: a server that listens on a port of the isolate's table, and gets requests by `cloudflare:node`.
 */

const {
  ArrayPrototypePush,
  FunctionPrototypeCall,
  MathMin,
  PromiseWithResolvers,
  ReflectHas,
  SafeSet,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeSplit,
  Symbol,
  SymbolAsyncDispose,
} = primordials;
const EventEmitter = require("node:events").default;
const { tcpPorts } = require("cloudflare-internal:http");
const {
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_OPTION_NOT_IMPLEMENTED,
  ERR_OUT_OF_RANGE,
  ERR_SERVER_ALREADY_LISTEN,
} = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");
const {
  validateBoolean,
  validateFunction,
  validateInteger,
  validateNumber,
  validateObject,
  validatePort,
} = require("node/common/validators");
const { getDefaultHighWaterMark } = require("node/streams/state");
const { headerPairs } = require("headers");
const { globals: timers, queueMicrotask } = require("timers");
const { currentURL } = require("url");
const flags = require("flags");
const { _normalizeArgs, bindPort } = require("node/net/address");
const { STATUS_CODES, kIncomingMessage, kServerResponse } = require("node/http/constants");
const { IncomingMessage, setBody, setPeer } = require("node:_http_incoming");
const { kUniqueHeaders, parseUniqueHeadersOption } = require("node:_http_outgoing");
const { ServerResponse, responseOf } = require("node/http/response");

const kConnectionsCheckingInterval = Symbol("http.server.connectionsCheckingInterval");
const LOCALHOST = "127.0.0.1";

/** Fields that may come once: of several lines the first counts. */
const FORBIDDEN = new SafeSet(
  StringPrototypeSplit(
    "authorization content-type from host if-modified-since if-unmodified-since location max-forwards proxy-authorization " +
      "referer user-agent",
    " ",
  ),
);

/** A field's value up to the first comma that is in no quotes. */
function firstOf(value) {
  let isQuoted = false;
  for (let i = 0; i < value.length; i++) {
    const char = StringPrototypeCharCodeAt(value, i);
    if (char === QUOTE) isQuoted = !isQuoted;
    else if (char === BACKSLASH && isQuoted) i++;
    else if (char === COMMA && !isQuoted) return StringPrototypeSlice(value, 0, i);
  }
  return value;
}
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

class Server extends EventEmitter {
  [kIncomingMessage] = IncomingMessage;
  [kServerResponse] = ServerResponse;
  [kConnectionsCheckingInterval];
  [kUniqueHeaders] = null;
  httpAllowHalfOpen = false;
  timeout = 0;
  maxHeadersCount = null;
  maxRequestsPerSocket = 0;
  connectionsCheckingInterval = 30_000;
  requestTimeout = 300_000;
  headersTimeout = 60_000;
  requireHostHeader = false;
  joinDuplicateHeaders = false;
  rejectNonStandardBodyWrites = false;
  keepAliveTimeout = 5000;
  keepAliveTimeoutBuffer = 1000;
  highWaterMark = getDefaultHighWaterMark();
  #port = null;
  #handler = { fetch: (request, env, ctx) => this.#serve(request, env, ctx) };

  constructor(options, requestListener) {
    if (!flags.enableNodejsHttpServerModules) throw new ERR_METHOD_NOT_IMPLEMENTED("Server");
    super({ captureRejections: true });
    let listener = requestListener;
    if (options !== undefined && options !== null) {
      FunctionPrototypeCall(storeHTTPOptions, this, options);
      if (options.highWaterMark !== undefined) {
        validateNumber(options.highWaterMark, "options.highWaterMark");
        if (options.highWaterMark > 0) this.highWaterMark = options.highWaterMark;
      }
      if (typeof options === "function") listener = options;
      else validateObject(options, "options");
    }
    if (listener) this.on("request", listener);
    this[kUniqueHeaders] = parseUniqueHeadersOption(options?.uniqueHeaders);
  }

  async #serve(request, env, ctx) {
    const { incoming, response } = this.#open(request, env, ctx);
    try {
      this.emit("connection", this, incoming);
      this.emit("request", incoming, response);
      return await responseOf(response);
    } catch (error) {
      response.destroy(error);
      throw error;
    }
  }

  #open(request, env, ctx) {
    const incoming = new this[kIncomingMessage]();
    setPeer(incoming, request.headers, this.#port);
    const URL = currentURL();
    const { pathname, search } = new URL(request.url);
    incoming.url = pathname + search;
    const lines = [];
    const pairs = headerPairs(request.headers);
    for (let i = 0; i < pairs.length; i++) {
      const { 0: name, 1: value } = pairs[i];
      ArrayPrototypePush(lines, name, FORBIDDEN.has(name) ? firstOf(value) : value);
    }
    incoming._addHeaderLines(lines, lines.length);
    incoming.method = request.method;
    setBody(incoming, request.body);
    incoming.cloudflare = { env, ctx };
    if (ReflectHas(request, "cf")) incoming.cloudflare.cf = request.cf;
    const { highWaterMark, rejectNonStandardBodyWrites } = this;
    const response = new this[kServerResponse](incoming, { highWaterMark, rejectNonStandardBodyWrites });
    if (request.method === "HEAD") response._hasBody = false;
    return { incoming, response };
  }

  [EventEmitter.captureRejectionSymbol](error, event, ...args) {
    if (event === "request") {
      args[1].destroy(error);
    } else if (event === "error") {
      queueMicrotask(() => {
        throw error;
      });
    } else {
      this.emit("error", error);
    }
  }

  listen(...args) {
    const { 0: options, 1: callback } = _normalizeArgs(args);
    const { port: wanted } = options;
    const isGiven = typeof wanted === "number" || typeof wanted === "string";
    const port = isGiven ? validatePort(wanted, "options.port") : 0;
    if (this.#port !== null) throw new ERR_SERVER_ALREADY_LISTEN();
    if (callback !== null) this.once("listening", callback);
    this.#port = bindPort(typeof options.host === "string" ? options.host : LOCALHOST, port);
    tcpPorts.setHandler(this.#port, this.#handler);
    queueMicrotask(() => this.emit("listening"));
    return this;
  }

  close(callback) {
    httpServerPreClose(this);
    if (this.#port !== null) {
      tcpPorts.clearHandler(this.#port, this.#handler);
      tcpPorts.release(this.#port);
      this.#port = null;
    }
    if (typeof callback === "function") this.once("close", callback);
    queueMicrotask(() => this.emit("close"));
    return this;
  }

  closeAllConnections() {}

  closeIdleConnections() {}

  setTimeout(msecs, callback) {
    if (typeof msecs === "number") this.timeout = msecs;
    const listener = typeof msecs === "function" ? msecs : callback;
    if (typeof listener === "function") this.once("timeout", listener);
    return this;
  }

  getConnections(callback) {
    if (callback) {
      validateFunction(callback, "callback");
      queueMicrotask(() => callback(null, 0));
    }
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  get listening() {
    return this.#port !== null;
  }

  address() {
    return this.#port === null ? null : { port: this.#port, family: "IPv4", address: LOCALHOST };
  }

  get maxConnections() {
    return Infinity;
  }

  get connections() {
    return 0;
  }

  async [SymbolAsyncDispose]() {
    const { promise, resolve } = PromiseWithResolvers();
    this.close(resolve);
    return promise;
  }
}

/** Options of which only the value is checked. */
function refuse(options, name, min = undefined) {
  if (options[name] === undefined) return;
  validateInteger(options[name], name, min);
  throw new ERR_OPTION_NOT_IMPLEMENTED(name);
}

function milliseconds(options, name, otherwise) {
  if (options[name] === undefined) return otherwise;
  validateInteger(options[name], name, 0);
  return options[name];
}

function checkedBoolean(options, name, otherwise) {
  if (options[name] === undefined) return otherwise;
  validateBoolean(options[name], `options.${name}`);
  return options[name];
}

function storeHTTPOptions(options) {
  this[kIncomingMessage] = options.IncomingMessage || IncomingMessage;
  this[kServerResponse] = options.ServerResponse || ServerResponse;
  refuse(options, "maxHeaderSize", 0);
  checkedBoolean(options, "insecureHTTPParser");
  this.requestTimeout = milliseconds(options, "requestTimeout", 300_000);
  this.headersTimeout = milliseconds(options, "headersTimeout", MathMin(60_000, this.requestTimeout));
  if (this.requestTimeout > 0 && this.headersTimeout > this.requestTimeout) {
    throw new ERR_OUT_OF_RANGE("headersTimeout", "<= requestTimeout", options.headersTimeout);
  }
  refuse(options, "keepAliveTimeout", 0);
  refuse(options, "keepAliveTimeoutBuffer");
  refuse(options, "connectionsCheckingInterval", 0);
  this.requireHostHeader = checkedBoolean(options, "requireHostHeader", true);
  this.joinDuplicateHeaders = checkedBoolean(options, "joinDuplicateHeaders", false);
  this.rejectNonStandardBodyWrites = checkedBoolean(options, "rejectNonStandardBodyWrites", false);
}

function httpServerPreClose(server) {
  server.closeIdleConnections();
  timers.clearInterval(server[kConnectionsCheckingInterval]);
}

const server = {
  STATUS_CODES,
  Server,
  ServerResponse,
  setupConnectionsTracking: unsupported("setupConnectionsTracking"),
  storeHTTPOptions,
  _connectionListener: unsupported("_connectionListener"),
  kServerResponse,
  httpServerPreClose,
  kConnectionsCheckingInterval,
};

exports.module = { __proto__: null, ...server, default: server };
exports.Server = Server;
exports.ServerResponse = ServerResponse;
exports._connectionListener = server._connectionListener;
