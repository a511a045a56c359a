/* A readable of bytes: ReadableByteStreamController of the Streams Standard, section 4.7, with BYOB reads.
 *
 * Used by ReadableStream for `type: "bytes"` and by byte tee. Buffers are transferred as the standard asks, so
 * neither side sees the other one's writes. The public controller and BYOB request objects are made by the caller
 * (streams/readable).
 */
// own: reads, pullIntos (a queue)
const {
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeSlice,
  ArrayBufferPrototypeTransfer,
  BigInt64Array,
  BigUint64Array,
  DataView,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  MathMin,
  RangeError,
  TypedArrayPrototypeSet,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
} = primordials;
const {
  CLOSED,
  ERRORED,
  READABLE,
  internal,
  typeError,
  typedArrayName,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} = require("streams/common");
const { Deque } = require("streams/queue");
const { ControlledReadable } = require("streams/controlled");
const { ReadPromise } = require("streams/reader");

const PARTIAL_READ = "This ReadableStream was closed with a partial read pending.";

const NO_READER = 0;
const DEFAULT_READER = 1;
const BYOB_READER = 2;

const elementSizes = {
  __proto__: null,
  Int8Array: 1,
  Uint8Array: 1,
  Uint8ClampedArray: 1,
  Int16Array: 2,
  Uint16Array: 2,
  Float16Array: 2,
  Int32Array: 4,
  Uint32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
  BigInt64Array: 8,
  BigUint64Array: 8,
};
const viewClasses = {
  __proto__: null,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

/** Bytes per element of a view; 1 for a DataView. */
function elementSizeOf(view) {
  const name = typedArrayName(view);
  return name === undefined ? 1 : elementSizes[name];
}

function viewClassOf(view) {
  const name = typedArrayName(view);
  return name === undefined ? DataView : viewClasses[name];
}

/** Bytes in the queue: a range of a buffer that nobody else holds. */
class ByteChunk {
  constructor(buffer, byteOffset, byteLength) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
  }

  toView() {
    return new Uint8Array(this.buffer, this.byteOffset, this.byteLength);
  }
}
internal(ByteChunk);

/** A buffer that waits to be filled: the standard's pull-into descriptor. */
class PullInto {
  constructor(buffer, byteOffset, byteLength, minimumFill, elementSize, viewClass, readerType) {
    this.buffer = buffer;
    this.bufferByteLength = ArrayBufferPrototypeGetByteLength(buffer);
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.bytesFilled = 0;
    this.minimumFill = minimumFill;
    /** What the source is told to deliver at least; a tee passes bytes on sooner. */
    this.wanted = minimumFill;
    this.elementSize = elementSize;
    this.viewClass = viewClass;
    this.readerType = readerType;
  }

  /** The filled part for a read that is cancelled; a tee may have lent the buffer to its trunk. */
  cancelledView() {
    const { buffer } = this;
    const own = ArrayBufferPrototypeGetDetached(buffer)
      ? new ArrayBuffer(this.bufferByteLength)
      : ArrayBufferPrototypeTransfer(buffer);
    return new this.viewClass(own, this.byteOffset, this.bytesFilled / this.elementSize);
  }

  /** Hands the filled part out in a new view over the transferred buffer. */
  takeView() {
    const ViewClass = this.viewClass;
    return new ViewClass(ArrayBufferPrototypeTransfer(this.buffer), this.byteOffset, this.bytesFilled / this.elementSize);
  }
}
internal(PullInto);

class ByteReadable extends ControlledReadable {
  /** `autoAllocateChunkSize`: bytes to allocate for a read of a default reader, or undefined. */
  constructor(source, highWaterMark, autoAllocateChunkSize) {
    super(source, highWaterMark);
    this.autoAllocateChunkSize = autoAllocateChunkSize;
    this.chunks = new Deque();
    this.total = 0;
    this.pullIntos = new Deque();
    this.intoReads = new Deque();
    /** The public BYOB request object that is out, or null; it has invalidate(). */
    this.byobRequest = null;
  }

  get byteOriented() {
    return true;
  }

  get queued() {
    return this.total;
  }

  get readsWaiting() {
    return this.reads.length > 0 || this.intoReads.length > 0;
  }

  // --- the reading side ---

