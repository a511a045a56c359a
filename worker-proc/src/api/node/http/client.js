/*
 * node:_http_client: a request that is a `fetch` through the worker's global outbound, made when its body is whole.
 */

// own: bytes (a Buffer)
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Boolean,
  FunctionPrototypeCall,
  Number,
  ObjectAssign,
  ObjectEntries,
  ObjectKeys,
  PromisePrototypeThen,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeStartsWith,
  StringPrototypeToUpperCase,
  Uint8Array,
} = primordials;
const { AbortController } = require("abort");
const { Buffer } = require("node:buffer");
const {
  AbortError,
  ECONNRESET,
  ERR_HTTP_HEADERS_SENT,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_HTTP_TOKEN,
  ERR_INVALID_PROTOCOL,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_OPTION_NOT_IMPLEMENTED,
  ERR_STREAM_ALREADY_FINISHED,
  ERR_UNESCAPED_CHARACTERS,
} = require("node/common/errors");
const { isUint8Array } = require("node/common/types");
const { setLengths } = require("node/common/unsupported");
const {
  validateAbortSignal,
  validateBoolean,
  validateFunction,
  validateInteger,
  validateNumber,
  validateString,
  validateTimerDuration,
} = require("node/common/validators");
const { urlToHttpOptions } = require("node:url");
const { isURL } = require("node/url/legacy");
const { Writable } = require("node/streams/writable");
const { fetch } = require("fetch").globals;
const { Response } = require("fetch/response");
const { clearTimer, queueMicrotask, startTimer } = require("timers");
const { currentURL } = require("url");
const { globalAgent } = require("node:_http_agent");
const { _checkIsHttpToken } = require("node/http/constants");
const { IncomingMessage, receive } = require("node:_http_incoming");
const { OutgoingMessage, kErrored, kOutHeaders, kUniqueHeaders, parseUniqueHeadersOption } = require("node:_http_outgoing");

const BAD_PATH_CHAR = /[^!-\u00ff]/;
/** Starts of paths that a URL parser takes for another authority. */
const AUTHORITY = /^(?:[/\\]{2}|[A-Za-z][-+.A-Za-z0-9]*:)/;

const badPath = (path) => new ERR_INVALID_ARG_VALUE("options.path", path, "must be a path-only request target");

const nothing = () => {};

/** Options that are not for a `fetch`, with their checks. */
const UNUSED = [
  ["maxHeaderSize", (value) => validateInteger(value, "maxHeaderSize", 0), true],
  ["insecureHTTPParser", (value) => validateBoolean(value, "options.insecureHTTPParser"), false],
  ["createConnection", (value) => validateFunction(value, "options.createConnection"), true],
  ["lookup", (value) => validateFunction(value, "options.lookup"), true],
  ["socketPath", (value) => validateString(value, "options.socketPath"), true],
  ["joinDuplicateHeaders", (value) => validateBoolean(value, "options.joinDuplicateHeaders"), false],
];

function checkUnused(options) {
  for (let i = 0; i < UNUSED.length; i++) {
    const { 0: name, 1: check, 2: isRefused } = UNUSED[i];
    if (options[name] === undefined) continue;
    check(options[name]);
    if (isRefused) throw new ERR_OPTION_NOT_IMPLEMENTED(`options.${name}`);
  }
}

function checkPath(path) {
  if (!path) return;
  if (RegExpPrototypeExec(BAD_PATH_CHAR, path) !== null) throw new ERR_UNESCAPED_CHARACTERS("Request path");
  if (RegExpPrototypeExec(AUTHORITY, path) !== null) throw badPath(path);
}

function checkHost(host, name) {
  if (host !== undefined && host !== null && typeof host !== "string") {
    throw new ERR_INVALID_ARG_TYPE(`options.${name}`, ["string", "undefined", "null"], host);
  }
  return host;
}

