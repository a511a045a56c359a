/* Internal streams: bytes whose other end is not user code (bodies, identity pipes, compression, files, sockets).
 *
 * Used by streams/identity, streams/body and whatever API has native bytes. They differ from the standard's as
 * workerd's do: no queue on the readable side and one read at a time; on the writable side any buffer or string is
 * taken and copied at once, and a write is done when the sink has it.
 *
 * A source has
 *     read(maxBytes)   a Uint8Array of 1..maxBytes bytes that becomes the caller's own, null at the end, or a promise
 *     cancel(reason, given)   an error for the far end, and what the reader gave
 *     length           bytes still to come where that is known, else undefined
 *     tee()            optional: two sources
 *     toNative(coding) optional: the number of a native body that has all that is left from now on, 0 if that cannot be
 *     connect(sink)    optional: hands all that it would yield to that sink, and its end; then leave(error) ends it
 * and a sink
 *     write(bytes, piping)   undefined when it is through, or a promise; `piping` where a pipe writes. The bytes are
 *                      the sink's own, unless `copies` says that it reads them before it returns
 *     close()          the same
 *     abort(reason)
 *     untouched        optional: nothing was written or read yet, so takeOver(number) may move the work to
 *                      a native body
 *     abandon(error)   optional: the writer of an unfinished write has gone
 *     notBytes(error)  optional: as abort, where a pipe brings what is no bytes
 */