  read(request) {
    this.disturbed = true;
    if (this.state === CLOSED) request.close(undefined);
    else if (this.state === ERRORED) request.fail(this.error);
    else if (this.total > 0) request.chunk(this.shiftChunk());
    else {
      if (this.autoAllocateChunkSize !== undefined) {
        const size = this.autoAllocateChunkSize;
        let buffer;
        try {
          buffer = new ArrayBuffer(size);
        } catch (error) {
          request.fail(error);
          return;
        }
        this.pullIntos.push(new PullInto(buffer, 0, size, 1, 1, Uint8Array, DEFAULT_READER));
      }
      this.reads.push(request);
      this.pullIfNeeded();
    }
  }

  /** Up to `most` bytes of the queue, as a chunk of their own; null where there are none. */
  takeQueued(most) {
    const size = MathMin(this.total, most);
    if (size <= 0 || this.state !== READABLE) return null;
    const taken = new PullInto(new ArrayBuffer(size), 0, size, size, 1, Uint8Array, NO_READER);
    this.fillFromQueue(taken);
    this.drained();
    return new Uint8Array(taken.buffer);
  }

  shiftChunk() {
    if (this.coalesces) return this.takeQueued(this.autoAllocateChunkSize);
    const chunk = this.chunks.shift();
    this.total -= chunk.byteLength;
    const view = chunk.toView();
    this.drained();
    return view;
  }

  /** workerd fills a buffer that it allocated with all that is queued, not with one chunk. */
  get coalesces() {
    const size = this.autoAllocateChunkSize;
    return size !== undefined && this.chunks.length > 1 && this.chunks.peek().byteLength < size;
  }

  /** `min`: the fewest elements to deliver before the end. The view's buffer is taken away from the caller. */
  readInto(view, min, request, wanted) {
    this.disturbed = true;
    if (this.state === ERRORED) {
      request.fail(this.error);
      return;
    }
    const elementSize = elementSizeOf(view);
    const byteOffset = viewByteOffset(view);
    const byteLength = viewByteLength(view);
    let buffer;
    try {
      buffer = ArrayBufferPrototypeTransfer(viewBuffer(view));
    } catch (error) {
      request.fail(error);
      return;
    }
    const viewClass = viewClassOf(view);
    const minimumFill = min * elementSize;
    const pullInto = new PullInto(buffer, byteOffset, byteLength, minimumFill, elementSize, viewClass, BYOB_READER);
    if (wanted !== undefined) pullInto.wanted = wanted;
    if (this.pullIntos.length > 0) {
      this.pullIntos.push(pullInto);
      this.intoReads.push(request);
      return;
    }
    if (this.state === CLOSED) {
      request.close(new viewClass(buffer, byteOffset, 0));
      return;
    }
    if (this.total > 0) {
      if (this.fillFromQueue(pullInto)) {
        const filled = pullInto.takeView();
        this.drained();
        request.chunk(filled);
        return;
      }
      if (this.closeRequested && pullInto.bytesFilled % elementSize === 0) {
        this.finish();
        request.chunk(pullInto.takeView());
        return;
      }
      if (this.closeRequested) {
        const error = typeError(PARTIAL_READ);
        this.fail(error);
        request.fail(error);
        return;
      }
    }
    this.pullIntos.push(pullInto);
    this.intoReads.push(request);
    this.pullIfNeeded();
  }

  readIntoPromise(view, min) {
    const request = new ReadPromise();
    this.readInto(view, min, request);
    return request.promise;
  }

  failReads(error) {
    super.failReads(error);
    const reads = this.intoReads.take();
    while (reads.length > 0) reads.shift().fail(error);
  }

  cancelSteps(reason) {
    const pullIntos = this.pullIntos.take();
    const reads = this.intoReads.take();
    const promise = super.cancelSteps(reason);
    while (reads.length > 0) reads.shift().close(pullIntos.shift().cancelledView());
    return promise;
  }

  /** The end has come: answers the BYOB reads that wait, as workerd does without a respond(0). */
  closeIntoReads() {
    const pullIntos = this.pullIntos.take();
    while (pullIntos.length > 0) {
      const pullInto = pullIntos.shift();
      if (pullInto.readerType !== BYOB_READER) continue;
      const partial = pullInto.bytesFilled > 0;
      const view = pullInto.takeView();
      const request = this.intoReads.shift();
      if (partial) request.chunk(view);
      else request.close(view);
    }
  }

  releaseSteps() {
    if (this.pullIntos.length === 0) return;
    const first = this.pullIntos.peek();
    first.readerType = NO_READER;
    this.pullIntos.clear();
    this.pullIntos.push(first);
  }