function chooseAgent({ agent, createConnection }, fallback) {
  if (agent === false) return new fallback.constructor();
  if (agent === undefined || agent === null) return typeof createConnection === "function" ? agent : fallback;
  if (typeof agent === "object" && typeof agent.addRequest !== "function") {
    throw new ERR_INVALID_ARG_TYPE("options.agent", ["Agent-like Object", "undefined", "false"], agent);
  }
  return agent;
}

function chooseMethod({ method }) {
  if (method === undefined || method === null || method === "") return "GET";
  if (typeof method !== "string") throw new ERR_INVALID_ARG_TYPE("options.method", "string", method);
  if (!_checkIsHttpToken(method)) throw new ERR_INVALID_HTTP_TOKEN("Method", method);
  return StringPrototypeToUpperCase(method);
}

/** `(url[, options][, callback])` or `(options[, callback])`. */
function normalizeArguments(input, options, callback) {
  let base = {};
  if (typeof input === "string" || isURL(input)) {
    const URL = currentURL();
    base = urlToHttpOptions(typeof input === "string" ? new URL(input) : input);
  } else {
    callback = options;
    options = input;
  }
  if (typeof options === "function") return { options: base, callback: options };
  return { options: ObjectAssign(base, options), callback };
}

/** What the field Host says of a host that may be an IPv6 address, and a port. */
function hostField(host, port, defaultPort) {
  const colon = StringPrototypeIndexOf(host, ":");
  const isIPv6 = colon !== -1 && StringPrototypeIndexOf(host, ":", colon + 1) !== -1;
  const name = isIPv6 && !StringPrototypeStartsWith(host, "[") ? `[${host}]` : host;
  return port && +port !== defaultPort ? `${name}:${port}` : name;
}

class ClientRequest extends OutgoingMessage {
  #abort = new AbortController();
  #body = [];
  #incoming;
  #timer = 0;
  #isSent = false;

  _ended = false;
  timeout;
  method = "GET";
  path = "/";
  host;
  protocol = "http:";
  port = "80";
  joinDuplicateHeaders;
  agent;
  aborted = false;
  reusedSocket = false;
  maxHeadersCount = Infinity;
  connection = null;
  socket = null;
  [kUniqueHeaders] = null;

  constructor(input, options, cb) {
    super();
    const given = normalizeArguments(input, options, cb);
    const chosen = given.options;
    checkPath(chosen.path);
    const defaultAgent = chosen._defaultAgent || globalAgent;
    this.agent = chooseAgent(chosen, defaultAgent);
    const expected = this.agent?.protocol || defaultAgent.protocol;
    this.protocol = chosen.protocol || defaultAgent.protocol;
    if (this.protocol !== expected) throw new ERR_INVALID_PROTOCOL(this.protocol, expected);
    const defaultPort = chosen.defaultPort || this.agent?.defaultPort || 80;
    chosen.port ||= defaultPort;
    this.port = `${chosen.port}`;
    chosen.host = checkHost(chosen.hostname, "hostname") || checkHost(chosen.host, "host") || "localhost";
    if (chosen.timeout !== undefined) this.timeout = validateTimerDuration(chosen.timeout, "timeout");
    if (chosen.signal) this.#follow(chosen.signal);
    this.method = chooseMethod(chosen);
    checkUnused(chosen);
    this.joinDuplicateHeaders = chosen.joinDuplicateHeaders;
    this.path = chosen.path || "/";
    if (given.callback) this.once("response", given.callback);
    this.host = chosen.host;
    this.#setHeaders(chosen, defaultPort);
    this.on("finish", () => this.#start());
    this[kUniqueHeaders] = parseUniqueHeadersOption(chosen.uniqueHeaders);
  }

  #setHeaders({ headers, setHost, setDefaultHeaders, host, port, auth }, defaultPort) {
    if (ArrayIsArray(headers)) {
      if (headers.length % 2 !== 0) throw new ERR_INVALID_ARG_VALUE("headers", headers);
      for (let i = 0; i < headers.length; i += 2) this.setHeader(headers[i], headers[i + 1]);
      return;
    }
    if (headers !== undefined && headers !== null) {
      if ("host" in headers) validateString(headers.host, "host");
      const entries = ObjectEntries(headers);
      for (let i = 0; i < entries.length; i++) this.setHeader(entries[i][0], entries[i][1]);
    }
    const addsHost = setHost === undefined ? setDefaultHeaders !== false : Boolean(setHost);
    if (addsHost && !this.getHeader("host")) this.setHeader("Host", hostField(host, port, defaultPort));
    if (auth && !this.getHeader("Authorization")) {
      const bytes = Buffer.from(auth);
      this.setHeader("Authorization", `Basic ${bytes.toString("base64")}`);
    }
  }