// own: destination (a pull-into); branch, events (a queue)
const {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeTransfer,
  Error,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  SymbolPrototypeToString,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { encodeUtf8 } = require("encoding");
const flags = require("flags");
const {
  WRITER_CLOSED,
  CLOSED,
  Deferred,
  ERRORED,
  READABLE,
  internal,
  isArrayBuffer,
  isView,
  typeError,
  upon,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} = require("streams/common");
const { Deque } = require("streams/queue");
const { ReadPromise, Readable } = require("streams/reader");
const { elementSizeOf } = require("streams/bytes");
const writable = require("streams/writer");

/** The most bytes that one read of a default reader asks a source for. */
const READ_CHUNK_BYTES = 65536;
/** What a tee keeps for the slower of its branches before it fails both. */
const TEE_BUFFER_LIMIT_BYTES = 128 * 1024 * 1024;

/** The destination of a BYOB read. */
class Destination {
  constructor(view, minBytes) {
    this.byteOffset = viewByteOffset(view);
    this.byteLength = viewByteLength(view);
    this.filled = 0;
    this.minBytes = minBytes;
    this.buffer = viewBuffer(view);
  }

  takeBuffer() {
    this.buffer = ArrayBufferPrototypeTransfer(this.buffer);
  }

  /** Copies what still fits: old compatibility dates leave the buffer with user code, which may have shrunk it. */
  fill(bytes) {
    const count = TypedArrayPrototypeGetByteLength(bytes);
    const at = this.byteOffset + this.filled;
    const room = ArrayBufferPrototypeGetByteLength(this.buffer) - at;
    const fits = room >= count ? bytes : TypedArrayPrototypeSubarray(bytes, 0, room > 0 ? room : 0);
    if (room > 0) TypedArrayPrototypeSet(new Uint8Array(this.buffer, at), fits);
    this.filled += count;
  }

  toView() {
    if (ArrayBufferPrototypeGetDetached(this.buffer)) return new Uint8Array(0);
    const live = ArrayBufferPrototypeGetByteLength(this.buffer);
    if (this.byteOffset >= live) return new Uint8Array(this.buffer, 0, 0);
    const room = live - this.byteOffset;
    return new Uint8Array(this.buffer, this.byteOffset, this.filled < room ? this.filled : room);
  }

  endOfStream() {
    if (!flags.internalStreamByobReturn) return undefined;
    return ArrayBufferPrototypeGetDetached(this.buffer) ? new Uint8Array(0) : new Uint8Array(this.buffer, 0, 0);
  }
}
internal(Destination);

class NativeReadable extends Readable {
  constructor(source) {
    super();
    this.source = source;
    this.request = null;
    this.destination = null;
    this.onRead = null;
    this.onFailed = null;
    /** What it belongs to is closing: nothing more is read. */
    this.ending = false;
  }

  get byteOriented() {
    return true;
  }

  get ownsChunks() {
    return true;
  }

  length() {
    if (this.state !== READABLE) return 0;
    return this.source.length;
  }

  read(request) {
    this.disturbed = true;
    if (this.state === CLOSED && !this.ending) request.close(undefined);
    else if (this.canRead(request)) this.pull(request, null);
  }

  readInto(view, min, request) {
    this.disturbed = true;
    const destination = new Destination(view, min * elementSizeOf(view));
    if (flags.streamsByobReaderDetachesBuffer) {
      try {
        destination.takeBuffer();
      } catch {
        request.fail(typeError("Unable to use non-detachable ArrayBuffer"));
        return;
      }
    }
    if (this.state === CLOSED && !this.ending) request.close(destination.endOfStream());
    else if (this.canRead(request)) this.pull(request, destination);
  }

  readIntoPromise(view, min) {
    const request = new ReadPromise();
    this.readInto(view, min, request);
    return request.promise;
  }

  canRead(request) {
    if (this.ending) {
      request.fail(typeError("This ReadableStream belongs to an object that is closing."));
      return false;
    }
    if (this.state === ERRORED) {
      request.fail(this.error);
      return false;
    }
    if (this.request !== null) {
      request.fail(typeError("This ReadableStream only supports a single pending read request at a time."));
      return false;
    }
    return true;
  }

  pull(request, destination) {
    const maxBytes = destination === null ? READ_CHUNK_BYTES : destination.byteLength - destination.filled;
    let result;
    try {
      result = this.source.read(maxBytes);
    } catch (error) {
      this.fail(error);
      request.fail(error);
      return;
    }
    if (result === null || isView(result)) {
      this.deliver(result, request, destination);
      return;
    }
    this.request = request;
    this.destination = destination;
    if (this.onRead === null) {
      this.onRead = (bytes) => this.arrived(bytes);
      this.onFailed = (error) => this.readFailed(error);
    }
    PromisePrototypeThen(result, this.onRead, this.onFailed);
  }

  arrived(bytes) {
    const request = this.request;
    if (request === null) return;
    const destination = this.destination;
    this.request = null;
    this.destination = null;
    this.deliver(bytes, request, destination);
  }

  readFailed(error) {
    const request = this.request;
    if (request === null) return;
    this.request = null;
    this.destination = null;
    this.fail(error);
    request.fail(error);
  }

  deliver(bytes, request, destination) {
    if (bytes === null) {
      const partial = destination !== null && destination.filled > 0;
      this.close();
      if (partial) request.chunk(destination.toView());
      else request.close(destination === null ? undefined : destination.endOfStream());
    } else if (destination === null) {
      request.chunk(bytes);
    } else {
      destination.fill(bytes);
      if (destination.filled < destination.minBytes) this.pull(request, destination);
      else request.chunk(destination.toView());
    }
  }

  cancel(reason) {
    const promise = super.cancel(reason);
    const request = this.request;
    this.request = null;
    this.destination = null;
    if (request !== null) request.fail(cancelReason(reason));
    return promise;
  }

  cancelSteps(reason) {
    this.source.cancel(cancelReason(reason), reason);
  }

  /** A pipe lets go of its pending read; a reader may not leave one behind. */
  releaseSteps(force) {
    if (this.request === null) return;
    if (force) {
      this.request = null;
      return;
    }
    throw typeError("Cannot call releaseLock() on a reader with outstanding read promises.");
  }

  tee() {
    if (this.state !== READABLE) {
      const branches = [new NativeReadable(null), new NativeReadable(null)];
      for (let i = 0; i < 2; i++) {
        if (this.state === CLOSED) branches[i].close();
        else branches[i].fail(this.error);
      }
      return branches;
    }
    const source = this.takeSource();
    const sources = typeof source.tee === "function" ? source.tee() : new SourceTee(source).branches;
    return [new NativeReadable(sources[0]), new NativeReadable(sources[1])];
  }

  /** The number of a native body that has all that is left, 0 if that cannot be. This stream yields nothing more. `coding`
      may stay as it is. */
  toNative(coding = null) {
    if (this.state !== READABLE || typeof this.source.toNative !== "function") return 0;
    const number = this.source.toNative(coding);
    if (number !== 0) this.request = null;
    return number;
  }

  /** Hands the source over to a new owner; this stream is closed and stays locked. */
  takeSource() {
    const source = this.source;
    this.use();
    return source;
  }
}

function cancelReason(reason) {
  return reason === undefined ? new Error("Stream was cancelled.") : toError(reason);
}

/** A reason as the far end sees it: what is no object arrives as an Error of its text. */
function toError(reason) {
  return typeof reason === "object" && reason !== null ? reason : new Error(`${describe(reason)}`);
}

function describe(reason) {
  return typeof reason === "symbol" ? SymbolPrototypeToString(reason) : reason;
}

/** Two sources that yield the bytes of one. What one branch has read, the other keeps in its backlog. */
class SourceTee {
  constructor(source) {
    this.source = source;
    this.waiting = null;
    this.ended = false;
    this.failed = false;
    this.error = undefined;
    this.branches = [new TeeSource(this, source.length), new TeeSource(this, source.length)];
  }

  /** Reads once from the source for both branches. */
  fetch(maxBytes) {
    if (this.waiting !== null) return this.waiting;
    let result;
    try {
      result = this.source.read(maxBytes);
    } catch (error) {
      result = PromiseReject(error);
    }
    if (result === null || isView(result)) {
      this.spread(result);
      return undefined;
    }
    this.waiting = PromisePrototypeThen(
      result,
      (bytes) => {
        this.waiting = null;
        this.spread(bytes);
      },
      (error) => {
        this.waiting = null;
        this.fail(error);
      },
    );
    return this.waiting;
  }

  spread(bytes) {
    if (bytes === null) {
      this.ended = true;
      return;
    }
    let shared = false;
    for (let i = 0; i < 2; i++) {
      const branch = this.branches[i];
      if (branch.canceled) continue;
      branch.push(shared ? TypedArrayPrototypeSlice(bytes) : bytes);
      shared = true;
      if (branch.backlogBytes > TEE_BUFFER_LIMIT_BYTES) {
        this.fail(new Error("ReadableStream.tee() buffer limit exceeded."));
        this.source.cancel(this.error);
      }
    }
  }

  fail(error) {
    this.failed = true;
    this.error = error;
  }

  cancelled(reason) {
    if (this.branches[0].canceled && this.branches[1].canceled) this.source.cancel(reason);
  }
}
internal(SourceTee);

class TeeSource {
  constructor(tee, length) {
    this.tee = tee;
    this.length = length;
    this.backlog = new Deque();
    this.backlogBytes = 0;
    this.canceled = false;
  }

  push(bytes) {
    this.backlog.push(bytes);
    this.backlogBytes += TypedArrayPrototypeGetByteLength(bytes);
  }

  read(maxBytes) {
    const now = this.take(maxBytes);
    if (now !== undefined) return now;
    const waiting = this.tee.fetch(maxBytes);
    if (waiting === undefined) return this.read(maxBytes);
    return PromisePrototypeThen(waiting, () => this.read(maxBytes));
  }

  /** Bytes at hand, null at the end, undefined where the source must be asked. */
  take(maxBytes) {
    if (this.backlog.length > 0) {
      const bytes = this.backlog.peek();
      const byteLength = TypedArrayPrototypeGetByteLength(bytes);
      if (byteLength <= maxBytes) {
        this.backlog.shift();
        this.took(byteLength);
        return bytes;
      }
      this.backlog.replaceFirst(TypedArrayPrototypeSubarray(bytes, maxBytes));
      this.took(maxBytes);
      return TypedArrayPrototypeSlice(bytes, 0, maxBytes);
    }
    if (this.tee.failed) throw this.tee.error;
    return this.tee.ended ? null : undefined;
  }

  took(count) {
    this.backlogBytes -= count;
    if (this.length !== undefined) this.length -= count;
  }

  cancel(reason) {
    this.canceled = true;
    this.backlog.clear();
    this.backlogBytes = 0;
    this.tee.cancelled(reason);
  }
}
internal(TeeSource);

/** The bytes of a chunk, over the chunk's own memory where it has some; undefined for what is no bytes. */
function bytesIn(chunk) {
  if (isView(chunk)) return new Uint8Array(viewBuffer(chunk), viewByteOffset(chunk), viewByteLength(chunk));
  if (isArrayBuffer(chunk)) return new Uint8Array(chunk);
  return typeof chunk === "string" ? encodeUtf8(chunk) : undefined;
}

function closedError() {
  return typeError(WRITER_CLOSED);
}

const NOT_BYTES =
  "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView " +
  "type on its writable side.";

/** What waits for the sink: the close where `bytes` is null, a flush for FLUSH, else a write. */
class SinkEvent {
  constructor(bytes, request) {
    this.bytes = bytes;
    this.request = request;
  }
}
internal(SinkEvent);

const FLUSH = { __proto__: null };

/** Holds the lock of a writable that a pipe has closed. */
const ENDED = {
  __proto__: null,
  piping: false,
  writableReady() {},
  writableBlocked() {},
  writableErroring() {},
  writableClosed() {},
  writableErrored() {},
};

class NativeWritable {
  /** `highWaterMark`: bytes after which `ready` waits, or undefined for a stream that never says so. */
  constructor(sink, highWaterMark) {
    this.sink = sink;
    this.highWaterMark = highWaterMark;
    this.state = writable.WRITABLE;
    this.error = undefined;
    this.writer = null;
    this.events = new Deque();
    this.busy = false;
    this.closing = false;
    this.buffered = 0;
    this.pendingAbort = null;
    /** What it belongs to is closing: nothing more is written. */
    this.ending = false;
    /** The writer that was there at the end: to it, a failed stream looks closed too. */
    this.endedUnder = null;
  }

  get locked() {
    return this.writer !== null;
  }

  get blocked() {
    return this.state === writable.WRITABLE && this.desiredSize() <= 0;
  }

  get expectsBytes() {
    return true;
  }

  get piping() {
    return this.writer !== null && this.writer.piping;
  }

  get leftBehind() {
    return this.writer !== null && this.writer === this.endedUnder;
  }

  desiredSize() {
    if (this.state === writable.CLOSED || this.leftBehind) return 0;
    if (this.state === writable.ERRORED) return null;
    return this.highWaterMark === undefined ? 1 : this.highWaterMark - this.buffered;
  }

  write(chunk, request) {
    if (this.closing || this.state === writable.CLOSED || this.leftBehind) {
      request.reject(closedError());
      return;
    }
    if (this.state === writable.ERRORED) {
      request.reject(this.error);
      return;
    }
    if (this.ending) {
      request.reject(typeError("This WritableStream belongs to an object that is closing."));
      return;
    }
    let bytes = chunk === undefined ? undefined : bytesIn(chunk);
    if (bytes === undefined && this.piping) {
      const error = typeError("This WritableStream only supports writing byte types.");
      if (this.sink.notBytes === undefined) this.sink.abort(error);
      else this.sink.notBytes(error);
      this.drain(error);
      request.reject(error);
    } else if (bytes === undefined && chunk !== undefined) {
      if (!flags.captureThrowsAsRejections) throw typeError(NOT_BYTES);
      request.reject(typeError(NOT_BYTES));
    } else if (bytes === undefined || TypedArrayPrototypeGetByteLength(bytes) === 0) {
      request.resolve(undefined);
    } else {
      if (this.mustCopy(chunk)) bytes = TypedArrayPrototypeSlice(bytes);
      this.events.push(new SinkEvent(bytes, request));
      this.adjust(TypedArrayPrototypeGetByteLength(bytes));
      this.advance();
    }
  }

  /** Whether user code could still change the bytes before the sink is through with them. */
  mustCopy(chunk) {
    if (typeof chunk === "string" || (this.piping && this.writer.source.ownsChunks)) return false;
    return !this.sink.copies || this.busy || this.events.length > 0;
  }

  close() {
    if (this.leftBehind) return PromiseReject(closedError());
    if (this.closing || this.state === writable.CLOSED) return PromiseResolve(undefined);
    if (this.state === writable.ERRORED) return PromiseReject(this.error);
    const request = new Deferred();
    this.closing = true;
    this.events.push(new SinkEvent(null, request));
    this.advance();
    return request.promise;
  }

  /** A promise that all that was written before is with the sink. */
  flush() {
    if (this.state === writable.ERRORED) return PromiseReject(this.error);
    if (this.events.length === 0) return PromiseResolve(undefined);
    const request = new Deferred();
    this.events.push(new SinkEvent(FLUSH, request));
    return request.promise;
  }

  abort(reason) {
    if (this.pendingAbort !== null) return this.pendingAbort.promise;
    if (this.state !== writable.WRITABLE) return PromiseResolve(undefined);
    if (flags.internalWritableStreamAbortClearsQueue || this.events.length === 0) {
      this.sink.abort(toError(reason));
      this.drain(reason);
      return PromiseResolve(undefined);
    }
    this.pendingAbort = new Deferred();
    this.pendingAbort.reason = reason;
    return this.pendingAbort.promise;
  }

  /** Open, and nothing waits for the sink. */
  get isIdle() {
    return this.state === writable.WRITABLE && !this.closing && this.events.length === 0;
  }

  /** The sink, which can `cut()` what it was given short, takes no more. */
  leave(error) {
    if (this.state !== writable.WRITABLE) return;
    this.sink.cut();
    this.drain(error);
  }

  /** Something else feeds the sink from now on: the stream is closed and locked. */
  end() {
    this.state = writable.CLOSED;
    this.writer = ENDED;
  }

  /** What the pipe that writes here would still bring, as a native body's number; 0 if that cannot be. */
  handOver() {
    if (!this.piping || this.state !== writable.WRITABLE || this.closing) return 0;
    const number = this.writer.handOver();
    if (number !== 0) this.events.clear();
    return number;
  }

  writerReleased() {}

  /** As in workerd, a stream that a pipe has closed stays locked. */
  pipeEnded() {
    this.writer = this.state === writable.CLOSED ? ENDED : null;
  }

  /** A pipe was aborted and may not abort this stream: the write that it leaves behind will never be whole. */
  abandonWrites() {
    const error = new Error("writer canceled");
    if (this.sink.abandon === undefined || this.events.length === 0) return;
    this.sink.abandon(error);
    this.drain(error);
  }

  adjust(byteCount) {
    this.buffered += byteCount;
    if (this.highWaterMark === undefined || this.writer === null) return;
    if (this.desiredSize() <= 0) this.writer.writableBlocked();
    else this.writer.writableReady();
  }

  advance() {
    while (!this.busy && this.events.length > 0) {
      const event = this.events.peek();
      let result;
      this.busy = true;
      try {
        result = this.begin(event);
      } catch (error) {
        result = PromiseReject(error);
      }
      if (result !== undefined) {
        this.await(result, event);
        return;
      }
      this.settled(event);
    }
  }

  begin({ bytes }) {
    if (bytes === null) return this.sink.close();
    return bytes === FLUSH ? undefined : this.sink.write(bytes, this.piping);
  }

  await(result, event) {
    upon(
      result,
      () => {
        if (this.events.length === 0 || this.events.peek() !== event) return;
        this.settled(event);
        this.advance();
      },
      (error) => {
        if (this.events.length === 0 || this.events.peek() !== event) return;
        const abort = this.takeAbort();
        this.sink.abort(error);
        this.drain(abort === null ? error : abort.reason);
        if (abort !== null) abort.resolve(undefined);
      },
    );
  }

  /** The sink is through with the first event. */
  settled(event) {
    this.busy = false;
    this.events.shift();
    event.request.resolve(undefined);
    const abort = this.takeAbort();
    if (event.bytes === null) {
      this.state = writable.CLOSED;
      this.closing = false;
      this.endedUnder = this.writer;
      if (this.writer !== null) {
        this.writer.writableReady();
        this.writer.writableClosed();
      }
    } else if (event.bytes !== FLUSH) {
      this.adjust(-TypedArrayPrototypeGetByteLength(event.bytes));
    }
    if (abort === null) return;
    if (this.state === writable.WRITABLE) {
      this.sink.abort(toError(abort.reason));
      this.drain(abort.reason);
    }
    abort.resolve(undefined);
  }

  takeAbort() {
    const abort = this.pendingAbort;
    this.pendingAbort = null;
    return abort;
  }

  /** Fails the stream and all that waits. */
  drain(error) {
    if (this.state !== writable.WRITABLE) return;
    this.state = writable.ERRORED;
    this.error = error;
    this.busy = false;
    this.closing = false;
    this.endedUnder = this.writer;
    const events = this.events.take();
    if (this.writer !== null) {
      this.writer.writableErrored(error);
      this.writer.writableReady();
    }
    while (events.length > 0) events.shift().request.reject(error);
  }

  fail(error) {
    this.drain(error);
  }
}
internal(NativeWritable);

exports.NativeReadable = NativeReadable;
exports.NativeWritable = NativeWritable;
exports.READ_CHUNK_BYTES = READ_CHUNK_BYTES;
exports.bytesIn = bytesIn;
exports.toError = toError;
