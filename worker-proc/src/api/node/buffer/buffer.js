/*
 * node:buffer and the global Buffer. Bytes and text are turned into each other by ops
 * (`encode`, `decode`, `writeText`, `search`, `compareBytes`); every Buffer has its own memory.
 */

// own: value (what the caller gives); buffer (a Buffer)
const {
  ArrayBufferIsView,
  ArrayFrom,
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypeSlice,
  DataView,
  Error,
  MathAbs,
  MathFloor,
  MathMax,
  MathMin,
  MathTrunc,
  NumberIsNaN,
  NumberMAX_SAFE_INTEGER,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  RegExpPrototypeSymbolReplace,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  StringPrototypeCodePointAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeTrim,
  SymbolToPrimitive,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
  Uint8ArrayPrototype,
} = primordials;
const { atob, btoa } = require("encoding");
const blobs = require("blob");
const { published } = require("webidl");
const { customInspect, inspect } = require("console/inspect");
const { ownNonIndexKeys } = require("console/introspect");
const {
  ERR_BUFFER_OUT_OF_BOUNDS,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_BUFFER_SIZE,
  ERR_OUT_OF_RANGE,
  ERR_UNKNOWN_ENCODING,
} = require("node/common/errors");
const { setLength, setLengths } = require("node/common/unsupported");
const { validateString } = require("node/common/validators");
const { isAnyArrayBuffer, isUint8Array } = require("node/common/types");
const encodings = require("node/buffer/encodings");
const { checkOffset, numberMethods } = require("node/buffer/numbers");
const { fill, find, requireEncoding } = require("node/buffer/search");

const { ASCII, BASE64, BASE64URL, HEX, LATIN1, UTF16LE, UTF8, encodingNumber } = encodings;

const kMaxLength = 2147483647;
const kStringMaxLength = 536870888;
const MAX_UINT32 = 2 ** 32;
const MAX_TRANSCODE_BYTES = 128 * 1024 * 1024;
const INSPECT_MAX_BYTES = 50;
const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };

/** Makes a Buffer of a Uint8Array, in place. */
const asBuffer = (bytes) => ObjectSetPrototypeOf(bytes, Buffer.prototype);

function Buffer(value, encodingOrOffset, length) {
  if (typeof value === "number") {
    if (typeof encodingOrOffset === "string") throw new ERR_INVALID_ARG_TYPE("string", "string", value);
    return allocUnsafe(value);
  }
  return from(value, encodingOrOffset, length);
}

ObjectSetPrototypeOf(Buffer, Uint8Array);
ObjectSetPrototypeOf(Buffer.prototype, Uint8ArrayPrototype);

function from(value, encodingOrOffset, length) {
  if (typeof value === "string") return fromString(value, encodingOrOffset);
  if (typeof value === "object" && value !== null) {
    if (isAnyArrayBuffer(value)) return fromArrayBuffer(value, encodingOrOffset, length);
    const primitive = value.valueOf?.();
    if (primitive != null && primitive !== value && (typeof primitive === "string" || typeof primitive === "object")) {
      return from(primitive, encodingOrOffset, length);
    }
    if (value.length !== undefined || isAnyArrayBuffer(value.buffer)) {
      return typeof value.length === "number" ? fromArrayLike(value) : asBuffer(new Uint8Array(0));
    }
    if (value.type === "Buffer" && ArrayIsArray(value.data)) return fromArrayLike(value.data);
    if (typeof value[SymbolToPrimitive] === "function") {
      const text = value[SymbolToPrimitive]("string");
      if (typeof text === "string") return fromString(text, encodingOrOffset);
    }
  }
  throw new ERR_INVALID_ARG_TYPE(
    "first argument",
    ["string", "Buffer", "TypedArray", "ArrayBuffer", "SharedArrayBuffer", "Array", "Array-like Object"],
    value,
  );
}

function fromString(text, encoding) {
  const number = requireEncoding(typeof encoding === "string" ? encoding : undefined);
  return asBuffer(ops.encode(text, number));
}

function fromArrayLike(list) {
  const { length } = list;
  const size = NumberIsNaN(length) || length < 0 ? 0 : MathTrunc(length);
  const bytes = allocate(size);
  if (isUint8Array(list)) TypedArrayPrototypeSet(bytes, list);
  else for (let i = 0; i < size; i++) bytes[i] = list[i];
  return bytes;
}

