/* What bodies of requests and responses need of streams: bytes in memory as a stream, streams over native bodies,
 * reading to the end, and moving streams into native bodies.
 *
 * Used through streams/streams by fetch and by every API with native bytes.
 */
const {
  MathMin,
  RangeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice,
  Uint8Array,
} = primordials;
const { decodeUtf8, decodeUtf8KeepingBom, encodeUtf8 } = require("encoding");
const flags = require("flags");
const { Deferred, internal, typeError } = require("streams/common");
const { NativeReadable, NativeWritable, READ_CHUNK_BYTES, bytesIn } = require("streams/native");
const { pipe } = require("streams/pipe");
const { Deque } = require("streams/queue");
const { readableOf, teeReadable, wrapReadable } = require("streams/readable");
const { BodySink, BodySource, failWhenLeft, onBodyLeft, retainUntil } = require("streams/resource");
const { writableOf, wrapWritable } = require("streams/writable");

const { WRITER, BODY } = ops.Opened;

// Streams over native bodies.

/**
 * A ReadableStream of a native body. `length`: bytes to come, or undefined; `cancel` as BodySource has it.
 */
const readableFromBody = (number, length, cancel = undefined) =>
  wrapReadable(new NativeReadable(new BodySource(number, length, cancel)));

/** The same of a body in a coding. `decode(number, coding)` gives the number of the decoded body. */
const readableFromCoded = (number, coding, decode) =>
  wrapReadable(new NativeReadable(new CodedSource(number, coding, decode)));

/** A native body in a coding: whoever reads it sees it decoded, whoever passes it on may leave it as it is. */
class CodedSource extends BodySource {
  constructor(number, coding, decode) {
    super(0, undefined);
    this.coded = number;
    this.coding = coding;
    this.decoder = decode;
  }

  /** Decoded from now on. */
  decode() {
    this.number = this.decoder(this.coded, this.coding);
    this.coding = null;
  }

  read(maxBytes) {
    if (this.coding !== null) this.decode();
    return super.read(maxBytes);
  }

  cancel(reason) {
    if (this.coding !== null) ops.cancel(this.coded);
    else super.cancel(reason);
  }

  toNative(coding) {
    if (this.coding === null) return this.number;
    if (this.coding === coding) return this.coded;
    this.decode();
    return this.number;
  }

  tee() {
    if (this.coding === null) return super.tee();
    const numbers = ops.tee(this.coded);
    return [new CodedSource(numbers[0], this.coding, this.decoder), new CodedSource(numbers[1], this.coding, this.decoder)];
  }
}

/** The coding that a stream's bytes come in, null for none. */
function codingOf(stream) {
  const { source } = readableOf(stream);
  return source instanceof CodedSource ? source.coding : null;
}

/** Whether a stream is over bytes in memory, of which there are none. */
function isOverNothing(stream) {
  const { source } = readableOf(stream);
  return source instanceof MemorySource && source.length === 0;
}

/** A WritableStream to the writer of a native body; `abort(number, reason)` cuts it off. */
function writableToBody(number, abort) {
  const sink = new BodySink(number, abort);
  const writable = new NativeWritable(sink, undefined);
  failWhenLeft(writable, sink, true);
  return wrapWritable(writable);
}

/**
 * The number of a native body with all of a stream that nobody has locked or read from, which is then locked and
 * disturbed; 0 if it has none. `coding`: that of the body, if it is to stay in it.
 */
function takeBody(stream, coding = null) {
  const readable = readableOf(stream);
  if (!readable.isFresh) return 0;
  const number = readable.toNative(coding);
  if (number !== 0) readable.use();
  return number;
}

/** Locks and disturbs a native stream: what it was made from goes on without it. */
function useUp(stream) {
  readableOf(stream).takeSource();
}

/** Hands out bytes that are in memory; a string is encoded when it is first read. */
class MemorySource {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  get bytes() {
    if (typeof this.data === "string") this.data = encodeUtf8(this.data);
    return this.data;
  }