  // --- the source's side ---

  enqueue(buffer, byteOffset, byteLength) {
    const owned = ArrayBufferPrototypeTransfer(buffer);
    if (this.pullIntos.length > 0) {
      const first = this.pullIntos.peek();
      if (ArrayBufferPrototypeGetDetached(first.buffer)) {
        throw typeError("The byobRequest.view is zero-length or was detached");
      }
      this.invalidateByobRequest();
      first.buffer = ArrayBufferPrototypeTransfer(first.buffer);
      if (first.readerType === NO_READER) this.requeue(first);
    }
    if (this.reads.length > 0) {
      this.answerReads();
      if (this.reads.length === 0) {
        this.push(owned, byteOffset, byteLength);
      } else {
        if (this.pullIntos.length > 0) this.shiftPullInto();
        this.reads.shift().chunk(new Uint8Array(owned, byteOffset, byteLength));
      }
    } else {
      this.push(owned, byteOffset, byteLength);
      if (this.intoReads.length > 0) this.commitAll(this.fillPullIntos());
    }
    this.pullIfNeeded();
  }

  requestClose() {
    if (!this.canEnqueue) throw typeError("This ReadableStream is closed.");
    if (this.total > 0) {
      this.closeRequested = true;
      return;
    }
    if (this.pullIntos.length > 0) {
      const first = this.pullIntos.peek();
      if (first.bytesFilled % first.elementSize !== 0) {
        const error = typeError(PARTIAL_READ);
        this.fail(error);
        throw error;
      }
    }
    this.closeRequested = true;
    this.finish();
    this.closeIntoReads();
  }

  clear() {
    this.invalidateByobRequest();
    this.pullIntos.clear();
    this.chunks.clear();
    this.total = 0;
    super.clear();
  }

  /** The part of the first waiting buffer that is still to be filled, or null. */
  byobView() {
    if (this.pullIntos.length === 0) return null;
    const first = this.pullIntos.peek();
    return new Uint8Array(first.buffer, first.byteOffset + first.bytesFilled, first.byteLength - first.bytesFilled);
  }

  /** How many bytes the first waiting buffer can still take. */
  byobRoom() {
    if (this.pullIntos.length === 0) return 0;
    const first = this.pullIntos.peek();
    return first.byteLength - first.bytesFilled;
  }

  /** How many bytes the first waiting buffer still needs before its read is answered. */
  byobAtLeast() {
    const first = this.pullIntos.peek();
    return first.wanted - first.bytesFilled;
  }

  respond(bytesWritten) {
    if (this.state === CLOSED) {
      if (bytesWritten !== 0) throw typeError("The bytesWritten must be zero after the stream is closed.");
      this.invalidateByobRequest();
      return;
    }
    const first = this.pullIntos.peek();
    if (!(bytesWritten > 0)) throw typeError("The bytesWritten must be more than zero while the stream is open.");
    if (first.bytesFilled + bytesWritten > first.byteLength) {
      throw new RangeError(`Too many bytes [${bytesWritten}] in response to a BYOB read request.`);
    }
    first.buffer = ArrayBufferPrototypeTransfer(first.buffer);
    this.responded(bytesWritten);
  }

  /** `ofItsKind`: the read's result is of the new view's class, as in workerd for a user's view. */
  respondWithNewView(view, ofItsKind) {
    const byteLength = viewByteLength(view);
    const buffer = viewBuffer(view);
    if (this.state === CLOSED) {
      if (byteLength !== 0) throw typeError("The view byte length must be zero after the stream is closed.");
      if (ArrayBufferPrototypeGetDetached(buffer)) throw typeError("The underlying ArrayBuffer has been detached.");
      this.invalidateByobRequest();
      return;
    }
    const first = this.pullIntos.peek();
    if (byteLength === 0) throw typeError("The view byte length must be more than zero while the stream is open.");
    if (first.byteOffset + first.bytesFilled !== viewByteOffset(view)) {
      throw new RangeError("The given view has an invalid byte offset.");
    }
    if (first.bufferByteLength !== ArrayBufferPrototypeGetByteLength(buffer)) {
      throw new RangeError("The underlying ArrayBuffer is not the correct length.");
    }
    if (first.bytesFilled + byteLength > first.byteLength) throw new RangeError("The view is not the correct length.");
    first.buffer = ArrayBufferPrototypeTransfer(buffer);
    if (ofItsKind) {
      first.elementSize = elementSizeOf(view);
      first.viewClass = viewClassOf(view);
    }
    this.responded(byteLength);
  }

