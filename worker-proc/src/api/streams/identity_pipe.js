/* A pipe for bytes with no buffer: a write is done when it has been read.
 *
 * Used by the transform streams. Relies on streams/native for both ends; data moves between them without a native
 * resource.
 */
const {
  MathMin, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSlice, TypedArrayPrototypeSubarray,
} = primordials;
const { Deferred, internal, typeError } = require("streams/common");
const { NativeReadable, NativeWritable } = require("streams/native");

/** Source and sink at once. `limit`: the exact number of bytes that must pass, or undefined. */
class IdentityPipe {
  constructor(limit) {
    this.length = limit;
    this.copies = false;
    this.reading = null;
    this.maxBytes = 0;
    this.writing = null;
    this.bytes = null;
    this.closed = false;
    this.failed = false;
    this.error = undefined;
  }

  // --- the source ---

  read(maxBytes) {
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
    if (this.length !== undefined && this.length > 0) {
      this.break(typeError("FixedLengthStream did not see all expected bytes before close()."));
    }
    return null;
  }

  /** Fails both ends and throws. */
  break(error) {
    this.cancel(error);
    throw error;
  }

  cancel(reason) {
    if (this.failed || (this.closed && this.writing === null)) return;
    const { reading, writing } = this;
    this.reset(reason);
    if (reading !== null) reading.resolve(null);
    if (writing !== null) writing.reject(reason);
  }

  // --- the sink ---

  write(bytes) {
    if (this.failed) throw this.error;
    this.bytes = bytes;
    this.writing = new Deferred();
    const promise = this.writing.promise;
    this.answer();
    return promise;
  }

  close() {
    if (this.failed) throw this.error;
    this.closed = true;
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
    if (reading !== null) reading.reject(reason);
    if (writing !== null) writing.reject(reason);
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
function identityPair(limit, highWaterMark) {
  const pipe = new IdentityPipe(limit);
  return { readable: new NativeReadable(pipe), writable: new NativeWritable(pipe, highWaterMark) };
}

exports.identityPair = identityPair;