  get length() {
    return TypedArrayPrototypeGetByteLength(this.bytes) - this.at;
  }

  read(maxBytes) {
    const left = this.length;
    if (left === 0) return null;
    const from = this.at;
    this.at += MathMin(left, maxBytes, READ_CHUNK_BYTES);
    return TypedArrayPrototypeSlice(this.bytes, from, this.at);
  }

  cancel() {
    this.data = "";
    this.at = 0;
  }

  tee() {
    const other = new MemorySource(this.data);
    other.at = this.at;
    return [this, other];
  }
}
internal(MemorySource);

/** A ReadableStream of bytes in memory (which the caller no longer changes), or of a string in UTF-8. */
function fromBytes(data) {
  return wrapReadable(new NativeReadable(new MemorySource(data)));
}

// Reading to the end.

/** The longest string that V8 can hold, in UTF-16 units, and the most UTF-8 that could fit into it. */
const STRING_LIMIT_UNITS = 536870888;
const TEXT_LIMIT_BYTES = 3 * STRING_LIMIT_UNITS;

/** Reads a stream to its end; the lock and the request of its own reads. */
class Collector extends Deferred {
  constructor(readable, limitBytes, asText) {
    super();
    this.readable = readable;
    this.asText = asText;
    this.limitBytes = limitBytes;
    this.chunks = new Deque();
    this.total = 0;
    this.running = false;
    this.again = false;
    readable.reader = this;
  }

  readableClosed() {}

  readableErrored() {}

  /** Reads until an answer keeps it waiting. */
  run() {
    this.running = true;
    do {
      this.again = false;
      this.readable.read(this);
    } while (this.again);
    this.running = false;
    return this.promise;
  }

  chunk(value) {
    const bytes = typeof value === "string" ? undefined : bytesIn(value);
    if (bytes === undefined) {
      this.stop(typeError("This ReadableStream did not return bytes."));
      return;
    }
    this.total += TypedArrayPrototypeGetByteLength(bytes);
    if (this.total > this.limitBytes) {
      this.stop(this.limitBytes === TEXT_LIMIT_BYTES ? textTooLong() : typeError("Memory limit exceeded before EOF."));
      return;
    }
    this.chunks.push(bytes);
    this.again = true;
    if (!this.running) this.run();
  }

  /** Text is made before the promise gets it: it would ask bytes for a `then`. */
  close() {
    try {
      const bytes = this.concat();
      this.resolve(this.asText ? textOf(bytes) : bytes);
    } catch (error) {
      this.reject(error);
    }
  }

  /** As on workerd, a failed stream of user code is free again, and all others stay locked. */
  fail(error) {
    if (!(this.readable instanceof NativeReadable)) this.readable.reader = null;
    this.reject(error);
  }

  stop(error) {
    this.readable.cancel(error);
    this.reject(error);
  }

  concat() {
    if (this.chunks.length === 1) {
      const only = this.chunks.shift();
      if (this.readable instanceof NativeReadable) return only;
      return TypedArrayPrototypeSlice(only);
    }
    const result = new Uint8Array(this.total);
    let at = 0;
    while (this.chunks.length > 0) {
      const bytes = this.chunks.shift();
      TypedArrayPrototypeSet(result, bytes, at);
      at += TypedArrayPrototypeGetByteLength(bytes);
    }
    return result;
  }
}

/** A promise of all bytes of an unlocked stream, in memory of the caller's own. Fails beyond `limitBytes`. */
function readAllBytes(stream, limitBytes = Infinity) {
  return new Collector(readableOf(stream), limitBytes, false).run();
}

/** The same as text: UTF-8, with U+FFFD for what is malformed. */
function readAllText(stream, limitBytes = Infinity) {
  return new Collector(readableOf(stream), MathMin(limitBytes, TEXT_LIMIT_BYTES), true).run();
}

function textOf(bytes) {
  const text = flags.stripBomInReadAllText ? decodeUtf8(bytes) : decodeUtf8KeepingBom(bytes);
  if (text.length === 0 && TypedArrayPrototypeGetByteLength(bytes) > STRING_LIMIT_UNITS) throw textTooLong();
  return text;
}