function fromArrayBuffer(memory, byteOffset, length) {
  byteOffset = byteOffset === undefined ? 0 : +byteOffset;
  if (NumberIsNaN(byteOffset)) byteOffset = 0;
  const available = memory.byteLength - byteOffset;
  if (available < 0) throw new ERR_BUFFER_OUT_OF_BOUNDS("offset");
  if (length === undefined) {
    length = available;
  } else {
    length = +length;
    if (!(length > 0)) length = 0;
    else if (length > available) throw new ERR_BUFFER_OUT_OF_BOUNDS("length");
  }
  return asBuffer(new Uint8Array(memory, byteOffset, length));
}

function allocate(size) {
  if (size > kMaxLength) throw new ERR_OUT_OF_RANGE("The given length is invalid", `0 to ${kMaxLength}`, size);
  return asBuffer(new Uint8Array(size));
}

function alloc(size, value, encoding) {
  if (typeof size !== "number") throw new ERR_INVALID_ARG_TYPE("size", "number", size);
  if (NumberIsNaN(size)) throw new ERR_INVALID_ARG_VALUE.RangeError("size", size);
  if (!(size >= 0 && size < kMaxLength)) throw new ERR_OUT_OF_RANGE("size", `0 to ${kMaxLength}`, size);
  const buffer = allocate(size);
  if (value === undefined) return buffer;
  if (encoding !== undefined) validateString(encoding, "encoding");
  return buffer.fill(value, encoding);
}

// Memory is always zeroed: it could hold another request's data.
function allocUnsafe(size) {
  return alloc(size);
}

function SlowBuffer(length) {
  return alloc(+length);
}
ObjectSetPrototypeOf(SlowBuffer.prototype, Uint8ArrayPrototype);
ObjectSetPrototypeOf(SlowBuffer, Uint8Array);

function asBytes(value, name) {
  if (!isUint8Array(value)) {
    throw new ERR_INVALID_ARG_TYPE(name, ["Buffer", "Uint8Array"], value);
  }
  return value;
}

function compare(a, b) {
  asBytes(a, "buf1");
  asBytes(b, "buf2");
  return a === b ? 0 : ops.compareBytes(a, b);
}

function base64Length(text) {
  let { length } = text;
  if (StringPrototypeCharCodeAt(text, length - 1) === 0x3d) length--;
  if (length > 1 && StringPrototypeCharCodeAt(text, length - 1) === 0x3d) length--;
  return (length * 3) >>> 2;
}

function byteLength(value, encoding) {
  if (typeof value !== "string") {
    if (ArrayBufferIsView(value) || isAnyArrayBuffer(value)) return value.byteLength;
    throw new ERR_INVALID_ARG_TYPE("string", ["string", "Buffer", "ArrayBuffer"], value);
  }
  switch (encodingNumber(encoding)) {
    case ASCII:
    case LATIN1:
      return value.length;
    case UTF16LE:
      return value.length * 2;
    case BASE64:
    case BASE64URL:
      return base64Length(value);
    case HEX:
      return value.length >>> 1;
    default:
      return ops.utf8Length(value);
  }
}

function concat(list, length) {
  if (!ArrayIsArray(list)) throw new ERR_INVALID_ARG_TYPE("list", "(Buffer|Uint8Array)[]", list);
  if (list.length === 0) return alloc(0);
  let total = 0;
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    if (!isUint8Array(item)) throw new ERR_INVALID_ARG_TYPE("list", "(Buffer|Uint8Array)[]", item);
    total += item.length;
  }
  if (length !== undefined) checkOffset(length, "length", NumberMAX_SAFE_INTEGER);
  const result = allocate(length ?? total);
  let position = 0;
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    const room = result.length - position;
    if (room <= 0) break;
    TypedArrayPrototypeSet(result, item.length > room ? TypedArrayPrototypeSubarray(item, 0, room) : item, position);
    position += item.length;
  }
  return result;
}

