/* A pipe for bytes with no buffer: a write is done when it has been read.
 *
 * Used by the transform streams. Relies on streams/native for both ends. Where what is written comes from a native
 * body, or what is read goes into one, the bytes take the short way: they do not come by here any more.
 */
const { MathMin, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSlice, TypedArrayPrototypeSubarray } = primordials;
const { Deferred, internal, typeError } = require("streams/common");
const { NativeReadable, NativeWritable } = require("streams/native");
const { BodySource, limit, prepend } = require("streams/resource");

/** Source and sink at once. `length`: the exact number of bytes that must pass, or undefined. */
class IdentityPipe {
  constructor(length) {
    this.length = length;
    this.copies = false;
    this.reading = null;
    this.maxBytes = 0;
    this.writing = null;
    this.bytes = null;
    this.closed = false;
    this.failed = false;
    this.error = undefined;
    /** The streams around it. */
    this.readable = new NativeReadable(this);
    this.writable = null;
    /** The sink that takes all further writes. */
    this.outlet = null;
    /** The event whose I/O it is, 0 for none. */
    this.owner = ops.contextId();
  }

  // --- the short way ---

  get untouched() {
    return this.reading === null && this.writing === null && !this.closed && !this.failed;
  }

  /** The readable end becomes that of a native body. */
  takeOver(number) {
    this.readable.source = new BodySource(this.bounded(number), this.length);
  }

  bounded(number) {
    return this.length === undefined ? number : limit(number, this.length);
  }

  /** What a pipe from a native body has still to write, as a native body; 0 if none feeds this one. */
  toNative() {
    if (this.closed || this.failed) return 0;
    const number = this.writable.handOver();
    if (number === 0) return 0;
    const { bytes } = this;
    this.reading = null;
    this.writing = null;
    this.bytes = null;
    return this.bounded(prepend(bytes, number));
  }

  /** All further bytes go to that sink, which reads them before it returns. */
  connect(sink) {
    this.outlet = sink;
    this.copies = true;
    const { writing, bytes } = this;
    this.writing = null;
    this.bytes = null;
    if (this.failed) sink.abort(this.error);
    else if (writing !== null) writing.resolve(this.pass(bytes));
    else if (this.closed) this.passEnd();
  }

  pass(bytes) {
    this.count(TypedArrayPrototypeGetByteLength(bytes));
    return this.outlet.write(bytes);
  }

  passEnd() {
    const error = this.missing();
    if (error === undefined) return this.outlet.close();
    this.outlet.abort(error);
    return undefined;
  }

  // --- the source ---

  read(maxBytes) {
    ops.checkOwner(this.owner);
    if (this.failed) throw this.error;
    if (this.writing !== null) return this.take(maxBytes);
    if (this.closed) return this.end();
    this.reading = new Deferred();
    this.maxBytes = maxBytes;
    return this.reading.promise;
  }

  /** The bytes of the waiting write, or the first of them. */
  take(maxBytes) {
    const bytes = this.bytes;
    const count = MathMin(TypedArrayPrototypeGetByteLength(bytes), maxBytes);
    this.count(count);
    if (count === TypedArrayPrototypeGetByteLength(bytes)) {
      const writing = this.writing;
      this.writing = null;
      this.bytes = null;
      writing.resolve(undefined);
      return bytes;
    }
    this.bytes = TypedArrayPrototypeSubarray(bytes, count);
    return TypedArrayPrototypeSlice(bytes, 0, count);
  }

  count(byteCount) {
    if (this.length === undefined) return;
    if (byteCount > this.length) this.break(typeError("Attempt to write too many bytes through a FixedLengthStream."));
    this.length -= byteCount;
  }

  end() {
    const error = this.missing();
    if (error !== undefined) this.break(error);
    return null;
  }

  /** What is wrong with an end here, if something is. */
  missing() {
    if (this.length === undefined || this.length === 0) return undefined;
    return typeError("FixedLengthStream did not see all expected bytes before close().");
  }

  /** Fails both ends and throws. */
  break(error) {
    this.cancel(error);
    throw error;
  }

  cancel(reason) {
    if (this.outlet !== null) {
      this.abort(reason);
      return;
    }
    if (this.failed || (this.closed && this.writing === null)) return;
    const { reading, writing } = this;
    this.reset(reason);
    if (reading !== null) reading.resolve(null);
    if (writing !== null) writing.reject(reason);
  }

  // --- the sink ---

  write(bytes) {
    ops.checkOwner(this.owner);
    if (this.failed) throw this.error;
    if (this.outlet !== null) return this.pass(bytes);
    this.bytes = bytes;
    this.writing = new Deferred();
    const promise = this.writing.promise;
    this.answer();
    return promise;
  }

  close() {
    if (this.failed) throw this.error;
    this.closed = true;
    if (this.outlet !== null) return this.passEnd();
    if (this.reading !== null) {
      const reading = this.reading;
      this.reading = null;
      try {
        reading.resolve(this.end());
      } catch (error) {
        reading.reject(error);
      }
    }
    return undefined;
  }

  /** Hands the write to the read that waits for it, if one does. */
  answer() {
    const reading = this.reading;
    if (reading === null) return;
    this.reading = null;
    try {
      reading.resolve(this.take(this.maxBytes));
    } catch (error) {
      reading.reject(error);
    }
  }

  abort(reason) {
    if (this.failed) return;
    const { reading, writing } = this;
    this.reset(reason);
    if (this.outlet !== null) this.outlet.abort(reason);
    if (reading !== null) reading.reject(reason);
    if (writing !== null) writing.reject(reason);
  }

  /** The outlet takes no more. */
  leave(error) {
    this.abort(error);
    this.writable.drain(error);
  }

  abandon(error) {
    if (this.writing !== null) this.abort(error);
  }

  reset(error) {
    this.failed = true;
    this.error = error;
    this.reading = null;
    this.writing = null;
    this.bytes = null;
  }
}
internal(IdentityPipe);

/** The two ends of a new pipe; `highWaterMark` in bytes, or undefined. */
function identityPair(length, highWaterMark) {
  const pipe = new IdentityPipe(length);
  pipe.writable = new NativeWritable(pipe, highWaterMark);
  return pipe;
}

exports.identityPair = identityPair;
