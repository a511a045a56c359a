/* A writable over a sink: WritableStream and WritableStreamDefaultController of the Streams Standard, sections 5.2 to
 * 5.5.
 *
 * Used by WritableStream and TransformStream. A sink is an object with write(chunk), close() and abort(reason), which
 * may return a promise and may throw.
 */
// own: requests (a queue)
const { PromiseReject, PromiseResolve } = primordials;
const flags = require("flags");
const { WRITER_CLOSED, Deferred, asyncFailure, internal, typeError, upon } = require("streams/common");
const { Deque, SizedQueue, checkedSize } = require("streams/queue");
const { CLOSED, ERRORED, ERRORING, WRITABLE, releasedError } = require("streams/writer");

/** In the queue, stands for the close. */
const CLOSE = { __proto__: null };

class PendingAbort extends Deferred {
  constructor(reason, wasErroring) {
    super();
    this.reason = reason;
    this.wasErroring = wasErroring;
  }
}

class DefaultWritable {
  /** `onAbort(reason)` is told first when an abort begins: it fires the controller's signal. */
  constructor(sink, highWaterMark, sizeOf, onAbort) {
    this.sink = sink;
    this.highWaterMark = highWaterMark;
    this.sizeOf = sizeOf;
    this.onAbort = onAbort;
    this.state = WRITABLE;
    this.error = undefined;
    this.writer = null;
    this.hasStarted = false;
    this.queue = new SizedQueue();
    this.requests = new Deque();
    this.inFlightWrite = null;
    this.closeRequest = null;
    this.inFlightClose = null;
    this.pendingAbort = null;
    /** What the first abort() returned: later ones return it again. */
    this.abortPromise = null;
    this.backpressure = highWaterMark <= 0;
    this.onWritten = null;
    this.onWriteFailed = null;
  }

  get locked() {
    return this.writer !== null;
  }

  get closing() {
    return this.closeRequest !== null || this.inFlightClose !== null;
  }

  get blocked() {
    return this.state === WRITABLE && this.backpressure && !this.closing;
  }

  get expectsBytes() {
    return false;
  }

  /** Open, and nothing waits for the sink. */
  get isIdle() {
    return this.state === WRITABLE && !this.closing && this.inFlightWrite === null && this.queue.total === 0;
  }

  /** What a pipe has left to the runtime has come to its end. */
  end() {
    this.state = CLOSED;
  }

  /** The same, but not well. */
  drain(error) {
    this.state = ERRORED;
    this.error = error;
  }

  /** Writing begins once `startResult`, a value or promise, is fulfilled. */
  start(startResult) {
    upon(
      startResult,
      () => this.started(),
      (error) => {
        this.hasStarted = true;
        this.rejected(error);
      },
    );
  }

  started() {
    this.hasStarted = true;
    this.advance();
  }

  desiredSize() {
    if (this.state === ERRORED || this.state === ERRORING) return null;
    if (this.state === CLOSED) return 0;
    return this.highWaterMark - this.queue.total;
  }

  write(chunk, request) {
    const writer = this.writer;
    const size = this.sizeOfChunk(chunk);
    // A strategy may release the lock, or end the stream, while it measures.
    if (writer !== this.writer) request.reject(releasedError());
    else if (this.state === ERRORED || this.state === ERRORING) request.reject(this.error);
    else if (this.closing || this.state === CLOSED) request.reject(closedError());
    else this.enqueue(chunk, size, request);
  }

  sizeOfChunk(chunk) {
    const sizeOf = this.sizeOf;
    if (sizeOf === undefined) return 1;
    try {
      return sizeOf(chunk);
    } catch (error) {
      this.fail(error);
      return 1;
    }
  }

  enqueue(chunk, size, request) {
    this.requests.push(request);
    try {
      this.queue.push(chunk, checkedSize(size));
    } catch (error) {
      this.fail(error);
      return;
    }
    this.updateBackpressure();
    this.advance();
  }

  close() {
    if (this.closing) return asyncFailure(typeError("Cannot close a writer that is already being closed"));
    if (this.state === CLOSED) return PromiseReject(closedError());
    if (this.state === ERRORED) {
      return PromiseReject(flags.pedanticWpt ? typeError("This WritableStream has been errored.") : this.error);
    }
    this.closeRequest = new Deferred();
    const promise = this.closeRequest.promise;
    if (this.writer !== null && this.backpressure && this.state === WRITABLE) this.writer.writableReady();
    this.queue.push(CLOSE, 0);
    this.advance();
    return promise;
  }

  abort(reason) {
    if (this.abortPromise !== null) return this.abortPromise;
    if (this.state === CLOSED || this.state === ERRORED) return PromiseResolve(undefined);
    this.onAbort(reason);
    if (this.state === CLOSED || this.state === ERRORED) return PromiseResolve(undefined);
    if (this.pendingAbort !== null) return this.pendingAbort.promise;
    const wasErroring = this.state === ERRORING;
    const abort = new PendingAbort(wasErroring ? undefined : reason, wasErroring);
    this.pendingAbort = abort;
    this.abortPromise = abort.promise;
    if (!wasErroring) this.startErroring(reason);
    return abort.promise;
  }

