/*
 * node:_http_outgoing: a message that is written. Its head is kept as the text that Node would send; who sends it, a client's
 * request or a server's response, is told of it by the event "_headersSent", and is given the body's bytes.
 */

// own: unique (a SafeSet)
const {
  ArrayIsArray,
  ArrayPrototypeForEach,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSplice,
  Boolean,
  Date,
  DatePrototypeToUTCString,
  MathFloor,
  Number,
  ObjectHasOwn,
  ObjectKeys,
  RegExpPrototypeExec,
  SafeSet,
  String,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
  Symbol,
  SymbolIterator,
} = primordials;
const EventEmitter = require("node:events").default;
const { Buffer } = require("node:buffer");
const {
  ERR_HTTP_BODY_NOT_ALLOWED,
  ERR_HTTP_CONTENT_LENGTH_MISMATCH,
  ERR_HTTP_HEADERS_SENT,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_STREAM_ALREADY_FINISHED,
  ERR_STREAM_CANNOT_PIPE,
  ERR_STREAM_DESTROYED,
  ERR_STREAM_NULL_VALUES,
  ERR_STREAM_WRITE_AFTER_END,
} = require("node/common/errors");
const { isUint8Array } = require("node/common/types");
const { setLengths } = require("node/common/unsupported");
const { validateString } = require("node/common/validators");
const { Writable } = require("node/streams/writable");
const { getDefaultHighWaterMark } = require("node/streams/state");
const { Headers } = require("headers");
const { queueMicrotask } = require("timers");
const { chunkExpression, validateHeaderName, validateHeaderValue } = require("node/http/constants");

const kUniqueHeaders = Symbol("kUniqueHeaders");
const kHighWaterMark = Symbol("kHighWaterMark");
const kNeedDrain = Symbol("kNeedDrain");
const kOutHeaders = Symbol("kOutHeaders");
const kErrored = Symbol("kErrored");

const CLOSE = /(?:^|\W)close(?:$|\W)/i;
const STATUS_LINE = /^HTTP\/\d+\.\d+ (\d+) (.*)$/;
const NOTHING_BYTES = Buffer.alloc(0);

const nothing = () => {};

/** The names of fields that may come once, in lower case; null if that is said of none. */
function parseUniqueHeadersOption(headers) {
  if (!ArrayIsArray(headers)) return null;
  const unique = new SafeSet();
  const add = (name) => {
    if (ArrayIsArray(name)) ArrayPrototypeForEach(name, add);
    else unique.add(StringPrototypeToLowerCase(name));
  };
  ArrayPrototypeForEach(headers, (name) => add(name));
  return unique;
}

/** How many bytes a chunk has. */
const sizeOf = (chunk, encoding) =>
  typeof chunk === "string" ? Buffer.byteLength(chunk, encoding ?? undefined) : chunk.byteLength;

const toBytes = (chunk, encoding) => (typeof chunk === "string" ? Buffer.from(chunk, encoding ?? undefined) : chunk);

let setSink;
let drained;

class OutgoingMessage extends Writable {
  [kOutHeaders] = null;
  [kErrored] = null;
  [kNeedDrain] = false;
  [kHighWaterMark];

  /** Chunks that wait while the message is corked, and their bytes. */
  #waiting = [];
  #waitingBytes = 0;
  #corked = 0;
  #isFlushing = false;
  #bytesWritten = 0;
  #rejectsBody;
  /** Takes bytes of the body, in order; false asks for a pause. */
  #sink = () => true;

  static {
    setSink = (message, sink) => {
      message.#sink = sink;
    };
    /** There is room again. */
    drained = (message) => {
      if (!message[kNeedDrain] || message.finished) return;
      message[kNeedDrain] = false;
      message.emit("drain");
    };
  }

  req;
  /** What was written before there was a head: `{ data, encoding, callback }`. */
  outputData = [];
  outputSize = 0;
  writtenHeaderBytes = 0;
  strictContentLength = false;
  chunkedEncoding = false;
  sendDate = false;
  shouldKeepAlive = true;
  writable = true;
  finished = false;
  destroyed = false;
  useChunkedEncodingByDefault = true;
  maxRequestsOnConnectionReached = false;
  _closed = false;
  _headerSent = false;
  _onPendingData = () => {};
  _header = null;
  _contentLength = null;
  _hasBody = true;
  _removedContLen = false;
  _removedConnection = false;
  _removedTE = false;
  _last = false;
  _defaultKeepAlive = true;
  _maxRequestsPerSocket;
  _keepAliveTimeout = 0;