function textTooLong() {
  return new RangeError("String length exceeds v8::String::kMaxLength.");
}

// Pumping.

/** Writes a native body, with a promise of the end of that. */
class Outlet extends BodySink {
  constructor(number, abort) {
    super(number, abort);
    this.ended = new Deferred();
  }

  close() {
    this.ended.resolve(undefined);
    return super.close();
  }

  abort(reason) {
    this.ended.resolve(undefined);
    super.abort(reason);
  }
}

function abortBody(number, reason) {
  const { name, message } = require("event").describeError(reason);
  ops.abortBody(number, name, message);
}

const PUMP_OPTIONS = {
  __proto__: null,
  preventClose: false,
  preventAbort: false,
  preventCancel: false,
  signal: undefined,
};

/**
 * The number of a native body that an unlocked stream is moved into, with back-pressure; nobody reading it cancels the
 * stream, also while it is idle. `length`: bytes to come, or -1; `failed(reason)`: called if JavaScript's end of the stream
 * fails; `notBytes` as BodySink has it. The event goes on until the stream has ended.
 */
function pumpOut(stream, length, failed = undefined, notBytes = undefined) {
  const opened = ops.openBody(length);
  const abort =
    failed === undefined
      ? abortBody
      : (number, reason) => {
          abortBody(number, reason);
          failed(reason);
        };
  const readable = readableOf(stream);
  if (readable instanceof NativeReadable && readable.isFresh && typeof readable.source.connect === "function") {
    const outlet = new Outlet(opened[WRITER], abort);
    retainUntil(outlet.ended.promise);
    const source = readable.takeSource();
    source.connect(outlet);
    onBodyLeft(opened[WRITER], (error) => source.leave(error));
  } else {
    const sink = new BodySink(opened[WRITER], abort, notBytes);
    const writable = new NativeWritable(sink, undefined);
    retainUntil(pipe(readable, writable, PUMP_OPTIONS));
    failWhenLeft(writable, sink, false);
  }
  return opened[BODY];
}

/** Moves an unlocked stream to a sink as streams/native has them, with a promise of the end; `signal` may end it before. */
function pumpTo(stream, sink, signal = undefined) {
  const options = signal === undefined ? PUMP_OPTIONS : { __proto__: PUMP_OPTIONS, signal };
  return pipe(readableOf(stream), new NativeWritable(sink, undefined), options);
}

/** Moves a native body to a WritableStream, which it locks; `cancel(number, reason)` if that fails. */
function pumpIn(number, stream, cancel) {
  const source = new NativeReadable(new BodySource(number, undefined, cancel));
  retainUntil(pipe(source, writableOf(stream), PUMP_OPTIONS));
}

// Questions about streams.

/** Two streams that yield what this unlocked one would, which stays locked. */
function tee(stream) {
  const branches = teeReadable(readableOf(stream));
  return [wrapReadable(branches[0]), wrapReadable(branches[1])];
}

exports.abortBody = abortBody;
exports.cancel = (stream, reason) => readableOf(stream).cancel(reason);
exports.codingOf = codingOf;
exports.isOverNothing = isOverNothing;
exports.fromBytes = fromBytes;
exports.isDisturbed = (stream) => readableOf(stream).disturbed;
exports.isBegun = (stream) => readableOf(stream) instanceof NativeReadable && readableOf(stream).disturbed;
exports.isLocked = (stream) => readableOf(stream).locked;
exports.lengthOf = (stream) => readableOf(stream).length();
exports.isWritableLocked = (stream) => writableOf(stream).locked;
exports.pumpIn = pumpIn;
exports.pumpOut = pumpOut;
exports.pumpTo = pumpTo;
exports.readAllBytes = readAllBytes;
exports.readAllText = readAllText;
exports.readableFromBody = readableFromBody;
exports.readableFromCoded = readableFromCoded;
exports.takeBody = takeBody;
exports.tee = tee;
exports.useUp = useUp;
exports.writableToBody = writableToBody;
