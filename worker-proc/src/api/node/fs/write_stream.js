/*
 * `WriteStream`: a stream into a file.
 */

// own: asBuffer(), concat() (a Buffer)
const { ArrayPrototypeMap, FunctionPrototypeCall } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_VALUE, ERR_STREAM_DESTROYED, ERR_SYSTEM_ERROR } = require("node/common/errors");
const { validateBoolean, validateFunction } = require("node/common/validators");
const {
  defineFileStream,
  initialize,
  kCalls,
  kIoDone,
  kIsPerformingIO,
  toStreamOptions,
} = require("node/fs/stream_operations");
const { Writable } = require("node/streams/writable");
const { queueMicrotask } = require("timers");

/** Calls in a row that write nothing, after which the stream gives up. */
const MAX_RETRIES = 5;

function WriteStream(path, options = {}) {
  if (!(this instanceof WriteStream)) return new WriteStream(path, options);
  options = toStreamOptions(options);
  const flush = options.flush ?? false;
  validateBoolean(flush, "options.flush");
  this.flush = flush;
  const writable = initialize(this, path, options, "w", { __proto__: null, write, writev });
  const { start = 0 } = options;
  const { encoding } = writable;
  this.start = start;
  this.pos = start;
  this.bytesRead = 0;
  this.bytesWritten = 0;
  FunctionPrototypeCall(Writable, this, writable);
  if (encoding != null && encoding !== "buffer") this.setDefaultEncoding(encoding);
  return this;
}
defineFileStream(WriteStream, Writable, "_writableState");

/**
 * Makes the call `method` until it has written `size` bytes. `rest(buffers, count)` is what is left of the buffers that it gives back.
 */
function writeAll(stream, method, data, size, callback, rest, position = stream.pos, retries = 0) {
  if (stream.fd == null) {
    callback(new ERR_INVALID_ARG_VALUE("fd", "null"));
    return;
  }
  const told = (error, count = 0, buffers) => {
    const isLater = error?.code === "EAGAIN";
    const written = isLater ? 0 : count;
    if (stream.destroyed || (error && !isLater)) {
      callback((!isLater && error) || new ERR_STREAM_DESTROYED(method));
      return;
    }
    stream.bytesWritten += written;
    const failures = written > 0 ? 0 : retries + 1;
    const left = size - written;
    if (failures > MAX_RETRIES) callback(new ERR_SYSTEM_ERROR(`${method} failed`));
    else if (left === 0 || buffers == null) callback(null);
    else writeAll(stream, method, rest(buffers, written), left, callback, rest, position + written, failures);
  };
  const calls = stream[kCalls];
  if (method === "write") calls.write(stream.fd, data, 0, size, position, told);
  else calls.writev(stream.fd, data, position, told);
}

const asBuffer = (data) =>
  typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const rest = (data, count) => asBuffer(data).slice(count);
const restOfAll = (buffers, count) => [Buffer.concat(ArrayPrototypeMap(buffers, asBuffer)).slice(count)];

/** Writes, with the stream marked as busy until `callback`. */
function perform(stream, method, data, size, callback, rest) {
  stream[kIsPerformingIO] = true;
  const told = (error) => {
    stream[kIsPerformingIO] = false;
    callback(error);
    if (stream.destroyed) stream.emit(kIoDone, error);
  };
  writeAll(stream, method, data, size, told, rest);
  if (stream.pos !== undefined) stream.pos += size;
}

function write(data, encodingOrCallback, callback) {
  const isCallback = typeof encodingOrCallback === "function";
  const then = isCallback ? encodingOrCallback : callback;
  validateFunction(then, "write callback");
  const bytes = typeof data === "string" ? Buffer.from(data, isCallback ? null : encodingOrCallback) : data;
  perform(this, "write", bytes, bytes.byteLength, then, rest);
}

function writev(data, callback) {
  let size = 0;
  const chunks = ArrayPrototypeMap(data, ({ chunk }) => {
    size += chunk.length;
    return chunk;
  });
  perform(this, "writev", chunks, size, callback, restOfAll);
}

WriteStream.prototype.close = function (callback = () => {}) {
  if (callback) {
    if (this.closed) {
      queueMicrotask(() => callback(null));
      return;
    }
    this.on("close", callback);
  }
  if (!this.autoClose) this.on("finish", () => this.destroy());
  // Not `destroy`: what is written is on its way.
  this.end();
};

WriteStream.prototype.destroySoon = WriteStream.prototype.end;

exports.WriteStream = WriteStream;
