/*
 * node:zlib: deflate, gzip, Brotli and Zstandard as streams, with callbacks, and at once.
 * The coders are native; a stream feeds them chunk by chunk.
 */

// own: stream (a stream)
const {
  ArrayBufferIsView,
  ArrayPrototypeIncludes,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  Boolean,
  Error,
  FunctionPrototypeCall,
  MathMax,
  MathMin,
  Number,
  NumberIsNaN,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectFreeze,
  ObjectKeys,
  ObjectSetPrototypeOf,
  RangeError,
  StringPrototypeStartsWith,
  Symbol,
  SymbolToStringTag,
  TypeError,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint32Array,
  Uint8Array,
} = primordials;
const { NOT_AN_INTEGER } = require("webidl");
const { queueMicrotask } = require("timers");
const { Buffer } = require("node:buffer");
const { LazyTransform } = require("node/streams/transform");
const { ERR_BROTLI_INVALID_PARAM, ERR_INVALID_ARG_TYPE, ERR_ZLIB_INITIALIZATION_FAILED } = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { finished } = require("node/streams/finished");
const { isAnyArrayBuffer } = require("node/common/types");
const { setLength } = require("node/common/unsupported");
const { checkRangesOrGetDefault, validateFunction, validateUint32 } = require("node/common/validators");
const { constants } = require("node/zlib/constants");

const {
  BROTLI_DECODE,
  BROTLI_ENCODE,
  BROTLI_OPERATION_FINISH,
  BROTLI_OPERATION_FLUSH,
  BROTLI_OPERATION_PROCESS,
  BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING,
  BROTLI_PARAM_LGWIN,
  BROTLI_PARAM_QUALITY,
  DEFLATE,
  DEFLATERAW,
  GUNZIP,
  GZIP,
  INFLATE,
  INFLATERAW,
  UNZIP,
  ZSTD_COMPRESS,
  ZSTD_DECOMPRESS,
  ZSTD_e_continue,
  ZSTD_e_end,
  ZSTD_e_flush,
  Z_BLOCK,
  Z_DEFAULT_CHUNK,
  Z_DEFAULT_COMPRESSION,
  Z_DEFAULT_MEMLEVEL,
  Z_DEFAULT_STRATEGY,
  Z_DEFAULT_WINDOWBITS,
  Z_FINISH,
  Z_FIXED,
  Z_FULL_FLUSH,
  Z_MAX_LEVEL,
  Z_MAX_MEMLEVEL,
  Z_MAX_WINDOWBITS,
  Z_MIN_CHUNK,
  Z_MIN_LEVEL,
  Z_MIN_MEMLEVEL,
  Z_MIN_WINDOWBITS,
  Z_NO_FLUSH,
  Z_SYNC_FLUSH,
} = constants;

const { OUTPUT, TAKEN, ENDED } = ops.Written;
const { ERRNO, CODE, MESSAGE } = ops.Fault;
const MAX_LENGTH = 2147483647;
// What one write may expand to.
const MAX_WRITE_OUTPUT_BYTES = 128 * 1024 * 1024;
const kFlush = Symbol("kFlush");

let nativeOf;

