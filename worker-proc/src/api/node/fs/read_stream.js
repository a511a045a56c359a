/*
 * `ReadStream`: a stream of what is in a file.
 */

// own: stream, this (a stream)
const { FunctionPrototypeCall, MathMin } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE } = require("node/common/errors");
const { validateUint32 } = require("node/common/validators");
const {
  defineFileStream,
  initialize,
  kCalls,
  kIoDone,
  kIsPerformingIO,
  toStreamOptions,
} = require("node/fs/stream_operations");
const { errorOrDestroy } = require("node/streams/destroy");
const { finished } = require("node/streams/finished");
const { Readable } = require("node/streams/readable");

function ReadStream(path, options = {}) {
  if (!(this instanceof ReadStream)) return new ReadStream(path, options);
  options = toStreamOptions(options);
  const { start = 0, end = Infinity } = options;
  if (end !== Infinity) {
    validateUint32(end, "options.end");
    if (start > end) throw new ERR_OUT_OF_RANGE("start", `<= "end" (here: ${end})`, start);
  }
  const readable = initialize(this, path, options, "r", { __proto__: null, read });
  this.start = start;
  this.end = end;
  this.pos = start;
  this.bytesRead = 0;
  FunctionPrototypeCall(Readable, this, readable);
  return this;
}
defineFileStream(ReadStream, Readable, "_readableState");

function read(wanted) {
  const count = MathMin(this.end - (this.pos ?? this.bytesRead) + 1, wanted);
  if (count <= 0) {
    this.push(null);
    return;
  }
  this[kIsPerformingIO] = true;
  if (this.fd == null) {
    this.push(null);
    return;
  }
  const buffer = Buffer.allocUnsafeSlow(count);
  this[kCalls].read(this.fd, buffer, 0, count, this.pos, (error, bytesRead, filled) => {
    this[kIsPerformingIO] = false;
    if (this.destroyed) this.emit(kIoDone, error);
    else if (error) errorOrDestroy(this, error);
    else if (filled == null) errorOrDestroy(this, new ERR_INVALID_ARG_VALUE("buf", "null"));
    else take(this, bytesRead, filled);
  });
}

function take(stream, count, buffer) {
  if (!(count > 0)) {
    stream.push(null);
    return;
  }
  if (stream.pos !== undefined) stream.pos += count;
  stream.bytesRead += count;
  // A copy, so that a small piece does not keep a large buffer.
  const isWhole = count === buffer.byteLength;
  stream.push(isWhole ? buffer : Buffer.from(Buffer.from(buffer.buffer, buffer.byteOffset, count)));
}

ReadStream.prototype.close = function (callback = () => {}) {
  if (typeof callback === "function") finished(this, callback);
  this.destroy();
};

exports.ReadStream = ReadStream;