ObjectAssign(Buffer, {
  from(value, encodingOrOffset, length) {
    return from(value, encodingOrOffset, length);
  },
  of(...values) {
    return fromArrayLike(values);
  },
  alloc,
  allocUnsafe,
  allocUnsafeSlow: allocUnsafe,
  isBuffer: (value) => value instanceof Buffer,
  isEncoding: (name) => typeof name === "string" && name.length !== 0 && encodingNumber(name) !== undefined,
  compare,
  concat,
  byteLength,
  copyBytesFrom,
});
// No pool: memory that buffers share could leak from one to the other.
ObjectDefineProperty(Buffer, "poolSize", { enumerable: true, value: 0, writable: false });

function copyBytesFrom(view, offset, length) {
  if (!ArrayBufferIsView(view) || view instanceof DataView) {
    throw new ERR_INVALID_ARG_TYPE("view", ["TypedArray"], view);
  }
  if (view.length === 0) return alloc(0);
  if (offset !== undefined) {
    checkOffset(offset, "offset", NumberMAX_SAFE_INTEGER);
    if (offset >= view.length) return alloc(0);
  } else {
    offset = 0;
  }
  let end = view.length;
  if (length !== undefined) {
    checkOffset(length, "length", NumberMAX_SAFE_INTEGER);
    end = MathMin(offset + length, end);
  }
  const part = TypedArrayPrototypeSlice(view, offset, end);
  return fromArrayLike(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
}

function swap(buffer, size) {
  if (buffer.length % size !== 0) throw new ERR_INVALID_BUFFER_SIZE(size * 8);
  for (let i = 0; i < buffer.length; i += size) {
    for (let a = i, b = i + size - 1; a < b; a++, b--) {
      const byte = buffer[a];
      buffer[a] = buffer[b];
      buffer[b] = byte;
    }
  }
  return buffer;
}

const toInteger = (value) => {
  const number = +value;
  return NumberIsNaN(number) || MathAbs(number) > NumberMAX_SAFE_INTEGER ? 0 : MathFloor(number);
};

const methods = {
  swap16() {
    return swap(this, 2);
  },
  swap32() {
    return swap(this, 4);
  },
  swap64() {
    return swap(this, 8);
  },

  toString(encoding, start, end) {
    const { length } = this;
    if (arguments.length === 0) return ops.decode(this, UTF8, 0, length);
    if (start === undefined || start <= 0) start = 0;
    else if (start >= length) return "";
    else start |= 0;
    if (end === undefined || end > length) end = length;
    else end |= 0;
    if (end <= start) return "";
    const number = encoding === undefined ? UTF8 : encodingNumber(encoding === null ? "null" : encoding);
    if (number === undefined) throw new ERR_UNKNOWN_ENCODING(`${encoding}`);
    return ops.decode(this, number, start, end);
  },

  equals(other) {
    asBytes(other, "otherBuffer");
    return this === other || (this.byteLength === other.byteLength && ops.compareBytes(this, other) === 0);
  },

  inspect(_depth, options) {
    const max = MathMin(this.byteLength, INSPECT_MAX_BYTES);
    let shown = StringPrototypeTrim(RegExpPrototypeSymbolReplace(/(.{2})/g, ops.decode(this, HEX, 0, max), "$1 "));
    const rest = this.byteLength - max;
    if (rest > 0) shown += ` ... ${rest} more byte${rest > 1 ? "s" : ""}`;
    const keys = options ? ownNonIndexKeys(this, !options.showHidden) : [];
    if (keys.length > 0) {
      const extra = { __proto__: null };
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        extra[key] = this[key];
      }
      if (this.length !== 0) shown += ", ";
      // Without "[Object: null prototype] {" and the closing brace.
      shown += StringPrototypeSlice(inspect(extra, { ...options, breakLength: Infinity, compact: true }), 27, -2);
    }
    return `<Buffer ${shown}>`;
  },

  compare(target, targetStart, targetEnd, sourceStart, sourceEnd) {
    asBytes(target, "target");
    const check = (value, name, fallback, max) => {
      if (value === undefined) return fallback;
      checkOffset(value, name, max);
      return value;
    };
    targetStart = check(targetStart, "targetStart", 0, kMaxLength);
    targetEnd = check(targetEnd, "targetEnd", target.length, target.length);
    sourceStart = check(sourceStart, "sourceStart", 0, kMaxLength);
    sourceEnd = check(sourceEnd, "sourceEnd", this.length, this.length);
    if (sourceStart >= sourceEnd) return targetStart >= targetEnd ? 0 : -1;
    if (targetStart >= targetEnd) return 1;
    const view = (bytes, start, end) => new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    return ops.compareBytes(view(this, sourceStart, sourceEnd), view(target, targetStart, targetEnd));
  },

  includes(value, byteOffset, encoding) {
    return find(this, value, byteOffset, encoding, true) !== -1;
  },
  indexOf(value, byteOffset, encoding) {
    return find(this, value, byteOffset, encoding, true);
  },
  lastIndexOf(value, byteOffset, encoding) {
    return find(this, value, byteOffset, encoding, false);
  },
  fill(value, start, end, encoding) {
    return fill(this, value, start, end, encoding);
  },

  write(text, offset, length, encoding) {
    text = `${text}`;
    if (offset === undefined) return ops.writeText(this, text, 0, this.length, UTF8);
    if (length === undefined && typeof offset === "string") {
      encoding = offset;
      offset = 0;
      length = this.length;
    } else {
      checkOffset(offset, "offset", this.length);
      const room = this.length - offset;
      if (length === undefined) {
        length = room;
      } else if (typeof length === "string") {
        encoding = length;
        length = room;
      } else {
        checkOffset(length, "length", this.length);
        length = MathMin(length, room);
      }
    }
    return ops.writeText(this, text, offset, length, requireEncoding(encoding || undefined));
  },

  toJSON() {
    return { type: "Buffer", data: ArrayPrototypeSlice(this) };
  },

  slice(start, end) {
    const { length } = this;
    const clamp = (value) => (value < 0 ? MathMax(value + length, 0) : MathMin(value, length));
    const first = clamp(~~start);
    const last = MathMax(end === undefined ? length : clamp(~~end), first);
    return asBuffer(new Uint8Array(this.buffer, this.byteOffset + first, last - first));
  },

  copy(target, targetStart, sourceStart, sourceEnd) {
    if (!isUint8Array(target)) throw new ERR_INVALID_ARG_TYPE("target", ["Buffer", "Uint8Array"], target);
    targetStart = toInteger(targetStart);
    if (targetStart < 0) throw new ERR_OUT_OF_RANGE("targetStart", ">= 0", targetStart);
    sourceStart = toInteger(sourceStart);
    if (sourceStart < 0) throw new ERR_OUT_OF_RANGE("sourceStart", ">= 0", sourceStart);
    if (sourceStart >= MAX_UINT32) throw new ERR_OUT_OF_RANGE("sourceStart", `< ${MAX_UINT32}`, sourceStart);
    sourceEnd = toInteger(sourceEnd ?? this.length);
    if (sourceEnd < 0) throw new ERR_OUT_OF_RANGE("sourceEnd", ">= 0", sourceEnd);
    if (sourceEnd >= MAX_UINT32) throw new ERR_OUT_OF_RANGE("sourceEnd", `< ${MAX_UINT32}`, sourceEnd);
    const count = MathMin(MathMin(sourceEnd, this.length) - sourceStart, target.length - targetStart);
    if (count <= 0) return 0;
    const source = new Uint8Array(this.buffer, this.byteOffset + sourceStart, count);
    TypedArrayPrototypeSet(target, source, targetStart);
    return count;
  },
};
methods.toLocaleString = methods.toString;
methods[customInspect] = methods.inspect;

