/* The reading end of a stream: what every kind of readable shares, the lock a reader holds on it, and read requests.
 *
 * A readable is one of DefaultReadable, ByteReadable (readables over a user's source) and NativeReadable. Each
 * extends Readable and adds
 *     read(request)                 queue or answer one read
 *     readInto(view, min, request)  the same for a BYOB read (byte-oriented ones only)
 *     readPromise()                 read() for user code: a promise of {value, done}
 *     cancelSteps(reason)           a value or promise to wait for
 *     releaseSteps()                the reader leaves; may throw to refuse
 *     tee()                         two readables that yield the same chunks
 *     length()                      the number of bytes to come, where it is known, else undefined
 * Whoever holds the lock sits in `reader` and is told of the end: readableClosed(), readableErrored(error). That is a
 * Reader, or a Pipe. A read request has chunk(value), close(value) and fail(error), of which one is called, once.
 */
// own: reads (a queue)
const { PromisePrototypeThen, PromiseReject, PromiseResolve } = primordials;
const {
  READER_LOCK,
  CLOSED,
  Deferred,
  ERRORED,
  READABLE,
  internal,
  markHandled,
  noop,
  rejectedHandled,
  settleRead,
  typeError,
} = require("streams/common");
const { Deque } = require("streams/queue");

/** Holds the lock of a stream whose source went elsewhere. */
const TAKEN = { __proto__: null, readableClosed() {}, readableErrored() {} };

class Readable {
  constructor() {
    this.state = READABLE;
    this.error = undefined;
    this.disturbed = false;
    this.reader = null;
    this.reads = new Deque();
    /** Of a transform that changes nothing, see `streams/transform`. */
    this.passage = null;
  }

  get byteOriented() {
    return false;
  }

  /** Whether the chunks are bytes that nobody else holds: an internal destination takes them without a copy. */
  get ownsChunks() {
    return false;
  }

  get locked() {
    return this.reader !== null;
  }

  length() {
    return undefined;
  }

  /** Whether nobody has locked, read or ended it. */
  get isFresh() {
    return this.state === READABLE && !this.disturbed && !this.locked;
  }

  /** What it would yield goes elsewhere: it is closed and stays locked. */
  use() {
    this.disturbed = true;
    this.close();
    this.reader = TAKEN;
  }

  /** The number of a native body that has all that is left, 0 if that cannot be. */
  toNative() {
    return this.passage === null ? 0 : this.passage.toNative();
  }

  readPromise() {
    const request = new ReadPromise();
    this.read(request);
    return request.promise;
  }

  /** The stream has ended: tells the reader, then answers the reads that wait. */
  close() {
    if (this.state !== READABLE) return;
    this.state = CLOSED;
    if (this.reader === null) return;
    this.reader.readableClosed();
    const reads = this.reads.take();
    while (reads.length > 0) reads.shift().close(undefined);
  }

  fail(error) {
    if (this.state !== READABLE) return;
    this.state = ERRORED;
    this.error = error;
    if (this.reader === null) return;
    this.reader.readableErrored(error);
    this.failReads(error);
  }

  failReads(error) {
    const reads = this.reads.take();
    while (reads.length > 0) reads.shift().fail(error);
  }

  cancel(reason) {
    this.disturbed = true;
    if (this.state === CLOSED) return PromiseResolve(undefined);
    if (this.state === ERRORED) return PromiseReject(this.error);
    this.close();
    return PromisePrototypeThen(PromiseResolve(this.cancelSteps(reason)), noop);
  }

  cancelSteps() {}

  releaseSteps() {}
}
internal(Readable);

/** A promise for one read of user code. */
class ReadPromise extends Deferred {
  chunk(value) {
    settleRead(this.resolve, value, false);
  }

  close(value) {
    settleRead(this.resolve, value, true);
  }

  fail(error) {
    this.reject(error);
  }
}

/** The lock that a reader object holds. Its `closed` promise is made when somebody asks for it. */
class Reader {
  constructor(stream) {
    if (stream.locked) throw typeError(READER_LOCK);
    this.stream = stream;
    this.deferred = null;
    this.promise = null;
    this.releaseError = undefined;
    stream.reader = this;
  }

  closed() {
    if (this.promise === null) this.promise = this.newClosedPromise();
    return this.promise;
  }

  newClosedPromise() {
    if (this.stream === null) return rejectedHandled(this.releaseError);
    if (this.stream.state === CLOSED) return PromiseResolve(undefined);
    if (this.stream.state === ERRORED) return rejectedHandled(this.stream.error);
    this.deferred = new Deferred();
    return markHandled(this.deferred.promise);
  }

  readableClosed() {
    if (this.deferred === null) return;
    this.deferred.resolve(undefined);
    this.deferred = null;
  }

  readableErrored(error) {
    if (this.deferred === null) return;
    this.deferred.reject(error);
    this.deferred = null;
  }

  read() {
    if (this.stream === null) return PromiseReject(releasedError());
    return this.stream.readPromise();
  }

  cancel(reason) {
    if (this.stream === null) return PromiseReject(releasedError());
    return this.stream.cancel(reason);
  }

  release() {
    if (this.stream === null) return;
    const stream = this.stream;
    stream.releaseSteps();
    const error = releasedError();
    this.stream = null;
    this.releaseError = error;
    if (this.deferred === null) this.promise = null;
    else this.readableErrored(error);
    stream.reader = null;
    stream.failReads(error);
  }
}
internal(Reader);

function releasedError() {
  return typeError("This ReadableStream reader has been released.");
}

exports.Readable = Readable;
exports.ReadPromise = ReadPromise;
exports.Reader = Reader;
