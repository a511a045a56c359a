/*
 * node:_http_incoming: a message that is read. Its body is that of a `Response` for the client, of a `Request` for a server.
 */

// own: this (a Readable)
const {
  ArrayIsArray,
  ArrayPrototypePush,
  MathRandom,
  ObjectDefineProperties,
  ObjectHasOwn,
  PromisePrototypeThen,
  SafeSet,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
  Symbol,
} = primordials;
const EventEmitter = require("node:events").default;
const { getHeader, headerPairs } = require("headers");
const { isIPv4 } = require("node/net/address");
const { Readable } = require("node/streams/readable");
const { setLengths } = require("node/common/unsupported");
const { validateTimerDuration } = require("node/common/validators");
const { queueMicrotask } = require("timers");
const { responseHeaders } = require("fetch/response");

const kHeaders = Symbol("kHeaders");
const kHeadersDistinct = Symbol("kHeadersDistinct");
const kHeadersCount = Symbol("kHeadersCount");

/** Fields of which the first line counts; the lines of others are joined. */
const SINGLE_FIELDS = new SafeSet(
  StringPrototypeSplit(
    "age authorization content-length content-type etag expires from host if-modified-since if-unmodified-since last-modified " +
      "location max-forwards proxy-authorization referer retry-after server user-agent",
    " ",
  ),
);

const nothing = () => {};

let receive;
let setBody;
let setPeer;

class IncomingMessage extends Readable {
  #reader;
  #isReading = false;
  #socket;
  /** Of a server's request: what its socket is made of when it is first asked for. */
  #peer;
  #body = null;
  /** Of the client's request: `{ setTimeout, touch }`. */
  #timer;

  aborted = false;
  url = "";
  method = null;
  statusCode = null;
  statusMessage = null;
  httpVersionMajor = 1;
  httpVersionMinor = 1;
  httpVersion = "1.1";
  complete = false;
  rawHeaders = [];
  joinDuplicateHeaders = false;
  cloudflare = { cf: undefined, env: undefined, ctx: undefined };
  [kHeaders] = null;
  [kHeadersDistinct] = null;
  [kHeadersCount] = 0;
  _dumped = false;
  _consuming = false;
  _paused = false;

  constructor() {
    super({});
    // Nothing is read ahead.
    this._readableState.readingMore = true;
  }

  static {
    receive = (incoming, response, timer) => {
      incoming.#timer = timer;
      incoming.#body = response.body;
      incoming.url = response.url;
      incoming.statusCode = response.status;
      incoming.statusMessage = response.statusText;
      incoming[kHeaders] = {};
      incoming[kHeadersDistinct] = {};
      const pairs = headerPairs(responseHeaders(response));
      for (let i = 0; i < pairs.length; i++) {
        const { 0: name } = pairs[i];
        const value = getHeader(responseHeaders(response), name);
        incoming[kHeaders][name] = value;
        incoming[kHeadersDistinct][name] = [value];
        incoming[kHeadersCount]++;
      }
      incoming.on("timeout", () => {
        incoming._consuming = false;
      });
    };
    setBody = (incoming, body) => {
      incoming.#body = body;
    };
    setPeer = (incoming, headers, localPort) => {
      incoming.#peer = { headers, localPort };
    };
  }

