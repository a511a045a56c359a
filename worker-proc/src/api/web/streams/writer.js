/* The writing end of a stream: what every kind of writable shares, and the lock a writer holds on it.
 *
 * A writable is a DefaultWritable (over a user's sink) or a NativeWritable. Each has
 *     state, error            where it stands; the error from ERRORING on
 *     write(chunk, request)   queue one chunk; the request's resolve() or reject(error) is called when it is through
 *     close() / abort(reason) promises
 *     desiredSize()           null once it fails
 *     blocked                 whether `ready` has to wait
 *     closing                 a close is queued or under way
 * Whoever holds the lock sits in `writer` and is told: writableReady(), writableBlocked(), writableErroring(error),
 * writableClosed(), writableErrored(error). That is a Writer, or a Pipe.
 */
const { PromiseReject, PromiseResolve } = primordials;
const { WRITER_LOCK, Deferred, internal, markHandled, rejectedHandled, typeError } = require("streams/common");

const WRITABLE = 0;
const CLOSED = 1;
const ERRORED = 2;
const ERRORING = 3;

/** The lock that a writer object holds. Its promises are made when somebody asks for them. */
class Writer {
  constructor(stream) {
    if (stream.locked) throw typeError(WRITER_LOCK);
    this.stream = stream;
    this.piping = false;
    this.closedDeferred = null;
    this.closedPromise = null;
    this.readyDeferred = null;
    this.readyPromise = null;
    this.readyError = undefined;
    this.readyFailed = false;
    stream.writer = this;
    if (stream.state === ERRORING || stream.state === ERRORED) this.failReady(stream.error);
  }

  closed() {
    if (this.closedPromise === null) this.closedPromise = this.newClosedPromise();
    return this.closedPromise;
  }

  newClosedPromise() {
    if (this.stream === null) return rejectedHandled(this.readyError);
    if (this.stream.state === CLOSED) return PromiseResolve(undefined);
    if (this.stream.state === ERRORED) return rejectedHandled(this.stream.error);
    this.closedDeferred = new Deferred();
    return markHandled(this.closedDeferred.promise);
  }

  ready() {
    if (this.readyPromise === null) this.readyPromise = this.newReadyPromise();
    return this.readyPromise;
  }

  newReadyPromise() {
    if (this.readyFailed) return rejectedHandled(this.readyError);
    if (!this.stream.blocked) return PromiseResolve(undefined);
    this.readyDeferred = new Deferred();
    return markHandled(this.readyDeferred.promise);
  }

  writableReady() {
    if (this.readyDeferred === null) return;
    this.readyDeferred.resolve(undefined);
    this.readyDeferred = null;
  }

  writableBlocked() {
    if (this.readyDeferred === null) this.readyPromise = null;
  }

  writableErroring(error) {
    this.failReady(error);
  }

  writableClosed() {
    if (this.closedDeferred === null) return;
    this.closedDeferred.resolve(undefined);
    this.closedDeferred = null;
  }

  writableErrored(error) {
    if (this.closedDeferred === null) return;
    this.closedDeferred.reject(error);
    this.closedDeferred = null;
  }

  /** Rejects a `ready` that waits; one that was fulfilled gives way to a rejected one. */
  failReady(error) {
    this.readyFailed = true;
    this.readyError = error;
    if (this.readyDeferred === null) {
      this.readyPromise = null;
    } else {
      this.readyDeferred.reject(error);
      this.readyDeferred = null;
    }
  }

  write(chunk) {
    if (this.stream === null) return PromiseReject(releasedError());
    const request = new Deferred();
    this.stream.write(chunk, request);
    return request.promise;
  }

  close() {
    if (this.stream === null) return PromiseReject(releasedError());
    return this.stream.close();
  }

  abort(reason) {
    if (this.stream === null) return PromiseReject(releasedError());
    return this.stream.abort(reason);
  }

  desiredSize() {
    if (this.stream === null) throw releasedError();
    return this.stream.desiredSize();
  }

  release() {
    if (this.stream === null) return;
    const stream = this.stream;
    const error = releasedError();
    this.failReady(error);
    this.stream = null;
    if (this.closedDeferred === null) this.closedPromise = null;
    else this.writableErrored(error);
    stream.writer = null;
    stream.writerReleased(error);
  }
}
internal(Writer);

function releasedError() {
  return typeError("This WritableStream writer has been released.");
}

exports.WRITABLE = WRITABLE;
exports.CLOSED = CLOSED;
exports.ERRORED = ERRORED;
exports.ERRORING = ERRORING;
exports.Writer = Writer;
exports.releasedError = releasedError;
