/* CompressionStream and DecompressionStream: Compression Standard, over flate2.
 *
 * Both ends are internal byte streams (streams/native). Writers of user code never wait, as in workerd; a pipe waits
 * while more than OUTPUT_HIGH_WATER_BYTES are unread, so a long pipe stays in bounded memory.
 */
const { MathMin, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSet, TypedArrayPrototypeSubarray, Uint8Array } =
  primordials;
const { constructorError, defineInterface } = require("webidl");
const flags = require("flags");
const { Deferred, internal, typeError } = require("streams/common");
const { NativeReadable, NativeWritable } = require("streams/native");
const { Deque } = require("streams/queue");
const { BodySource, prepend } = require("streams/resource");
const { TransformStream, kPair } = require("streams/transform");

const OUTPUT_HIGH_WATER_BYTES = 256 * 1024;

/** Source and sink around a native coder. */
class CoderPipe {
  constructor(coder) {
    this.coder = coder;
    /** The streams around it. */
    this.readable = new NativeReadable(this);
    this.writable = new NativeWritable(this, undefined);
    this.fresh = true;
    this.copies = true;
    this.length = undefined;
    this.output = new Deque();
    this.outputBytes = 0;
    this.reading = null;
    this.draining = null;
    this.ended = false;
    this.failed = false;
    this.error = undefined;
  }

  // --- moving the work to the runtime ---

  get untouched() {
    return this.fresh && this.reading === null && !this.failed;
  }

  /** The runtime codes that native body; the readable end becomes that of the result. */
  takeOver(number) {
    this.readable.source = new BodySource(ops.codeBody(number, this.coder), undefined);
    this.coder = null;
  }

  /** What a pipe from a native body has still to write, coded by the runtime; 0 if none feeds this one. */
  toNative() {
    if (this.ended || this.failed) return 0;
    const number = this.writable.handOver();
    if (number === 0) return 0;
    const coded = ops.codeBody(number, this.coder);
    this.reading = null;
    return prepend(this.outputBytes === 0 ? null : this.take(this.outputBytes), coded);
  }

  // --- the sink ---

  write(bytes, piping) {
    this.push(bytes, false);
    if (!piping || this.outputBytes <= OUTPUT_HIGH_WATER_BYTES) return undefined;
    this.draining = new Deferred();
    return this.draining.promise;
  }

  close() {
    this.push(new Uint8Array(0), true);
    this.ended = true;
    this.answer();
    return undefined;
  }

  push(bytes, last) {
    if (this.failed) throw this.error;
    this.fresh = false;
    let coded;
    try {
      coded = ops.push(this.coder, bytes, last);
    } catch (error) {
      this.abort(error);
      throw error;
    }
    const byteLength = TypedArrayPrototypeGetByteLength(coded);
    if (byteLength === 0) return;
    this.output.push(coded);
    this.outputBytes += byteLength;
    this.answer();
  }

  abort(reason) {
    if (this.failed) return;
    this.failed = true;
    this.error = reason;
    this.output.clear();
    this.outputBytes = 0;
    this.coder = null;
    const { reading, draining } = this;
    this.reading = null;
    this.draining = null;
    if (reading !== null) reading.reject(reason);
    if (draining !== null) draining.reject(reason);
  }

  // --- the source ---

  read(maxBytes) {
    if (this.failed) throw this.error;
    if (this.output.length > 0) return this.take(maxBytes);
    if (this.ended) return null;
    this.reading = new Deferred();
    this.reading.maxBytes = maxBytes;
    return this.reading.promise;
  }

  /** All that there is, up to `maxBytes`, as one chunk. */
  take(maxBytes) {
    if (this.output.length === 1 && this.outputBytes <= maxBytes) {
      this.took(this.outputBytes);
      return this.output.shift();
    }
    const result = new Uint8Array(MathMin(this.outputBytes, maxBytes));
    const size = TypedArrayPrototypeGetByteLength(result);
    let at = 0;
    while (at < size) {
      const bytes = this.output.peek();
      const room = size - at;
      if (TypedArrayPrototypeGetByteLength(bytes) <= room) {
        TypedArrayPrototypeSet(result, bytes, at);
        at += TypedArrayPrototypeGetByteLength(bytes);
        this.output.shift();
      } else {
        TypedArrayPrototypeSet(result, TypedArrayPrototypeSubarray(bytes, 0, room), at);
        this.output.replaceFirst(TypedArrayPrototypeSubarray(bytes, room));
        at = size;
      }
    }
    this.took(size);
    return result;
  }

  took(count) {
    this.outputBytes -= count;
    if (this.draining === null || this.outputBytes > OUTPUT_HIGH_WATER_BYTES) return;
    const draining = this.draining;
    this.draining = null;
    draining.resolve(undefined);
  }

  /** Gives a read that waits what there is now. */
  answer() {
    const reading = this.reading;
    if (reading === null || (this.output.length === 0 && !this.ended)) return;
    this.reading = null;
    reading.resolve(this.output.length > 0 ? this.take(reading.maxBytes) : null);
  }

  cancel(reason) {
    this.abort(reason);
  }
}
internal(CoderPipe);

/** The two ends around a coder for a format that the constructor was given. */
function pairFor(format, className, open) {
  if (format === undefined) throw constructorError(className, 1, "string");
  const name = `${format}`;
  if (name !== "deflate" && name !== "gzip" && name !== "deflate-raw") {
    throw typeError("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.");
  }
  return new CoderPipe(open(name));
}

class CompressionStream extends TransformStream {
  constructor(format) {
    super(kPair, pairFor(format, "CompressionStream", ops.compressor));
  }
}

class DecompressionStream extends TransformStream {
  constructor(format) {
    super(
      kPair,
      pairFor(format, "DecompressionStream", (name) => ops.decompressor(name, flags.strictCompression)),
    );
  }
}

defineInterface(CompressionStream);
defineInterface(DecompressionStream);

exports.globals = { CompressionStream, DecompressionStream };
