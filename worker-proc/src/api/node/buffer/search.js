/*
 * `indexOf`, `lastIndexOf`, `includes` and `fill` of Buffer.
 */

const {
  ArrayBufferIsView,
  MathMin,
  MathTrunc,
  Number,
  NumberIsNaN,
  TypedArrayPrototypeCopyWithin,
  TypedArrayPrototypeFill,
  TypedArrayPrototypeIndexOf,
  TypedArrayPrototypeLastIndexOf,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_UNKNOWN_ENCODING } =
  require("node/common/errors");
const { UTF16LE, encodingNumber } = require("node/buffer/encodings");
const { isUint8Array } = require("node/common/types");

function requireEncoding(name) {
  const number = encodingNumber(name);
  if (number === undefined) throw new ERR_UNKNOWN_ENCODING(`${name}`);
  return number;
}

/** The first (or last) place of a value in a buffer, from `byteOffset` on (or back). */
exports.find = function (buffer, value, byteOffset, encoding, isForward) {
  if (typeof byteOffset === "string") {
    encoding = byteOffset;
    byteOffset = undefined;
  } else if (byteOffset > 0x7fffffff) {
    byteOffset = 0x7fffffff;
  } else if (byteOffset < -0x80000000) {
    byteOffset = -0x80000000;
  }
  byteOffset = +byteOffset;
  const length = buffer.byteLength;
  if (NumberIsNaN(byteOffset)) byteOffset = isForward ? 0 : length;
  byteOffset = MathTrunc(byteOffset);

  if (typeof value === "number") {
    const byte = (value >>> 0) & 0xff;
    const find = isForward ? TypedArrayPrototypeIndexOf : TypedArrayPrototypeLastIndexOf;
    return find(buffer, byte, byteOffset);
  }
  if (typeof value !== "string" && !isUint8Array(value)) {
    throw new ERR_INVALID_ARG_TYPE("value", ["number", "string", "Buffer", "Uint8Array"], value);
  }
  const number = requireEncoding(encoding);
  const needle = typeof value === "string" ? ops.encode(value, number) : value;

  let start = byteOffset < 0 ? byteOffset + length : byteOffset;
  if (start < 0) {
    if (!isForward) return -1;
    start = 0;
  }
  start = MathMin(start, length);
  if (needle.byteLength === 0) return start;
  if (needle.byteLength > (isForward ? length - start : length)) return -1;
  // In UTF-16 only whole units match.
  const step = number === UTF16LE ? 2 : 1;
  if (step === 2 && (length < 2 || needle.byteLength < 2)) return -1;
  return ops.search(buffer, needle, start, isForward, step);
};

exports.fill = function (buffer, value, start, end, encoding) {
  let bytes;
  if (typeof value === "string") {
    if (typeof start === "string") {
      encoding = start;
      start = 0;
      end = buffer.length;
    } else if (typeof end === "string") {
      encoding = end;
      end = buffer.length;
    }
    bytes = [value, requireEncoding(encoding)];
  }
  for (
    let i = 0,
      entries = [
        ["start", start],
        ["end", end],
      ];
    i < entries.length;
    i++
  ) {
    const { 0: name, 1: bound } = entries[i];
    if (bound !== undefined && typeof bound !== "number") throw new ERR_INVALID_ARG_TYPE(name, "number", bound);
  }
  if (end < 0 || end > buffer.length) throw new ERR_OUT_OF_RANGE("end", `0 to ${buffer.length}`, end);
  if (start < 0 || start > buffer.length) throw new ERR_OUT_OF_RANGE("start", "0 to end", start);
  if (end <= start) return buffer;
  start >>>= 0;
  end = end === undefined ? buffer.length : end >>> 0;

  if (bytes !== undefined) {
    const pattern = ops.encode(bytes[0], bytes[1]);
    if (pattern.byteLength === 0) {
      if (bytes[0].length > 0) throw new ERR_INVALID_ARG_VALUE("value", value);
      TypedArrayPrototypeFill(buffer, 0, start, end);
      return buffer;
    }
    repeat(buffer, pattern, start, end);
  } else if (ArrayBufferIsView(value)) {
    if (value.byteLength === 0) throw new ERR_INVALID_ARG_VALUE("value", "zero-length");
    repeat(buffer, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), start, end);
  } else {
    TypedArrayPrototypeFill(buffer, typeof value === "number" ? value & 255 : Number(value ?? 0), start, end);
  }
  return buffer;
};

/** Fills a range with a pattern: written once, then doubled. */
function repeat(buffer, pattern, start, end) {
  const size = end - start;
  if (size <= 0) return;
  if (pattern.length >= size) {
    TypedArrayPrototypeSet(buffer, TypedArrayPrototypeSubarray(pattern, 0, size), start);
    return;
  }
  TypedArrayPrototypeSet(buffer, pattern, start);
  let done = pattern.length;
  while (done < size) {
    const count = MathMin(done, size - done);
    TypedArrayPrototypeCopyWithin(buffer, start + done, start, start + count);
    done += count;
  }
}

exports.requireEncoding = requireEncoding;
