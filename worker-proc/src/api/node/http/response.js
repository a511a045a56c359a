/*
 * `ServerResponse`: what a server's listener writes, as a `Response` whose body is a stream.
 */

const {
  ArrayIsArray,
  ArrayPrototypePush,
  NumberParseInt,
  ObjectKeys,
  PromiseWithResolvers,
  RegExpPrototypeExec,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const {
  ERR_HTTP_HEADERS_SENT,
  ERR_HTTP_INVALID_STATUS_CODE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_CHAR,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_STREAM_PREMATURE_CLOSE,
} = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { Buffer } = require("node:buffer");
const { getHeader } = require("headers");
const { ReadableStream } = require("streams").globals;
const { Response } = require("fetch/response");
const { queueMicrotask } = require("timers");
const flags = require("flags");
const { STATUS_CODES, _checkInvalidHeaderChar, chunkExpression } = require("node/http/constants");
const { OutgoingMessage, drained, kErrored, kHighWaterMark, kOutHeaders, setSink } = require("node:_http_outgoing");

let responseOf;

class ServerResponse extends OutgoingMessage {
  [kOutHeaders] = null;
  statusCode = 200;
  statusMessage = "unknown";
  #response;
  #controller = null;
  /** Pieces of the body from before it is known whether it is whole already, and their bytes. */
  #pieces = null;
  #pieceBytes = 0;
  /** Bytes of the body that may still follow, by Content-Length. */
  #room = Infinity;
  #isSettled = false;

  static {
    responseOf = (response) => response.#response.promise;
  }

  constructor(req, options = {}) {
    if (!flags.enableNodejsHttpServerModules) throw new ERR_METHOD_NOT_IMPLEMENTED("ServerResponse");
    super(req, options);
    // By it `finished` knows that the event "close" comes.
    this._writableState.autoDestroy = true;
    if (req.httpVersionMajor < 1 || req.httpVersionMinor < 1) {
      this.useChunkedEncodingByDefault = RegExpPrototypeExec(chunkExpression, req.headers.te ?? "") !== null;
      this.shouldKeepAlive = false;
    }
    this.#response = PromiseWithResolvers();
    setSink(this, (bytes) => this.#push(bytes));
    this.once("_headersSent", (head) => this.#respond(head));
    this.once("error", (error) => this.#fail(error));
    this.once("close", () => this.#fail(this[kErrored] ?? new ERR_STREAM_PREMATURE_CLOSE()));
    this.once("finish", () => {
      this.#finish();
      queueMicrotask(() => this.#emitClose());
    });
  }

  #respond(head) {
    const length = getHeader(head.headers, "content-length");
    if (length !== null) this.#room = NumberParseInt(length, 10);
    if (!this._hasBody) {
      this.#resolve(null, head);
      return;
    }
    this.#pieces = [];
    // What ends in one go, as most do, needs no stream.
    queueMicrotask(() => {
      const isWhole = this.finished && this.#room === 0 && `${this.#pieceBytes}` === length;
      if (!this.#isSettled) this.#resolve(isWhole ? Buffer.concat(this.#pieces, this.#pieceBytes) : this.#stream(), head);
      this.#pieces = null;
    });
  }

  #resolve(body, { statusCode, statusMessage, headers }) {
    this.#response.resolve(new Response(body, { status: statusCode, statusText: statusMessage, headers }));
  }

  /** The body as a stream, which begins with the pieces. */
  #stream() {
    const source = {
      type: "bytes",
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => drained(this),
      cancel: (reason) => {
        this.destroy(reason);
      },
    };
    const stream = new ReadableStream(source, { highWaterMark: this[kHighWaterMark] });
    for (let i = 0; i < this.#pieces.length; i++) this.#controller.enqueue(this.#pieces[i]);
    return stream;
  }

  #push(bytes) {
    if (this.destroyed || this.#isSettled || (this.#controller === null && this.#pieces === null)) return true;
    // What Content-Length does not count is not sent.
    const counted = bytes.length > this.#room ? TypedArrayPrototypeSubarray(bytes, 0, this.#room) : bytes;
    this.#room -= counted.length;
    // The caller may use its buffer again.
    const piece = new Uint8Array(counted);
    if (this.#controller === null) {
      if (piece.length > 0) ArrayPrototypePush(this.#pieces, piece);
      this.#pieceBytes += piece.length;
      return this.#pieceBytes < this[kHighWaterMark];
    }
    if (piece.length > 0) this.#controller.enqueue(piece);
    return this.#controller.desiredSize > 0;
  }

  #finish() {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#controller?.close();
  }

  #fail(error) {
    this.#response.reject(error);
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#controller?.error(error);
  }

  #emitClose() {
    if (this._closed) return;
    this.destroyed = true;
    this._closed = true;
    this.emit("close");
  }

  destroy(error) {
    if (this.destroyed) return this;
    if (this.writableEnded) {
      this.destroyed = true;
      this[kErrored] = error;
      return this;
    }
    super.destroy(error);
    queueMicrotask(() => this.#emitClose());
    return this;
  }

  _implicitHeader() {
    this.writeHead(this.statusCode);
  }

  writeHead(statusCode, reason, obj) {
    if (this._header) throw new ERR_HTTP_HEADERS_SENT("write");
    const status = statusCode | 0;
    if (status < 200 || status > 999) throw new ERR_HTTP_INVALID_STATUS_CODE(statusCode);
    if (typeof reason === "string") {
      this.statusMessage = reason;
    } else {
      this.statusMessage ||= STATUS_CODES[status] || "unknown";
      obj ??= reason;
    }
    this.statusCode = status;
    const headers = this[kOutHeaders] ? this.#merge(obj) : obj;
    if (_checkInvalidHeaderChar(this.statusMessage)) throw new ERR_INVALID_CHAR("statusMessage");
    if (status === 204 || status === 304) this._hasBody = false;
    this._storeHeader(`HTTP/1.1 ${status} ${this.statusMessage}\r\n`, headers);
    return this;
  }

  /** Sets what `writeHead` is given over what was set before. */
  #merge(headers) {
    if (ArrayIsArray(headers)) {
      if (headers.length % 2 !== 0) throw new ERR_INVALID_ARG_VALUE("headers", headers);
      for (let i = 0; i < headers.length; i += 2) this.removeHeader(`${headers[i]}`);
      for (let i = 0; i < headers.length; i += 2) this.appendHeader(`${headers[i]}`, headers[i + 1]);
    } else if (headers) {
      const names = ObjectKeys(headers);
      for (let i = 0; i < names.length; i++) if (headers[names[i]]) this.setHeader(names[i], headers[names[i]]);
    }
    return this[kOutHeaders];
  }

  writeHeader = (statusCode, reason, obj) => this.writeHead(statusCode, reason, obj);

  assignSocket() {
    missing.assignSocket();
  }

  detachSocket() {
    missing.detachSocket();
  }

  writeContinue() {
    missing.writeContinue();
  }

  writeProcessing() {
    missing.writeProcessing();
  }

  writeEarlyHints() {
    missing.writeEarlyHints();
  }
}

const missing = {
  assignSocket: unsupported("assignSocket"),
  detachSocket: unsupported("detachSocket"),
  writeContinue: unsupported("writeContinue"),
  writeProcessing: unsupported("writeProcessing"),
  writeEarlyHints: unsupported("writeEarlyHints"),
};

setLengths(ServerResponse.prototype, "assignSocket/1 detachSocket/1 writeContinue/1 writeEarlyHints/2 writeProcessing/1");

exports.ServerResponse = ServerResponse;
/** A promise of the `Response`. */
exports.responseOf = responseOf;