  /** What the sink's controller does for error(). */
  fail(error) {
    if (this.state === WRITABLE) this.startErroring(error);
  }

  /** The writer left: its writes that have not begun are dropped, as workerd does (the standard keeps them). */
  writerReleased(error) {
    if (this.requests.length === 0) return;
    const requests = this.requests.take();
    for (let i = 0, count = this.queue.length; i < count; i++) {
      const size = this.queue.peekSize();
      const chunk = this.queue.shift();
      if (chunk === CLOSE || (i === 0 && this.inFlightWrite !== null)) this.queue.push(chunk, size);
    }
    while (requests.length > 0) requests.shift().reject(error);
    this.updateBackpressure();
  }

  pipeEnded() {
    this.writer = null;
  }

  // --- the queue ---

  updateBackpressure() {
    if (this.state !== WRITABLE || this.closing) return;
    const backpressure = this.highWaterMark <= this.queue.total;
    if (backpressure === this.backpressure) return;
    this.backpressure = backpressure;
    if (this.writer === null) return;
    if (backpressure) this.writer.writableBlocked();
    else this.writer.writableReady();
  }

  advance() {
    if (!this.hasStarted || this.inFlightWrite !== null) return;
    if (this.state === ERRORING) {
      this.finishErroring();
      return;
    }
    if (this.queue.length === 0 || this.inFlightClose !== null) return;
    const chunk = this.queue.peek();
    if (chunk === CLOSE) this.sendClose();
    else this.sendWrite(chunk);
  }

  sendWrite(chunk) {
    this.inFlightWrite = this.requests.shift();
    let result;
    try {
      result = this.sink.write(chunk);
    } catch (error) {
      result = PromiseReject(error);
    }
    if (this.onWritten === null) {
      this.onWritten = () => this.written();
      this.onWriteFailed = (error) => this.writeFailed(error);
    }
    upon(result, this.onWritten, this.onWriteFailed);
  }

  written() {
    const request = this.inFlightWrite;
    this.inFlightWrite = null;
    request.resolve(undefined);
    // The queue is empty already if the stream failed meanwhile.
    if (this.queue.length > 0) this.queue.shift();
    this.updateBackpressure();
    this.advance();
  }

  writeFailed(error) {
    const request = this.inFlightWrite;
    this.inFlightWrite = null;
    request.reject(error);
    this.rejected(error);
  }

  sendClose() {
    this.inFlightClose = this.closeRequest;
    this.closeRequest = null;
    this.queue.shift();
    let result;
    try {
      result = this.sink.close();
    } catch (error) {
      result = PromiseReject(error);
    }
    this.sink = null;
    upon(
      result,
      () => this.closed(),
      (error) => this.closeFailed(error),
    );
  }

  closed() {
    this.inFlightClose.resolve(undefined);
    this.inFlightClose = null;
    if (this.state === ERRORING) {
      this.error = undefined;
      if (this.pendingAbort !== null) {
        this.pendingAbort.resolve(undefined);
        this.pendingAbort = null;
      }
    }
    this.state = CLOSED;
    if (this.writer !== null) this.writer.writableClosed();
  }

  closeFailed(error) {
    this.inFlightClose.reject(error);
    this.inFlightClose = null;
    if (this.pendingAbort !== null) {
      this.pendingAbort.reject(error);
      this.pendingAbort = null;
    }
    this.rejected(error);
  }

  // --- failing ---

  rejected(error) {
    if (this.state === WRITABLE) this.startErroring(error);
    else if (this.state === ERRORING) this.finishErroring();
  }

  startErroring(error) {
    this.state = ERRORING;
    this.error = error;
    this.sizeOf = undefined;
    if (this.writer !== null) this.writer.writableErroring(error);
    if (this.hasStarted && this.inFlightWrite === null && this.inFlightClose === null) this.finishErroring();
  }

  finishErroring() {
    this.state = ERRORED;
    this.queue.clear();
    const requests = this.requests.take();
    while (requests.length > 0) requests.shift().reject(this.error);
    const abort = this.pendingAbort;
    const sink = this.sink;
    this.pendingAbort = null;
    this.sink = null;
    if (abort === null) {
      this.rejectCloseAndClosed();
    } else if (abort.wasErroring) {
      abort.reject(this.error);
      this.rejectCloseAndClosed();
    } else {
      let result;
      try {
        result = sink === null ? undefined : sink.abort(abort.reason);
      } catch (error) {
        result = PromiseReject(error);
      }
      upon(
        result,
        () => {
          abort.resolve(undefined);
          this.rejectCloseAndClosed();
        },
        (error) => {
          abort.reject(error);
          this.rejectCloseAndClosed();
        },
      );
    }
  }

  rejectCloseAndClosed() {
    if (this.closeRequest !== null) {
      this.closeRequest.reject(this.error);
      this.closeRequest = null;
    }
    if (this.writer !== null) this.writer.writableErrored(this.error);
  }
}
internal(DefaultWritable);

function closedError() {
  return typeError(WRITER_CLOSED);
}

exports.DefaultWritable = DefaultWritable;