/** The bytes of a buffer or view; none of one that is detached, or lies behind its buffer's end. */
function viewOf(value) {
  if (value === undefined || value === null || value.byteLength === 0) return new Uint8Array(0);
  if (ArrayBufferIsView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new Uint8Array(value);
}

/** A part of bytes that users name by numbers. */
function partOf(bytes, start, length, what) {
  if (start < 0 || length < 0 || start + length > bytes.length) throw new Error(`${what} access is not within bounds`);
  return TypedArrayPrototypeSubarray(bytes, start, start + length);
}

/** What a handle that users make stands for, as a stream is for the others. */
function standIn(mode) {
  if (!(mode >= DEFLATE && mode <= UNZIP)) throw new TypeError("Invalid zlib mode");
  const state = new Uint32Array(2);
  return { _mode: mode, _modes: zlibModes, _writeState: state, _ended: false, _total: 0, _maxOutputLength: MAX_LENGTH };
}

/** A native coder, with the methods that Node's handles have. */
class ZlibStream {
  #stream;
  #native;
  #callback;

  constructor(streamOrMode) {
    this.#stream = streamOrMode instanceof ZlibBase ? streamOrMode : standIn(Number(streamOrMode));
    this.#native = this.#stream._make?.();
    this.#stream._handle = this;
  }

  static {
    nativeOf = (handle) => {
      if (handle.#native === undefined) throw new Error("Zlib stream is not initialized");
      return handle.#native;
    };
  }

  initialize(windowBits, level, memLevel, strategy, writeState, callback, dictionary) {
    const stream = this.#stream;
    const bits = Number(windowBits) | 0;
    const made = viewOf(dictionary);
    const settings = [Number(level) | 0, bits || Z_DEFAULT_WINDOWBITS, Number(memLevel) | 0, Number(strategy) | 0];
    stream._make = () =>
      ops.zlibNew(stream._mode, made.length > 0 ? made : undefined, settings[0], settings[1], settings[2], settings[3]);
    stream._writeState = writeState;
    this.#callback = callback;
    this.#native = stream._make();
  }

  params(level, strategy) {
    ops.zlibParams(nativeOf(this), Number(level) | 0, Number(strategy) | 0);
  }

  /** Codes a piece of input into `out`; the write state says what is left of both. */
  writeSync(flush, input, inputStart, inputLength, out, outStart, outLength) {
    // Numbers first: whoever gives an object for one may change the buffers.
    const flag = Number(flush) | 0;
    const from = [Number(inputStart) | 0, Number(inputLength) | 0];
    const to = [Number(outStart) >>> 0, Number(outLength) >>> 0];
    const bytes = partOf(viewOf(input), from[0], from[1], "Input");
    const room = partOf(viewOf(out), to[0], to[1], "Output");
    const { output, rest } = code(this.#stream, bytes, flag, room.length);
    TypedArrayPrototypeSet(room, output);
    const state = this.#stream._writeState;
    if (!(state?.length >= 2)) throw new Error("Invalid write result buffer");
    state[0] = room.length - output.length;
    state[1] = rest.length;
  }

  write(flush, input, inputStart, inputLength, out, outStart, outLength) {
    this.writeSync(flush, input, inputStart, inputLength, out, outStart, outLength);
    this.#callback?.();
  }

  reset() {
    this.#native = this.#stream._make();
    this.#stream._ended = false;
    this.#stream._total = 0;
  }

  close() {
    this.#stream._handle = null;
    if (this.#native !== undefined) ops.zlibClose(this.#native);
    this.#native = undefined;
  }

  get [SymbolToStringTag]() {
    return "ZlibStream";
  }
}

const codes = {
  Z_OK: 0,
  Z_STREAM_END: 1,
  Z_NEED_DICT: 2,
  Z_ERRNO: -1,
  Z_STREAM_ERROR: -2,
  Z_DATA_ERROR: -3,
  Z_MEM_ERROR: -4,
  Z_BUF_ERROR: -5,
  Z_VERSION_ERROR: -6,
};
for (let i = 0, names = ObjectKeys(codes); i < names.length; i++) {
  const name = names[i];
  codes[codes[name]] = name;
}
ObjectFreeze(codes);

function dataError(errno, code, message) {
  const error = new Error(message);
  return ObjectAssign(error, { errno, code });
}

/** A stream over one native coder. `modes` says how to flush: none, all, and the end. */
function ZlibBase(options, mode, modes) {
  let chunkSize = Z_DEFAULT_CHUNK;
  let maxOutputLength = MAX_LENGTH;
  this._defaultFlushFlag = modes.none;
  this._finishFlushFlag = modes.finish;
  this._defaultFullFlushFlag = modes.full;
  if (options) {
    chunkSize = checkRangesOrGetDefault(options.chunkSize, "options.chunkSize", Z_MIN_CHUNK, Infinity, chunkSize);
    this._defaultFlushFlag = checkRangesOrGetDefault(options.flush, "options.flush", modes.none, modes.last, modes.none);
    this._finishFlushFlag = checkRangesOrGetDefault(
      options.finishFlush,
      "options.finishFlush",
      modes.none,
      modes.last,
      modes.finish,
    );
    maxOutputLength = checkRangesOrGetDefault(
      options.maxOutputLength,
      "options.maxOutputLength",
      1,
      MAX_LENGTH,
      maxOutputLength,
    );
    if (options.encoding || options.objectMode || options.writableObjectMode) {
      options = { ...options, encoding: null, objectMode: false, writableObjectMode: false };
    }
  }
  FunctionPrototypeCall(LazyTransform, this, options && { autoDestroy: true, ...options });
  this.bytesWritten = 0;
  this._chunkSize = chunkSize;
  this._outOffset = 0;
  this._maxOutputLength = maxOutputLength;
  this._info = Boolean(options?.info);
  this._mode = mode;
  this._modes = modes;
  this._writeState = new Uint32Array(2);
  this._ended = false;
  this._total = 0;
}
ObjectSetPrototypeOf(ZlibBase.prototype, LazyTransform.prototype);
ObjectSetPrototypeOf(ZlibBase, LazyTransform);

ObjectDefineProperties(ZlibBase.prototype, {
  _closed: {
    __proto__: null,
    configurable: true,
    enumerable: true,
    get() {
      return !this._handle;
    },
  },
  // For code that drives a handle itself; a stream has no use for it.
  _outBuffer: {
    __proto__: null,
    configurable: true,
    enumerable: false,
    get() {
      const buffer = Buffer.allocUnsafe(this._chunkSize);
      this._outBuffer = buffer;
      return buffer;
    },
    set(value) {
      ObjectDefineProperty(this, "_outBuffer", {
        __proto__: null,
        configurable: true,
        enumerable: true,
        writable: true,
        value,
      });
    },
  },
  bytesRead: {
    __proto__: null,
    configurable: true,
    enumerable: false,
    get() {
      return this.bytesWritten;
    },
    set(value) {
      this.bytesWritten = value;
    },
  },
});

ZlibBase.prototype.reset = function () {
  if (!this._handle) throw new Error("zlib binding closed");
  this._handle = new ZlibStream(this);
  this._ended = false;
  this._total = 0;
};

ZlibBase.prototype._destroy = function (error, callback) {
  this._handle?.close();
  callback(error);
};

ZlibBase.prototype.close = function (callback) {
  if (callback) finished(this, callback);
  this.destroy();
};

/** Runs bytes through the coder: up to `room` bytes of its output, and the rest of the bytes. Throws on bad data. */
function code(stream, bytes, flush, room) {
  if (stream._ended) {
    if (!beginsMember(stream, bytes)) return { output: Buffer.alloc(0), rest: bytes };
    stream._handle.close();
    stream._handle = new ZlibStream(stream);
    stream._ended = false;
  }
  const result = ops.zlibWrite(nativeOf(stream._handle), bytes, flush | 0, room);
  if (typeof result[ERRNO] === "number") throw dataError(result[ERRNO], result[CODE], result[MESSAGE]);
  const { [OUTPUT]: made, [TAKEN]: taken, [ENDED]: ended } = result;
  stream.bytesWritten += taken;
  stream._total += made.byteLength;
  stream._ended = ended;
  if (stream._total > stream._maxOutputLength) throw new RangeError("Memory limit exceeded");
  const output = Buffer.from(made.buffer, made.byteOffset, made.byteLength);
  return { output, rest: TypedArrayPrototypeSubarray(bytes, taken) };
}

/** What follows the end: in gzip and Zstandard another member, elsewhere ignored. */
function beginsMember(stream, bytes) {
  const isGzip = stream._mode === GUNZIP || stream._mode === UNZIP;
  const first = isGzip ? 0x1f : stream._mode === ZSTD_DECOMPRESS ? 0x28 : undefined;
  return bytes.byteLength > 0 && bytes[0] === first;
}

/** All that comes of some bytes. */
function codeWhole(stream, bytes, flush) {
  const parts = [];
  let piece;
  let rest = bytes;
  let total = 0;
  do {
    const room = MathMin(stream._maxOutputLength - stream._total, MAX_WRITE_OUTPUT_BYTES - total) + 1;
    piece = code(stream, rest, flush, room);
    ({ rest } = piece);
    total += piece.output.byteLength;
    if (total > MAX_WRITE_OUTPUT_BYTES) throw new RangeError("Memory limit exceeded");
    ArrayPrototypePush(parts, piece.output);
  } while (stream._ended && beginsMember(stream, rest));
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, total);
}

const DECODERS = [INFLATE, GUNZIP, INFLATERAW, UNZIP, BROTLI_DECODE, ZSTD_DECOMPRESS];

/** Data that is to be whole must have its end. */
function checkEnd(stream) {
  const isDecoder = ArrayPrototypeIncludes(DECODERS, stream._mode);
  if (!isDecoder || stream._ended || stream._finishFlushFlag !== stream._modes.finish) return;
  if (stream._mode !== ZSTD_DECOMPRESS) throw dataError(-5, "Z_BUF_ERROR", "unexpected end of file");
  if (stream.bytesWritten > 0) throw dataError(-1, "ERR_ZSTD_DECOMPRESSION_FAILED", "unexpected end of file");
}

/** Codes bytes and pushes what comes out, in pieces; while its reader is full the stream waits until more is read. */
function pump(stream, bytes, flush, callback) {
  let wantsMore = true;
  for (let rest = bytes, isMore = true; isMore; ) {
    if (!stream._handle) break;
    if (!wantsMore) {
      const left = rest;
      whenRead(stream, () => pump(stream, left, flush, callback));
      return;
    }
    let output;
    try {
      ({ output, rest } = code(stream, rest, flush, stream._chunkSize));
    } catch (error) {
      callback(error);
      return;
    }
    if (output.length > 0) wantsMore = stream.push(output);
    const isFollowed = stream._ended && rest.length > 0;
    isMore = output.length === stream._chunkSize || (isFollowed && beginsMember(stream, rest));
    // Other data ends the output, though more may be written.
    if (isFollowed && !isMore) stream.push(null);
  }
  callback();
}

/** Has the next read of a stream call `go` first. */
function whenRead(stream, go) {
  const read = stream._read;
  stream._read = function (size) {
    this._read = read;
    go();
    // If it waits again, what it has pushed is the answer.
    if (this._read === read) this._read(size);
  };
}

ZlibBase.prototype._transform = function (chunk, _encoding, callback) {
  const flag = chunk[kFlush];
  let flush = this._defaultFlushFlag;
  if (typeof flag === "number") flush = flag;
  else if (this.writableEnded && this.writableLength === chunk.byteLength) flush = MathMax(flush, this._finishFlushFlag);
  this._processChunk(chunk, flush, callback);
};

/** A chunk at once, without the stream; with a callback what comes out is pushed. */
ZlibBase.prototype._processChunk = function (chunk, flushFlag, callback) {
  if (typeof callback !== "function") return codeWhole(this, chunk, flushFlag);
  queueMicrotask(() => pump(this, chunk, flushFlag, callback));
  return undefined;
};

ZlibBase.prototype._flush = function (callback) {
  this._processChunk(Buffer.alloc(0), this._finishFlushFlag, (error) => {
    try {
      if (error) throw error;
      if (this._handle && (this.bytesWritten > 0 || this._mode !== UNZIP)) checkEnd(this);
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  });
};

ZlibBase.prototype.flush = function (kind, callback) {
  if (typeof kind === "function" || (kind === undefined && !callback)) {
    callback = kind;
    kind = this._defaultFullFlushFlag;
  }
  if (this.writableFinished) {
    if (callback) nextTick(callback);
  } else if (this.writableEnded) {
    if (callback) this.once("end", callback);
  } else {
    const marker = Buffer.alloc(0);
    marker[kFlush] = kind ?? this._defaultFullFlushFlag;
    this.write(marker, "", callback);
  }
};

const zlibModes = { none: Z_NO_FLUSH, full: Z_FULL_FLUSH, finish: Z_FINISH, last: Z_BLOCK };
const brotliModes = {
  none: BROTLI_OPERATION_PROCESS,
  full: BROTLI_OPERATION_FLUSH,
  finish: BROTLI_OPERATION_FINISH,
  last: BROTLI_OPERATION_FINISH + 1,
};

function Zlib(options, mode) {
  let windowBits = Z_DEFAULT_WINDOWBITS;
  let level = Z_DEFAULT_COMPRESSION;
  let memLevel = Z_DEFAULT_MEMLEVEL;
  let strategy = Z_DEFAULT_STRATEGY;
  let dictionary;
  if (options) {
    // Decoders may take the window from the data.
    if ((options.windowBits == null || options.windowBits === 0) && ArrayPrototypeIncludes([INFLATE, GUNZIP, UNZIP], mode)) {
      windowBits = 0;
    } else {
      // zlib refuses 8 for raw and gzip output.
      const min = mode === GZIP ? Z_MIN_WINDOWBITS + 1 : Z_MIN_WINDOWBITS;
      windowBits = checkRangesOrGetDefault(options.windowBits, "options.windowBits", min, Z_MAX_WINDOWBITS, windowBits);
    }
    level = checkRangesOrGetDefault(options.level, "options.level", Z_MIN_LEVEL, Z_MAX_LEVEL, level);
    memLevel = checkRangesOrGetDefault(options.memLevel, "options.memLevel", Z_MIN_MEMLEVEL, Z_MAX_MEMLEVEL, memLevel);
    strategy = checkRangesOrGetDefault(options.strategy, "options.strategy", Z_DEFAULT_STRATEGY, Z_FIXED, strategy);
    ({ dictionary } = options);
    if (dictionary !== undefined && !ArrayBufferIsView(dictionary)) {
      if (!isAnyArrayBuffer(dictionary)) {
        throw new ERR_INVALID_ARG_TYPE(
          "options.dictionary",
          ["Buffer", "TypedArray", "DataView", "ArrayBuffer"],
          dictionary,
        );
      }
      dictionary = Buffer.from(dictionary);
    }
  }
  FunctionPrototypeCall(ZlibBase, this, options, mode, zlibModes);
  this._level = level;
  this._strategy = strategy;
  this._make = () => {
    const bits = windowBits || Z_DEFAULT_WINDOWBITS;
    return ops.zlibNew(mode, dictionary, this._level | 0, bits | 0, memLevel | 0, this._strategy | 0);
  };
  this._handle = new ZlibStream(this);
}
ObjectSetPrototypeOf(Zlib.prototype, ZlibBase.prototype);
ObjectSetPrototypeOf(Zlib, ZlibBase);

Zlib.prototype.params = function (level, strategy, callback) {
  checkRangesOrGetDefault(level, "level", Z_MIN_LEVEL, Z_MAX_LEVEL);
  checkRangesOrGetDefault(strategy, "strategy", Z_DEFAULT_STRATEGY, Z_FIXED);
  if (this._level === level && this._strategy === strategy) {
    nextTick(callback);
    return;
  }
  this.flush(Z_SYNC_FLUSH, (error) => {
    if (!error && this._handle) {
      this._level = level;
      this._strategy = strategy;
      ops.zlibParams(nativeOf(this._handle), level | 0, strategy | 0);
    }
    callback?.(error);
  });
};

const zstdModes = { none: ZSTD_e_continue, full: ZSTD_e_flush, finish: ZSTD_e_end, last: ZSTD_e_end };

function Zstd(options, mode) {
  FunctionPrototypeCall(ZlibBase, this, options, mode, zstdModes);
  const { params = {}, pledgedSrcSize = -1 } = options ?? {};
  const size = Number(pledgedSrcSize);
  if (NumberIsNaN(size)) throw new TypeError(NOT_AN_INTEGER);
  const dictionary = isAnyArrayBuffer(options?.dictionary) ? Buffer.from(options.dictionary) : options?.dictionary;
  const settings = ArrayPrototypeMap(ObjectKeys(params), (name) => [name | 0, params[name] | 0]);
  this._make = () => {
    const handle = ops.zstdNew(mode === ZSTD_COMPRESS, ArrayBufferIsView(dictionary) ? dictionary : undefined, size);
    for (let i = 0; i < settings.length; i++) {
      const wrong = ops.zstdSet(handle, settings[i][0], settings[i][1]);
      if (typeof wrong === "string") throw new Error(wrong);
    }
    return handle;
  };
  this._handle = new ZlibStream(this);
}
ObjectSetPrototypeOf(Zstd.prototype, ZlibBase.prototype);
ObjectSetPrototypeOf(Zstd, ZlibBase);

let maxBrotliParam = 0;
for (const name in constants) {
  if (StringPrototypeStartsWith(name, "BROTLI_PARAM_")) maxBrotliParam = MathMax(maxBrotliParam, constants[name]);
}

function Brotli(options, mode) {
  const params = {};
  for (let i = 0, list = ObjectKeys(options?.params ?? {}); i < list.length; i++) {
    const key = list[i];
    const number = Number(key);
    if (NumberIsNaN(number) || number < 0 || number > maxBrotliParam || number in params) {
      throw new ERR_BROTLI_INVALID_PARAM(key);
    }
    const value = options.params[key];
    if (typeof value !== "number" && typeof value !== "boolean") {
      throw new ERR_INVALID_ARG_TYPE("options.params[key]", "number", value);
    }
    params[number] = Number(value);
  }
  const quality = params[BROTLI_PARAM_QUALITY] ?? 11;
  const lgwin = params[BROTLI_PARAM_LGWIN] ?? 22;
  const isOdd = lgwin < 10 || lgwin > 30 || quality > 11 || params[BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING] > 1;
  if (mode === BROTLI_ENCODE && isOdd) throw new ERR_ZLIB_INITIALIZATION_FAILED();
  FunctionPrototypeCall(ZlibBase, this, options, mode, brotliModes);
  this._make = () => ops.brotliNew(mode === BROTLI_ENCODE, quality >>> 0, lgwin >>> 0);
  this._handle = new ZlibStream(this);
}
ObjectSetPrototypeOf(Brotli.prototype, Zlib.prototype);
ObjectSetPrototypeOf(Brotli, Zlib);

/** A class for one mode, callable without `new`. */
function define(name, Base, mode) {
  const Made = {
    [name]: function (options) {
      if (!(this instanceof Made)) return new Made(options);
      const given = mode === DEFLATERAW && options?.windowBits === 8 ? { ...options, windowBits: 9 } : options;
      FunctionPrototypeCall(Base, this, given, mode);
      return this;
    },
  }[name];
  ObjectSetPrototypeOf(Made.prototype, Base.prototype);
  ObjectSetPrototypeOf(Made, Base);
  return Made;
}

const classes = {
  Deflate: define("Deflate", Zlib, DEFLATE),
  Inflate: define("Inflate", Zlib, INFLATE),
  Gzip: define("Gzip", Zlib, GZIP),
  Gunzip: define("Gunzip", Zlib, GUNZIP),
  DeflateRaw: define("DeflateRaw", Zlib, DEFLATERAW),
  InflateRaw: define("InflateRaw", Zlib, INFLATERAW),
  Unzip: define("Unzip", Zlib, UNZIP),
  BrotliCompress: define("BrotliCompress", Brotli, BROTLI_ENCODE),
  BrotliDecompress: define("BrotliDecompress", Brotli, BROTLI_DECODE),
  ZstdCompress: define("ZstdCompress", Zstd, ZSTD_COMPRESS),
  ZstdDecompress: define("ZstdDecompress", Zstd, ZSTD_DECOMPRESS),
};

function toInput(value) {
  if (typeof value === "string") return Buffer.from(value);
  const isView = ArrayBufferIsView(value);
  if (isView || isAnyArrayBuffer(value)) {
    // It may be detached.
    if (value.byteLength === 0) return Buffer.alloc(0);
    return isView ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
  }
  throw new ERR_INVALID_ARG_TYPE("buffer", ["string", "Buffer", "TypedArray", "DataView", "ArrayBuffer"], value);
}

/** All of the input through a stream's coder, without the stream. Its errors carry no code. */
function runAtOnce(stream, input) {
  try {
    return codeAll(stream, input);
  } catch (error) {
    if (error.errno === undefined) throw error;
    const isBrotli = stream._mode === BROTLI_ENCODE || stream._mode === BROTLI_DECODE;
    throw new Error(isBrotli ? "Compression failed" : error.message);
  } finally {
    stream._handle?.close();
  }
}

function codeAll(stream, input) {
  const buffer = codeWhole(stream, input, stream._finishFlushFlag);
  checkEnd(stream);
  return stream._info ? { buffer, engine: stream } : buffer;
}

const functions = {};
for (
  let i = 0,
    entries = [
      ["deflate", classes.Deflate],
      ["inflate", classes.Inflate],
      ["gzip", classes.Gzip],
      ["gunzip", classes.Gunzip],
      ["deflateRaw", classes.DeflateRaw],
      ["inflateRaw", classes.InflateRaw],
      ["unzip", classes.Unzip],
      ["brotliCompress", classes.BrotliCompress],
      ["brotliDecompress", classes.BrotliDecompress],
      ["zstdCompress", classes.ZstdCompress],
      ["zstdDecompress", classes.ZstdDecompress],
    ];
  i < entries.length;
  i++
) {
  const { 0: name, 1: Class } = entries[i];
  const atOnce = `${name}Sync`;
  functions[atOnce] = {
    [atOnce](buffer, options) {
      return runAtOnce(new Class(options), toInput(buffer));
    },
  }[atOnce];
  setLength([functions[atOnce]], 1);
  functions[name] = {
    [name](buffer, options, callback) {
      if (typeof options === "function") {
        callback = options;
        options = {};
      }
      validateFunction(callback, "callback");
      const input = toInput(buffer);
      let stream;
      let wrong;
      try {
        stream = new Class(options);
      } catch (error) {
        // Options of a wrong type are the caller's fault; those out of range are told as bad data is.
        if (error instanceof TypeError) throw error;
        wrong = error;
      }
      queueMicrotask(() => {
        if (wrong !== undefined) {
          callback(wrong);
          return;
        }
        let result;
        try {
          result = runAtOnce(stream, input);
        } catch (error) {
          callback(error);
          return;
        }
        callback(null, result);
      });
    },
  }[name];
}

const makers = {};
for (let i = 0, names = ObjectKeys(classes); i < names.length; i++) {
  const name = names[i];
  makers[`create${name}`] = (options) => new classes[name](options);
}

function crc32(data, value = 0) {
  validateUint32(value, "value");
  if (typeof data !== "string" && !ArrayBufferIsView(data) && !isAnyArrayBuffer(data)) {
    throw new TypeError(
      "Failed to execute 'crc32' on 'ZlibUtil': parameter 1 is not of type 'string or ArrayBuffer or ArrayBufferView'.",
    );
  }
  return ops.crc32(toInput(data), value);
}

const zlib = { crc32, constants, codes, ...classes, ...functions, ...makers };

for (let i = 0, names = ObjectKeys(constants); i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(zlib, name, { __proto__: null, enumerable: true, value: constants[name] });
}

ObjectAssign(exports, zlib, { default: zlib });