  /** Takes the buffer of the first waiting read back, with nothing written to it. */
  returnView(view) {
    this.pullIntos.peek().buffer = ArrayBufferPrototypeTransfer(viewBuffer(view));
  }

  // --- what connects the two ---

  responded(bytesWritten) {
    const first = this.pullIntos.peek();
    this.invalidateByobRequest();
    this.fillFirst(first, bytesWritten);
    this.pullIfNeeded();
  }

  fillFirst(first, bytesWritten) {
    first.bytesFilled += bytesWritten;
    if (first.readerType === NO_READER) {
      this.requeue(first);
      this.commitAll(this.fillPullIntos());
      return;
    }
    if (first.bytesFilled < first.minimumFill) return;
    this.shiftPullInto();
    const remainder = first.bytesFilled % first.elementSize;
    if (remainder > 0) {
      this.pushCopy(first.buffer, first.byteOffset + first.bytesFilled - remainder, remainder);
      first.bytesFilled -= remainder;
    }
    const filled = this.fillPullIntos();
    this.commit(first);
    this.commitAll(filled);
  }

  push(buffer, byteOffset, byteLength) {
    this.chunks.push(new ByteChunk(buffer, byteOffset, byteLength));
    this.total += byteLength;
  }

  pushCopy(buffer, byteOffset, byteLength) {
    let copy;
    try {
      copy = ArrayBufferPrototypeSlice(buffer, byteOffset, byteOffset + byteLength);
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.push(copy, 0, byteLength);
  }

  /** The reader of this buffer left: what was filled goes back to the queue. */
  requeue(pullInto) {
    if (pullInto.bytesFilled > 0) this.pushCopy(pullInto.buffer, pullInto.byteOffset, pullInto.bytesFilled);
    this.shiftPullInto();
  }

  shiftPullInto() {
    return this.pullIntos.shift();
  }

  answerReads() {
    while (this.reads.length > 0 && this.total > 0) this.reads.shift().chunk(this.shiftChunk());
  }

  /** Fills waiting buffers from the queue; returns those that are ready. */
  fillPullIntos() {
    const filled = new Deque();
    while (this.pullIntos.length > 0 && this.total > 0) {
      if (!this.fillFromQueue(this.pullIntos.peek())) break;
      filled.push(this.shiftPullInto());
    }
    return filled;
  }

  /** Copies queued bytes; true when the buffer has its minimum, in whole elements. */
  fillFromQueue(pullInto) {
    const most = MathMin(this.total, pullInto.byteLength - pullInto.bytesFilled);
    const mostFilled = pullInto.bytesFilled + most;
    const aligned = mostFilled - (mostFilled % pullInto.elementSize);
    const ready = aligned >= pullInto.minimumFill;
    let remaining = ready ? aligned - pullInto.bytesFilled : most;
    while (remaining > 0) {
      const chunk = this.chunks.peek();
      const count = MathMin(remaining, chunk.byteLength);
      TypedArrayPrototypeSet(
        new Uint8Array(pullInto.buffer, pullInto.byteOffset + pullInto.bytesFilled, count),
        new Uint8Array(chunk.buffer, chunk.byteOffset, count),
      );
      if (count === chunk.byteLength) {
        this.chunks.shift();
      } else {
        chunk.byteOffset += count;
        chunk.byteLength -= count;
      }
      this.total -= count;
      pullInto.bytesFilled += count;
      remaining -= count;
    }
    return ready;
  }

  commitAll(pullIntos) {
    while (pullIntos.length > 0) this.commit(pullIntos.shift());
  }

  commit(pullInto) {
    const view = pullInto.takeView();
    const request = pullInto.readerType === DEFAULT_READER ? this.reads.shift() : this.intoReads.shift();
    request.chunk(view);
  }

  drained() {
    if (this.total === 0 && this.closeRequested) this.finish();
    else this.pullIfNeeded();
  }

  invalidateByobRequest() {
    if (this.byobRequest === null) return;
    this.byobRequest.invalidate();
    this.byobRequest = null;
  }
}

/** V8 adds this class after the snapshot is loaded. */
exports.install = function (global) {
  viewClasses.Float16Array = global.Float16Array;
};

exports.ByteReadable = ByteReadable;
exports.elementSizeOf = elementSizeOf;