// The old per-encoding methods.
for (
  let i = 0,
    entries = [
      ["ascii", ASCII],
      ["base64", BASE64],
      ["base64url", BASE64URL],
      ["hex", HEX],
      ["latin1", LATIN1],
      ["ucs2", UTF16LE],
      ["utf8", UTF8],
    ];
  i < entries.length;
  i++
) {
  const { 0: prefix, 1: number } = entries[i];
  const slice = function (start = 0, end = this.length) {
    checkOffset(start, "start", this.length);
    checkOffset(end, "end", this.length);
    return end <= start ? "" : ops.decode(this, number, start, end);
  };
  const write = function (text, offset = 0, length = this.length - offset) {
    checkOffset(offset, "offset", this.length);
    checkOffset(length, "length", this.length - offset);
    return ops.writeText(this, `${text}`, offset, length, number);
  };
  setLength([slice], 2);
  setLength([write], 3);
  methods[`${prefix}Slice`] = ObjectDefineProperty(slice, "name", { value: `${prefix}Slice` });
  methods[`${prefix}Write`] = ObjectDefineProperty(write, "name", { value: `${prefix}Write` });
}

setLengths(numberMethods, "writeDoubleBE/2 writeDoubleLE/2 writeFloatBE/2 writeFloatLE/2");
ObjectAssign(Buffer.prototype, methods, numberMethods);
for (
  let i = 0,
    entries = [
      ["parent", "buffer"],
      ["offset", "byteOffset"],
    ];
  i < entries.length;
  i++
) {
  const { 0: name, 1: field } = entries[i];
  ObjectDefineProperty(Buffer.prototype, name, {
    __proto__: null,
    enumerable: true,
    get() {
      return this instanceof Buffer ? this[field] : undefined;
    },
  });
}