  /** Ends with a signal, until the response's end. */
  #follow(signal) {
    validateAbortSignal(signal, "signal");
    const onAbort = () => this.destroy(new AbortError(undefined, { cause: signal.reason }));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    this.once("close", () => signal.removeEventListener("abort", onAbort));
  }

  #start() {
    if (this.destroyed) return;
    try {
      this.#send();
    } catch (error) {
      this.destroy(error);
    }
  }

  #send() {
    this.#isSent = true;
    this.#armTimer();
    // RFC 9112 section 3.2: a server refuses a request without Host.
    if (this.host && !this.getHeader("host") && ObjectKeys(this[kOutHeaders] ?? {}).length === 0) {
      const refusal = { status: 400, statusText: "Bad Request", headers: { connection: "close" } };
      queueMicrotask(() => this.#respond(new Response(null, refusal)));
      return;
    }
    const URL = currentURL();
    let url = new URL(`http://${this.host}`);
    url.protocol = this.protocol;
    url.port = this.port;
    if (this.path.length > 0 && this.path !== "/") {
      // It may have been changed since it was checked.
      if (RegExpPrototypeExec(AUTHORITY, this.path) !== null) throw badPath(this.path);
      url = new URL(this.path, url);
    }
    const response = fetch(url, {
      method: this.method,
      headers: this.#fields(),
      body: this.#body.length > 0 ? Buffer.concat(this.#body) : null,
      signal: this.#abort.signal,
      redirect: "manual",
      encodeResponseBody: "manual",
    });
    PromisePrototypeThen(
      PromisePrototypeThen(response, (response) => this.#respond(response)),
      undefined,
      (error) => {
        if (!this.destroyed) this.destroy(error);
      },
    );
  }

  /** Pairs of names and values. */
  #fields() {
    const fields = [];
    const entries = ObjectEntries(this[kOutHeaders] ?? {});
    for (let i = 0; i < entries.length; i++) {
      const { 0: name, 1: value } = entries[i][1];
      if (!ArrayIsArray(value)) ArrayPrototypePush(fields, [name, value]);
      else if (this.joinDuplicateHeaders) ArrayPrototypePush(fields, [name, ArrayPrototypeJoin(value, ", ")]);
      else for (let j = 0; j < value.length; j++) ArrayPrototypePush(fields, [name, value[j]]);
    }
    return fields;
  }

  #respond(response) {
    if (this.destroyed) {
      if (response.body !== null) PromisePrototypeThen(response.body.cancel(), nothing, nothing);
      return;
    }
    // What has been answered has been sent.
    this._header ||= `${this.method} ${this.path} HTTP/1.1\r\n\r\n`;
    const incoming = new IncomingMessage();
    receive(incoming, response, {
      setTimeout: (msecs) => this.#setIdleTimeout(msecs),
      touch: () => this.#armTimer(),
    });
    this.#armTimer();
    incoming.on("error", (error) => {
      if (!this.destroyed) this.emit("error", error);
    });
    incoming.once("close", () => this.#emitClose());
    this.#incoming = incoming;
    this.res = incoming;
    if (!this.emit("response", incoming)) incoming._dump();
  }

  #emitClose() {
    if (this._closed) return;
    this._closed = true;
    this.destroyed = true;
    this.#clearTimer();
    this.emit("close");
  }

  destroy(error, _callback) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this[kErrored] = error ?? null;
    this.#clearTimer();
    const incoming = this.#incoming;
    let reason = error;
    if (incoming === undefined && !this.aborted) reason ??= new ECONNRESET("socket hang up");
    if (reason !== undefined && reason !== null) queueMicrotask(() => this.emit("error", reason));
    if (incoming === undefined) this.#abort.abort();
    else if (!incoming.complete) incoming.destroy(new ECONNRESET("aborted"));
    queueMicrotask(() => this.#emitClose());
    return this;
  }

  onSocket() {}

  addTrailers() {
    throw new ERR_METHOD_NOT_IMPLEMENTED("addTrailers");
  }

  abort() {
    if (this.aborted) return;
    this.aborted = true;
    queueMicrotask(() => this.emit("abort"));
    this.destroy();
  }

  _write(chunk, _encoding, callback) {
    if (this.#takesBody()) ArrayPrototypePush(this.#body, chunk);
    callback();
    return true;
  }

  #takesBody() {
    return this.method !== "GET" && this.method !== "HEAD";
  }

  setNoDelay(noDelay) {
    validateBoolean(noDelay, "noDelay");
  }

  setSocketKeepAlive(enable, initialDelay) {
    validateBoolean(enable, "enable");
    validateNumber(initialDelay, "initialDelay");
  }

  clearTimeout(callback) {
    this.setTimeout(0, callback);
  }

  setTimeout(msecs, callback) {
    this.#setIdleTimeout(validateTimerDuration(msecs, "msecs"));
    if (callback) this.once("timeout", callback);
    return this;
  }

  #setIdleTimeout(msecs) {
    this.timeout = msecs;
    this.#armTimer();
  }

  #clearTimer() {
    if (this.#timer !== 0) clearTimer(this.#timer);
    this.#timer = 0;
  }

  /** Starts the time again in which something must happen. */
  #armTimer() {
    this.#clearTimer();
    if (!this.timeout || !this.#isSent || this.destroyed) return;
    this.#timer = startTimer(() => {
      this.#timer = 0;
      this.emit("timeout");
      this.#incoming?.emit("timeout");
      this.destroy(new AbortError());
    }, Number(this.timeout));
  }

  write(chunk, encoding, callback) {
    if (this.#takesBody() && chunk && !this.writableEnded) {
      if (typeof chunk === "string") {
        ArrayPrototypePush(this.#body, Buffer.from(chunk, typeof encoding === "string" ? encoding : "utf8"));
      } else if (isUint8Array(chunk)) {
        ArrayPrototypePush(this.#body, new Uint8Array(chunk));
      }
    }
    return super.write(chunk, encoding, callback);
  }

  end(data, encoding, callback) {
    if (typeof data === "function") {
      callback = data;
      data = undefined;
    } else if (typeof encoding === "function") {
      callback = encoding;
      encoding = undefined;
    }
    if (this.writableEnded) {
      if (data) this.write(data, encoding, callback);
      else if (typeof callback === "function") this.#afterFinish(callback);
      return this;
    }
    if (this.destroyed) return this;
    this._ended = true;
    FunctionPrototypeCall(Writable.prototype.end, this, data, encoding, callback);
    this.finished = true;
    return this;
  }

  #afterFinish(callback) {
    if (this.writableFinished) callback(new ERR_STREAM_ALREADY_FINISHED("end"));
    else this.once("finish", () => callback());
  }

  _implicitHeader() {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("render");
    this._storeHeader(`${this.method} ${this.path} HTTP/1.1\r\n`, this[kOutHeaders]);
  }
}

setLengths(ClientRequest.prototype, "addTrailers/1 onSocket/1");

exports.module = { __proto__: null, ClientRequest, default: { ClientRequest } };
exports.ClientRequest = ClientRequest;