  constructor(req, options) {
    super({ autoDestroy: false });
    this.req = req;
    this[kHighWaterMark] = options?.highWaterMark ?? getDefaultHighWaterMark();
    this.#rejectsBody = options?.rejectNonStandardBodyWrites ?? false;
    this.once("end", () =>
      queueMicrotask(() => {
        this._closed = true;
        this.emit("close");
      }),
    );
  }

  cork() {
    this.#corked++;
  }

  uncork() {
    this.#corked--;
    if (this.#corked <= 0) this.#flushWaiting();
  }

  #flushWaiting() {
    const chunks = ArrayPrototypeSplice(this.#waiting, 0);
    this.#waitingBytes = 0;
    let hasRoom = true;
    for (let i = 0; i < chunks.length; i++) hasRoom = this.#give(chunks[i]);
    if (hasRoom) drained(this);
  }

  /** Whether more may follow at once. */
  #give(bytes) {
    return bytes.length === 0 || this.#sink(bytes);
  }

  // The head.

  _storeHeader(firstLine, headers) {
    const head = new Head(this, firstLine);
    if (headers !== null && headers !== undefined) head.addAll(headers, headers === this[kOutHeaders]);
    this._header = head.end();
    this._headerSent = false;
    if (head.seen.expect) this._send("");
  }

  setHeader(name, value) {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("set");
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this[kOutHeaders] ??= {};
    this[kOutHeaders][StringPrototypeToLowerCase(name)] = [name, value];
    return this;
  }