function checkAttached(value, what) {
  if (value?.detached || value?.buffer?.detached) {
    throw new Error(`Unable to determine if buffer is ${what} when it is detached`);
  }
  if (!ArrayBufferIsView(value) && !isAnyArrayBuffer(value)) {
    throw new ERR_INVALID_ARG_TYPE("input", ["ArrayBuffer", "Buffer", "TypedArray"], value);
  }
}

function isAscii(value) {
  checkAttached(value, "ASCII");
  return ops.isAscii(value);
}

function isUtf8(value) {
  checkAttached(value, "UTF8");
  return ops.isUtf8(value);
}

/** Re-encodes bytes; a character the target lacks becomes "?". */
function transcode(source, fromEncoding, toEncoding) {
  if (!ArrayBufferIsView(source)) throw new ERR_INVALID_ARG_TYPE("source", "ArrayBufferView", source);
  const input = requireEncoding(fromEncoding);
  const output = requireEncoding(toEncoding);
  const supported = [ASCII, LATIN1, UTF8, UTF16LE];
  if (!ArrayPrototypeIncludes(supported, input) || !ArrayPrototypeIncludes(supported, output)) {
    throw new Error("Unable to transcode buffer due to unsupported encoding");
  }
  const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (bytes.length >= MAX_TRANSCODE_BYTES) throw new Error("Source buffer is too large to transcode");
  const isBroken = input === UTF16LE ? bytes.length % 2 !== 0 : input === UTF8 && output === UTF16LE && !ops.isUtf8(bytes);
  if (isBroken) throw new Error("Unable to transcode buffer");
  const isByte = (encoding) => encoding === ASCII || encoding === LATIN1;
  let text = ops.decode(bytes, isByte(input) ? LATIN1 : input, 0, bytes.length);
  if (isByte(input) && output !== UTF16LE)
    text = RegExpPrototypeSymbolReplace(
      /[\x80-\x9f]/g,
      text,
      (char) => WINDOWS_1252[StringPrototypeCharCodeAt(char, 0) - 0x80],
    );
  if (!isByte(output)) return asBuffer(ops.encode(text, output));
  text = ArrayPrototypeJoin(ArrayFrom(text, toWindows1252), "");
  return asBuffer(ops.encode(text, LATIN1));
}

// The byte encodings are converted as Windows-1252; its 32 characters from 0x80 on.
const WINDOWS_1252 =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

function toWindows1252(char) {
  const code = StringPrototypeCodePointAt(char, 0);
  if (code < 0x80 || (code >= 0xa0 && code <= 0xff)) return char;
  const index = StringPrototypeIndexOf(WINDOWS_1252, char);
  return index === -1 ? "?" : StringFromCharCode(0x80 + index);
}

setLength([resolveObjectURL], 1);

function resolveObjectURL() {
  throw new Error("resolveObjectURL is not implemented");
}

const Blob = published(blobs.Blob);
const File = published(blobs.File);

const buffer = {
  atob,
  btoa,
  constants,
  kMaxLength,
  kStringMaxLength,
  Blob,
  Buffer,
  File,
  SlowBuffer,
  isAscii,
  isUtf8,
  transcode,
  INSPECT_MAX_BYTES,
  resolveObjectURL,
};

ObjectAssign(exports, buffer, { default: buffer });
