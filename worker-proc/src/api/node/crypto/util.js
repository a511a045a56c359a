/*
 * Bytes out of the arguments that node:crypto functions take.
 */

const { ArrayBufferIsView, PromisePrototypeThen, Uint8Array } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE } = require("node/common/errors");
const { isAnyArrayBuffer } = require("node/common/types");

const isBytes = (value) => ArrayBufferIsView(value) || isAnyArrayBuffer(value);

/** Strings in an encoding, buffers and views, as they are. */
exports.toBytes = function (value, name, encoding) {
  if (typeof value === "string") return Buffer.from(value, encoding === "buffer" ? "utf8" : encoding);
  if (!isBytes(value)) {
    throw new ERR_INVALID_ARG_TYPE(name, ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
  }
  return value;
};

exports.isBytes = isBytes;

/** The bytes of a buffer or view; none of one that is detached. */
exports.viewOf = (bytes) =>
  bytes.byteLength === 0
    ? new Uint8Array(0)
    : ArrayBufferIsView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);

/** A Buffer over the bytes of an array. */
exports.asBuffer = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Calls back with a promise's outcome, outside of any try block of ours. */
exports.callBack = function (promise, callback, convert = (value) => value) {
  PromisePrototypeThen(
    promise,
    (value) => callback(null, convert(value)),
    (error) => callback(error),
  );
};