  setHeaders(headers) {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("set");
    const isMap =
      typeof headers === "object" &&
      headers !== null &&
      !ArrayIsArray(headers) &&
      typeof headers.keys === "function" &&
      typeof headers.get === "function";
    if (!isMap) throw new ERR_INVALID_ARG_TYPE("headers", ["Headers", "Map"], headers);
    const cookies = [];
    const iterator = headers[SymbolIterator]();
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      const { 0: name, 1: value } = next.value;
      if (name !== "set-cookie") this.setHeader(name, value);
      else if (ArrayIsArray(value)) ArrayPrototypeForEach(value, (cookie) => ArrayPrototypePush(cookies, cookie));
      else ArrayPrototypePush(cookies, value);
    }
    if (cookies.length > 0) this.setHeader("set-cookie", cookies);
    return this;
  }

  appendHeader(name, value) {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("append");
    validateHeaderName(name);
    validateHeaderValue(name, value);
    const entry = this[kOutHeaders]?.[StringPrototypeToLowerCase(name)];
    if (!entry) return this.setHeader(name, value);
    if (!ArrayIsArray(entry[1])) entry[1] = [entry[1]];
    const { 1: values } = entry;
    if (ArrayIsArray(value)) ArrayPrototypeForEach(value, (one) => ArrayPrototypePush(values, one));
    else ArrayPrototypePush(values, value);
    return this;
  }

  getHeader(name) {
    validateString(name, "name");
    return this[kOutHeaders]?.[StringPrototypeToLowerCase(name)]?.[1];
  }

  hasHeader(name) {
    validateString(name, "name");
    return Boolean(this[kOutHeaders]?.[StringPrototypeToLowerCase(name)]);
  }

  removeHeader(name) {
    validateString(name, "name");
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("remove");
    const key = StringPrototypeToLowerCase(name);
    if (key === "connection") this._removedConnection = true;
    else if (key === "content-length") this._removedContLen = true;
    else if (key === "transfer-encoding") this._removedTE = true;
    else if (key === "date") this.sendDate = false;
    if (this[kOutHeaders] !== null) delete this[kOutHeaders][key];
  }

  getHeaderNames() {
    return this[kOutHeaders] === null ? [] : ObjectKeys(this[kOutHeaders]);
  }

  getRawHeaderNames() {
    const names = this.getHeaderNames();
    for (let i = 0; i < names.length; i++) names[i] = this[kOutHeaders][names[i]][0];
    return names;
  }

  getHeaders() {
    return this.#headersBy((key) => key);
  }

  #headersBy(nameOf) {
    const headers = {};
    const keys = this[kOutHeaders] === null ? [] : ObjectKeys(this[kOutHeaders]);
    for (let i = 0; i < keys.length; i++) {
      const entry = this[kOutHeaders][keys[i]];
      headers[nameOf(keys[i], entry)] = entry[1];
    }
    return headers;
  }

  _renderHeaders() {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("render");
    return this.#headersBy((_, entry) => entry[0]);
  }

  get headersSent() {
    return Boolean(this._header);
  }

  flushHeaders() {
    if (!this._header) this._implicitHeader();
    this._send("");
  }

  _implicitHeader() {
    throw new ERR_METHOD_NOT_IMPLEMENTED("_implicitHeader()");
  }

  // The body.

  _send(data, encoding, callback, byteLength) {
    if (!this._headerSent && this._header !== null) {
      this._headerSent = true;
      this.writtenHeaderBytes = this._header.length;
      // As in Node, a head that is held back counts.
      if (this.#corked > 0) this.#waitingBytes += this._header.length;
      this.#announce();
    }
    return this._writeRaw(data, encoding, callback, byteLength);
  }

  /** Tells of a response's head. */
  #announce() {
    const lines = StringPrototypeSplit(this._header, "\r\n");
    const found = RegExpPrototypeExec(STATUS_LINE, ArrayPrototypeShift(lines));
    if (found === null) return;
    const headers = new Headers();
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i];
      if (line === "") continue;
      const colon = StringPrototypeIndexOf(line, ": ");
      headers.append(StringPrototypeSlice(line, 0, colon), StringPrototypeSlice(line, colon + 2));
    }
    this.emit("_headersSent", { statusCode: Number(found[1]), statusMessage: found[2], headers });
  }

  _writeRaw(data, encoding, callback, _size) {
    if (this.destroyed) return false;
    if (typeof encoding === "function") {
      callback = encoding;
      encoding = null;
    }
    if (this._header === null && !this._headerSent) {
      ArrayPrototypePush(this.outputData, { data, encoding, callback });
      this.outputSize += data.length;
      this._onPendingData(data.length);
      return this.outputSize < this[kHighWaterMark];
    }
    this._flushOutput();
    const bytes = toBytes(data, encoding);
    if (typeof callback === "function") queueMicrotask(() => callback());
    if (this.#corked > 0) {
      // The caller may use its buffer again.
      ArrayPrototypePush(this.#waiting, typeof data === "string" ? bytes : Buffer.from(bytes));
      this.#waitingBytes += bytes.length;
      return this.#waitingBytes < this[kHighWaterMark];
    }
    return this.#give(bytes);
  }

  _flushOutput() {
    if (this.outputData.length === 0) return undefined;
    const { outputData } = this;
    this.outputData = [];
    this._onPendingData(-this.outputSize);
    this.outputSize = 0;
    for (let i = 0; i < outputData.length; i++) {
      const { data, encoding, callback } = outputData[i];
      this.#give(toBytes(data ?? NOTHING_BYTES, encoding));
      if (typeof callback === "function") queueMicrotask(() => callback());
    }
    return true;
  }

  _flush() {
    const isFlushed = this._flushOutput();
    if (this.finished) {
      this._finish();
    } else if (isFlushed && this[kNeedDrain]) {
      this[kNeedDrain] = false;
      this.emit("drain");
    }
  }

  _finish() {
    this.emit("prefinish");
  }

  get writableLength() {
    return this.outputSize + this.#waitingBytes;
  }

  get writableCorked() {
    return this.#corked;
  }

  get writableNeedDrain() {
    return !this.destroyed && !this.finished && this[kNeedDrain];
  }

  get writableEnded() {
    return this.finished;
  }

  get writableHighWaterMark() {
    return this[kHighWaterMark];
  }

  get writableObjectMode() {
    return false;
  }

  write(chunk, encoding, callback) {
    if (typeof encoding === "function") {
      callback = encoding;
      encoding = null;
    }
    const hasRoom = this.#write(chunk, encoding, callback, false);
    if (!hasRoom) this[kNeedDrain] = true;
    return hasRoom;
  }

  #write(chunk, encoding, callback, isLast) {
    if (typeof callback !== "function") callback = nothing;
    if (chunk === null) throw new ERR_STREAM_NULL_VALUES();
    if (typeof chunk !== "string" && !isUint8Array(chunk)) {
      throw new ERR_INVALID_ARG_TYPE("chunk", ["string", "Buffer", "Uint8Array"], chunk);
    }
    if (this.destroyed) {
      const error = this.finished ? new ERR_STREAM_WRITE_AFTER_END() : new ERR_STREAM_DESTROYED("write");
      queueMicrotask(() => callback(error));
      return false;
    }
    if (this.finished) {
      this.#failLater(new ERR_STREAM_WRITE_AFTER_END(), callback);
      return false;
    }
    this.#countStrictly(chunk, encoding, isLast);
    if (!this._header) {
      if (isLast) this._contentLength = sizeOf(chunk, encoding);
      this._implicitHeader();
    }
    if (!this._hasBody) {
      if (this.#rejectsBody) throw new ERR_HTTP_BODY_NOT_ALLOWED();
      queueMicrotask(() => callback());
      return true;
    }
    if (!isLast) this.#corkForNow();
    return this._send(chunk, encoding, callback);
  }

  /** What is written in one go is sent together. */
  #corkForNow() {
    if (this.#corked > 0 || this.#isFlushing) return;
    this.#isFlushing = true;
    this.#corked++;
    queueMicrotask(() => {
      this.#isFlushing = false;
      // `end` may have uncorked it.
      if (this.#corked > 0) this.#corked--;
      if (this.#corked === 0) this.#flushWaiting();
    });
  }

  #countStrictly(chunk, encoding, isLast) {
    if (!this.strictContentLength) return;
    const size = this.#bytesWritten + sizeOf(chunk, encoding);
    const length = this._contentLength ?? 0;
    if (this.#isStrict() && (isLast ? size !== this._contentLength : size > length)) {
      throw new ERR_HTTP_CONTENT_LENGTH_MISMATCH(size, length);
    }
    this.#bytesWritten = size;
  }

  #isStrict() {
    return (
      this.strictContentLength &&
      this._contentLength !== null &&
      this._contentLength !== undefined &&
      this._hasBody &&
      !this._removedContLen &&
      !this.chunkedEncoding &&
      !this.hasHeader("transfer-encoding")
    );
  }

  #failLater(error, callback) {
    queueMicrotask(() => {
      callback(error);
      if (!this.destroyed) this.emit("error", error);
    });
  }

  end(chunk, encoding, callback) {
    if (typeof chunk === "function") {
      callback = chunk;
      chunk = null;
      encoding = null;
    } else if (typeof encoding === "function") {
      callback = encoding;
      encoding = null;
    }
    if (this.finished) {
      this.#endAgain(chunk, callback);
      return this;
    }
    if (chunk) {
      this.cork();
      this.#write(chunk, encoding, null, true);
    } else if (!this._header) {
      this.cork();
      this._contentLength = 0;
      this._implicitHeader();
    }
    if (typeof callback === "function") this.once("finish", callback);
    if (this.#isStrict() && this.#bytesWritten !== this._contentLength) {
      throw new ERR_HTTP_CONTENT_LENGTH_MISMATCH(this.#bytesWritten, this._contentLength ?? 0);
    }
    if (!this.destroyed) {
      this._send("", "latin1");
      queueMicrotask(() => this.emit("finish"));
    }
    this.#corked = 0;
    this.#flushWaiting();
    this.finished = true;
    this._writableState.finished = true;
    if (this.outputData.length === 0) this._finish();
    return this;
  }

  #endAgain(chunk, callback) {
    if (chunk) {
      if (!this.destroyed) {
        this.#failLater(new ERR_STREAM_WRITE_AFTER_END(), typeof callback === "function" ? callback : nothing);
      }
    } else if (typeof callback === "function") {
      if (this.writableFinished) callback(new ERR_STREAM_ALREADY_FINISHED("end"));
      else this.on("finish", callback);
    }
  }

  // The stream's life.

  pipe(destination) {
    this.emit("error", new ERR_STREAM_CANNOT_PIPE());
    return destination;
  }

  destroy(error, _callback) {
    if (this.destroyed) return this;
    if (error !== null && error !== undefined) this.emit("error", error);
    this.destroyed = true;
    this[kErrored] = error;
    return this;
  }

  [EventEmitter.captureRejectionSymbol](error) {
    this.destroy(error);
  }

  get errored() {
    return this[kErrored];
  }

  get closed() {
    return this._closed;
  }
}