  async #pull() {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      this.#reader ??= this.#body.getReader();
      let hasRoom = true;
      while (hasRoom && !this.destroyed) {
        const { done, value } = await this.#reader.read();
        if (this.destroyed) break;
        if (done) {
          this.complete = true;
          this.push(null);
          break;
        }
        this.#timer?.touch();
        hasRoom = this.push(value);
      }
    } catch (error) {
      this.destroy(error);
    } finally {
      this.#isReading = false;
    }
  }

  _read() {
    if (!this._consuming) {
      this._readableState.readingMore = false;
      this._consuming = true;
    }
    if (this.#body === null) {
      this.complete = true;
      this.push(null);
    } else {
      this.#pull();
    }
  }

  _destroy(error, callback) {
    if (!this.readableEnded || !this.complete) {
      this.aborted = true;
      this.emit("aborted");
    }
    if (!this.complete && this.#body !== null) {
      const reason = error ?? undefined;
      PromisePrototypeThen((this.#reader ?? this.#body).cancel(reason), nothing, nothing);
    }
    queueMicrotask(() => callback(this.listenerCount("error") === 0 ? undefined : error));
  }

  _addHeaderLine(field, value, dest) {
    const name = StringPrototypeToLowerCase(field);
    if (name === "set-cookie") {
      if (dest[name] === undefined) dest[name] = [value];
      else ArrayPrototypePush(dest[name], value);
      return;
    }
    const joins = this.joinDuplicateHeaders || !SINGLE_FIELDS.has(name);
    if (!ObjectHasOwn(dest, name) || dest[name] === undefined) dest[name] = value;
    else if (joins) dest[name] += `${name === "cookie" ? "; " : ", "}${value}`;
  }

  _addHeaderLineDistinct(field, value, dest) {
    const name = StringPrototypeToLowerCase(field);
    if (ObjectHasOwn(dest, name)) ArrayPrototypePush(dest[name], value);
    else dest[name] = [value];
  }

  /** `headers` are names and values in turn, `n` of both. */
  _addHeaderLines(headers, n) {
    if (!ArrayIsArray(headers) || this.complete) return;
    this.rawHeaders = headers;
    this[kHeadersCount] = n;
    if (this[kHeaders]) this.#collect("_addHeaderLine", this[kHeaders]);
  }

  #collect(add, dest) {
    for (let i = 0; i < this[kHeadersCount]; i += 2) this[add](this.rawHeaders[i], this.rawHeaders[i + 1], dest);
    return dest;
  }

  get headers() {
    this[kHeaders] ??= this.#collect("_addHeaderLine", {});
    return this[kHeaders];
  }

  set headers(headers) {
    this[kHeaders] = headers;
  }

  get headersDistinct() {
    this[kHeadersDistinct] ??= this.#collect("_addHeaderLineDistinct", {});
    return this[kHeadersDistinct];
  }

  set headersDistinct(headers) {
    this[kHeadersDistinct] = headers;
  }

  get trailers() {
    return {};
  }

  set trailers(_) {}

  get trailersDistinct() {
    return {};
  }

  set trailersDistinct(_) {}

  /** Reads the rest for nobody. */
  _dump() {
    if (this._dumped) return;
    this._dumped = true;
    this.removeAllListeners("data");
    this.resume();
  }

  setTimeout(msecs, callback) {
    const duration = validateTimerDuration(msecs, "msecs");
    if (callback) this.on("timeout", callback);
    this.#timer?.setTimeout(duration);
    return this;
  }

  get connection() {
    return this.socket;
  }

  set connection(socket) {
    this.#peer = undefined;
    this.#socket = socket;
  }

  get socket() {
    if (this.#peer !== undefined) this.connection = makeSocket(this, this.#peer.headers, this.#peer.localPort);
    return this.#socket;
  }
}

setLengths(IncomingMessage.prototype, "_read/1");

/** What of a socket a server's request has. */
function makeSocket(incoming, headers, localPort) {
  const client = getHeader(headers, "cf-connecting-ip");
  const family = client === null || client === "" || isIPv4(client) ? "IPv4" : "IPv6";
  const remotePort = (MathRandom() * 0x8000) | 0x8000;
  const constant = (value) => ({ __proto__: null, value, writable: false, configurable: true });
  const whileAlive = (value) => ({
    __proto__: null,
    get: () => (incoming.destroyed ? undefined : value),
    configurable: true,
  });
  return ObjectDefineProperties(new EventEmitter(), {
    __proto__: null,
    encrypted: constant(getHeader(headers, "x-forwarded-proto") === "https"),
    readable: { __proto__: null, get: () => incoming.readable, configurable: true },
    remoteFamily: whileAlive(family),
    remoteAddress: whileAlive(client ?? "127.0.0.1"),
    remotePort: whileAlive(remotePort),
    localAddress: constant(getHeader(headers, "host") ?? "127.0.0.1"),
    localPort: constant(localPort),
    destroy: constant((error) => incoming.destroy(error)),
  });
}

exports.module = { __proto__: null, IncomingMessage, default: { IncomingMessage } };
exports.IncomingMessage = IncomingMessage;
exports.receive = receive;
exports.setBody = setBody;
exports.setPeer = setPeer;
