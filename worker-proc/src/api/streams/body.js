/* What bodies of requests and responses need of streams: bytes in memory as a stream, streams over native resources,
 * reading to the end, and pumping to a native writer.
 *
 * Used through streams/streams by fetch and by every API with native bytes.
 */
const {
  MathMin, PromisePrototypeThen, RangeError, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice, Uint8Array,
} = primordials;
const { decodeUtf8, encodeUtf8 } = require("encoding");
const { CLOSED, Deferred, READABLE, internal, typeError } = require("streams/common");
const { NativeReadable, NativeWritable, READ_CHUNK_BYTES, bytesIn } = require("streams/native");
const { pipe } = require("streams/pipe");
const { Deque } = require("streams/queue");
const { readableOf, teeReadable, wrapReadable } = require("streams/readable");
const { ResourceSink, ResourceSource } = require("streams/resource");
const { writableOf, wrapWritable } = require("streams/writable");

// Streams over native resources.

/** A ReadableStream of a native resource: {rid, read(rid, maxBytes), cancel(rid, reason), length}. */
function readableFromNative(resource, options) {
  const length = options === undefined || options.length === undefined ? resource.length : options.length;
  return wrapReadable(new NativeReadable(new ResourceSource(resource, length)));
}

/** A WritableStream to a native resource: {rid, write(rid, bytes), close(rid), abort(rid, reason)}. */
function writableToNative(resource, options) {
  const mark = options === undefined ? undefined : options.highWaterMark;
  return wrapWritable(new NativeWritable(new ResourceSink(resource), mark));
}

/** The native resource of a stream that nobody has locked or read from, else null. */
function nativeSourceOf(stream) {
  const readable = readableOf(stream);
  if (readable.locked || readable.disturbed || readable.state !== READABLE) return null;
  const source = readable.source;
  return source instanceof ResourceSource ? source.resource : null;
}

/** Takes the native resource out of a stream, which is then locked and disturbed. Ask nativeSourceOf first. */
function takeNative(stream) {
  return readableOf(stream).takeSource().resource;
}

/** The native resource of a WritableStream that nobody has locked, else null. */
function nativeSinkOf(stream) {
  const writable = writableOf(stream);
  if (writable.locked || writable.state !== READABLE || writable.closing) return null;
  return writable.sink instanceof ResourceSink ? writable.sink.resource : null;
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
  constructor(readable, limitBytes) {
    super();
    this.readable = readable;
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

  close() {
    this.unlock();
    this.resolve(this.concat());
  }

  fail(error) {
    this.unlock();
    this.reject(error);
  }

  /** A stream of user code is free again; a native one stays with its body. */
  unlock() {
    if (!(this.readable instanceof NativeReadable)) this.readable.reader = null;
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
  return new Collector(readableOf(stream), limitBytes).run();
}

/** The same as text: UTF-8, with U+FFFD for what is malformed. */
function readAllText(stream, limitBytes = Infinity) {
  return PromisePrototypeThen(readAllBytes(stream, MathMin(limitBytes, TEXT_LIMIT_BYTES)), textOf);
}

function textOf(bytes) {
  const text = decodeUtf8(bytes);
  if (text.length === 0 && TypedArrayPrototypeGetByteLength(bytes) > STRING_LIMIT_UNITS) throw textTooLong();
  return text;
}

function textTooLong() {
  return new RangeError("String length exceeds v8::String::kMaxLength.");
}

// Pumping.

class PumpSink {
  constructor(write, close, abort) {
    this.copies = true;
    this.writeBytes = write;
    this.closeWriter = close;
    this.abortWriter = abort;
  }

  write(bytes) {
    return this.writeBytes(bytes);
  }

  close() {
    return this.closeWriter();
  }

  abort(reason) {
    this.abortWriter(reason);
  }
}
internal(PumpSink);

const PUMP_OPTIONS = {
  __proto__: null,
  preventClose: false,
  preventAbort: false,
  preventCancel: false,
  signal: undefined,
};

/**
 * Moves an unlocked stream to a native writer, one chunk at a time: `write(bytes)` and `close()` return a promise or
 * undefined, `abort(reason)` ends the writer where the stream fails. A failing write cancels the stream. The promise
 * tells the end.
 */
function pumpTo(stream, write, close, abort) {
  return pipe(readableOf(stream), new NativeWritable(new PumpSink(write, close, abort), undefined), PUMP_OPTIONS);
}

/** Moves a native resource to a WritableStream, which it locks; the promise tells the end. */
function pumpFrom(resource, stream) {
  const source = new NativeReadable(new ResourceSource(resource, undefined));
  return pipe(source, writableOf(stream), PUMP_OPTIONS);
}

// Questions about streams.

/** Two streams that yield what this unlocked one would, which stays locked. */
function tee(stream) {
  const branches = teeReadable(readableOf(stream));
  return [wrapReadable(branches[0]), wrapReadable(branches[1])];
}

exports.fromBytes = fromBytes;
exports.isClosed = (stream) => readableOf(stream).state === CLOSED;
exports.isDisturbed = (stream) => readableOf(stream).disturbed;
exports.isLocked = (stream) => readableOf(stream).locked;
exports.lengthOf = (stream) => readableOf(stream).length();
exports.nativeSinkOf = nativeSinkOf;
exports.nativeSourceOf = nativeSourceOf;
exports.isWritableLocked = (stream) => writableOf(stream).locked;
exports.pumpFrom = pumpFrom;
exports.pumpTo = pumpTo;
exports.readAllBytes = readAllBytes;
exports.readAllText = readAllText;
exports.readableFromNative = readableFromNative;
exports.takeNative = takeNative;
exports.tee = tee;
exports.writableToNative = writableToNative;