setLengths(OutgoingMessage.prototype, "_flushOutput/1");

/** The text of a head in the making, and what it says of the message's framing. */
class Head {
  #message;
  #text;
  seen = { __proto__: null };

  constructor(message, firstLine) {
    this.#message = message;
    this.#text = firstLine;
  }

  /** Fields as an object, an array of names and values in turn, or of pairs; `areChecked` are a message's own. */
  addAll(headers, areChecked) {
    if (areChecked) {
      for (const key in headers) this.#addValues(headers[key][0], headers[key][1], false);
    } else if (!ArrayIsArray(headers)) {
      for (const key in headers) if (ObjectHasOwn(headers, key)) this.#addValues(key, headers[key], true);
    } else if (ArrayIsArray(headers[0])) {
      for (let i = 0; i < headers.length; i++) this.#addValues(headers[i][0], headers[i][1], true);
    } else {
      if (headers.length % 2 !== 0) throw new ERR_INVALID_ARG_VALUE("headers", headers);
      for (let i = 0; i < headers.length; i += 2) this.#addValues(headers[i], headers[i + 1], true);
    }
  }

  #addValues(name, value, isChecked) {
    if (isChecked) validateHeaderName(name);
    const key = StringPrototypeToLowerCase(name);
    if (!ArrayIsArray(value)) {
      this.#add(name, key, value, isChecked);
      return;
    }
    const unique = this.#message[kUniqueHeaders];
    if ((key === "cookie" && value.length > 1) || unique?.has(key)) {
      this.#add(name, key, ArrayPrototypeJoin(value, "; "), isChecked);
    } else {
      for (let i = 0; i < value.length; i++) this.#add(name, key, value[i], isChecked);
    }
  }

  #add(name, key, value, isChecked) {
    if (isChecked) validateHeaderValue(name, value);
    const message = this.#message;
    // A name in bytes: what a reader makes of them is its own choice.
    const text =
      key === "content-disposition" && message._contentLength ? `${Buffer.from(String(value), "latin1")}` : String(value);
    this.#text += `${name}: ${text}\r\n`;
    this.seen[key] = true;
    if (key === "connection") {
      message._removedConnection = false;
      if (RegExpPrototypeExec(CLOSE, text) !== null) message._last = true;
      else message.shouldKeepAlive = true;
    } else if (key === "transfer-encoding") {
      message._removedTE = false;
      if (RegExpPrototypeExec(chunkExpression, text) !== null) message.chunkedEncoding = true;
    } else if (key === "content-length") {
      message._contentLength = +text;
      message._removedContLen = false;
    } else if (key === "keep-alive") {
      message._defaultKeepAlive = false;
    }
  }

  /** The whole text, with what every message says. */
  end() {
    const message = this.#message;
    if (message.sendDate && !this.seen.date) this.#text += `Date: ${DatePrototypeToUTCString(new Date())}\r\n`;
    if (message.chunkedEncoding && (message.statusCode === 204 || message.statusCode === 304)) {
      message.chunkedEncoding = false;
      message.shouldKeepAlive = false;
    }
    this.#addConnection(message);
    this.#addLength(message);
    return `${this.#text}\r\n`;
  }

  #addConnection(message) {
    if (message._removedConnection) {
      message._last = !message.shouldKeepAlive;
      return;
    }
    if (this.seen.connection) return;
    const keeps =
      message.shouldKeepAlive && (this.seen["content-length"] || message.useChunkedEncodingByDefault || message.agent);
    if (!keeps) message._last = true;
    if (!keeps || message.maxRequestsOnConnectionReached) {
      this.#text += "Connection: close\r\n";
      return;
    }
    this.#text += "Connection: keep-alive\r\n";
    if (!message._keepAliveTimeout || !message._defaultKeepAlive) return;
    const limit = message._maxRequestsPerSocket;
    const max = limit > 0 ? `, max=${limit}` : "";
    this.#text += `Keep-Alive: timeout=${MathFloor(message._keepAliveTimeout / 1000)}${max}\r\n`;
  }

  #addLength(message) {
    if (this.seen["content-length"] || this.seen["transfer-encoding"]) return;
    if (!message._hasBody) {
      message.chunkedEncoding = false;
    } else if (!message.useChunkedEncodingByDefault) {
      message._last = true;
    } else if (!this.seen.trailer && !message._removedContLen && typeof message._contentLength === "number") {
      this.#text += `Content-Length: ${message._contentLength}\r\n`;
    } else if (!message._removedTE) {
      this.#text += "Transfer-Encoding: chunked\r\n";
      message.chunkedEncoding = true;
    } else {
      message._last = true;
    }
  }
}

const outgoing = {
  validateHeaderName,
  validateHeaderValue,
  kUniqueHeaders,
  kHighWaterMark,
  parseUniqueHeadersOption,
  OutgoingMessage,
};

exports.module = { __proto__: null, ...outgoing, default: outgoing };
exports.OutgoingMessage = OutgoingMessage;
exports.kHighWaterMark = kHighWaterMark;
exports.kErrored = kErrored;
exports.kOutHeaders = kOutHeaders;
exports.kUniqueHeaders = kUniqueHeaders;
exports.drained = drained;
exports.setSink = setSink;
exports.parseUniqueHeadersOption = parseUniqueHeadersOption;
