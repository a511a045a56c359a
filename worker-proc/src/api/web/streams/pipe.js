/* pipeTo: Streams Standard, section 4.9.2 (ReadableStreamPipeTo).
 *
 * Used by pipeTo, pipeThrough and the pumps of streams/native. A Pipe sits in the reader's and the writer's place of
 * the two streams at once, and is the request of its reads and writes: no promise and no closure a chunk. What
 * happens to either stream while user code runs is looked at in a later microtask, in the order that the standard
 * gives.
 */
const { PromiseReject } = primordials;
const { CLOSED, Deferred, ERRORED, READABLE, internal, markHandled, typeError, upon } = require("streams/common");
const writable = require("streams/writer");
const { prepend, retainUntil, watch } = require("streams/resource");
const { abortReason, addAlgorithm, isAborted } = require("abort");

class Pipe {
  /** `options`: {preventClose, preventAbort, preventCancel, signal}. */
  constructor(source, destination, options) {
    this.source = source;
    this.destination = destination;
    this.options = options;
    this.done = new Deferred();
    /** Tells a writable that its chunks do not come from a writer of user code. */
    this.piping = true;
    this.reading = false;
    this.scheduled = false;
    this.stepping = false;
    this.shuttingDown = false;
    this.finished = false;
    this.released = false;
    this.writesWaiting = 0;
    this.waitedForClose = false;
    this.hasChunk = false;
    this.heldChunk = undefined;
    this.action = null;
    this.failed = false;
    this.error = undefined;
    this.removeAbort = null;
    this.onStep = () => {
      this.scheduled = false;
      this.step();
    };
    source.reader = this;
    source.disturbed = true;
    destination.writer = this;
  }

  start() {
    const signal = this.options.signal;
    if (signal !== undefined) {
      const abort = () => this.abort(abortReason(signal));
      if (isAborted(signal)) {
        abort();
        return this.done.promise;
      }
      this.removeAbort = addAlgorithm(signal, abort);
    }
    this.step();
    return this.done.promise;
  }

  schedule() {
    if (this.scheduled || this.stepping || this.finished) return;
    this.scheduled = true;
    upon(undefined, this.onStep);
  }

  // --- told by the streams ---

  readableClosed() {
    this.schedule();
  }

  readableErrored() {
    this.schedule();
  }

  writableReady() {
    this.schedule();
  }

  writableBlocked() {}

  writableErroring() {}

  writableClosed() {
    if (this.waitedForClose) this.endAtClose();
    else this.schedule();
  }

  writableErrored() {
    this.schedule();
  }

  // --- the request of each read ---

  chunk(value) {
    this.reading = false;
    // Written in a microtask of its own: neither enqueue() nor read() runs the sink. An abort drops what it finds here.
    if (this.shuttingDown) return;
    this.hasChunk = true;
    this.heldChunk = value;
    this.schedule();
  }

  close() {
    this.reading = false;
    this.schedule();
  }

  // --- the request of each write, and of reads that fail ---

  fail() {
    this.reading = false;
    this.schedule();
  }

  resolve() {
    this.writesWaiting--;
    if (this.shuttingDown || this.destination.expectsBytes) this.schedule();
  }

  reject() {
    this.writesWaiting--;
    this.schedule();
  }

  // --- the loop ---

  writeChunk(value) {
    this.writesWaiting++;
    this.destination.write(value, this);
  }

  flushHeld() {
    if (!this.hasChunk) return;
    const value = this.heldChunk;
    this.hasChunk = false;
    this.heldChunk = undefined;
    this.writeChunk(value);
  }

  step() {
    if (this.finished) return;
    // A write that is through at once needs no step of its own.
    this.stepping = true;
    this.flushHeld();
    this.stepping = false;
    if (!this.shuttingDown) this.propagate();
    if (this.shuttingDown) {
      this.finishShutdown();
      return;
    }
    if (!this.mayRead()) return;
    this.reading = true;
    this.source.read(this);
  }

  /** A standard destination says how much it wants; an internal one gets a chunk when it is through with the last. */
  mayRead() {
    if (this.reading || this.hasChunk || this.source.state !== READABLE) return false;
    if (this.destination.expectsBytes) return this.writesWaiting === 0;
    return this.waitedForClose || this.destination.desiredSize() > 0;
  }

  /** Begins to shut down where one of the streams has ended. */
  propagate() {
    const { source, destination, options } = this;
    if (source.state === ERRORED) {
      const error = source.error;
      this.shutDown(options.preventAbort ? null : () => destination.abort(error), true, error);
    } else if (destination.state === writable.ERRORED) {
      const error = destination.error;
      this.shutDown(options.preventCancel ? null : () => source.cancel(error), true, error);
    } else if (source.state === CLOSED) {
      this.shutDown(options.preventClose ? null : () => closeDestination(destination), false, undefined);
    } else if (destination.closing && !destination.expectsBytes) {
      this.waitedForClose = true;
    } else if (destination.closing || destination.state === writable.CLOSED) {
      const error = destinationClosed();
      this.shutDown(options.preventCancel ? null : () => source.cancel(error), true, error);
    }
  }

  abort(error) {
    if (this.shuttingDown) return;
    const { source, destination, options } = this;
    this.hasChunk = false;
    this.heldChunk = undefined;
    // An internal destination may wait for its reader for ever.
    if (destination.expectsBytes && options.preventAbort) destination.abandonWrites();
    this.shutDown(
      () => {
        // As in workerd, both are free by the time that the destination's abort signal tells.
        const cancelled = options.preventCancel || source.state !== READABLE ? undefined : source.cancel(error);
        this.release();
        const aborted =
          options.preventAbort || destination.state !== writable.WRITABLE ? undefined : destination.abort(error);
        return both(aborted, cancelled);
      },
      true,
      error,
    );
    this.schedule();
  }

  /** As in workerd, a close that was under way when the pipe began ends it at once, and without an error. */
  endAtClose() {
    if (this.shuttingDown) return;
    this.shuttingDown = true;
    if (this.removeAbort !== null) this.removeAbort();
    this.finish();
    if (!this.options.preventCancel) markHandled(this.source.cancel(destinationClosed()));
  }

  /** `action` runs once, when the chunks that were read are written; the pipe then ends, with `error` if it failed. */
  shutDown(action, failed, error) {
    this.shuttingDown = true;
    this.action = action;
    this.failed = failed;
    this.error = error;
  }

  finishShutdown() {
    const destination = this.destination;
    if (this.writesWaiting > 0 && destination.state === writable.WRITABLE && !destination.closing) return;
    if (this.removeAbort !== null) this.removeAbort();
    this.removeAbort = null;
    const action = this.action;
    if (action === null) {
      this.finish();
      return;
    }
    this.finished = true;
    let result;
    try {
      result = action();
    } catch (error) {
      result = PromiseReject(error);
    }
    upon(
      result,
      () => this.finish(),
      (error) => {
        this.failed = true;
        this.error = error;
        this.finish();
      },
    );
  }

  /**
   * Leaves the rest of the way to the runtime: the number of a native body with all that was not written yet, 0 where
   * the source is none. The pipe ends when that body has.
   */
  handOver() {
    const { preventAbort, preventCancel, preventClose, signal } = this.options;
    if (signal !== undefined || preventAbort || preventCancel || preventClose || this.shuttingDown) return 0;
    const { source, destination } = this;
    const rest = source.toNative();
    if (rest === 0) return 0;
    const { body: number, end } = watch(prepend(this.hasChunk ? this.heldChunk : null, rest));
    this.hasChunk = false;
    this.heldChunk = undefined;
    this.shuttingDown = this.finished = true;
    retainUntil(end);
    upon(
      end,
      () => {
        source.close();
        destination.end();
        this.finish();
      },
      (error) => {
        source.fail(error);
        destination.drain(error);
        this.failed = true;
        this.error = error;
        this.finish();
      },
    );
    return number;
  }

  /** Unlocks both streams, once. */
  release() {
    if (this.released) return;
    this.released = true;
    const { source, destination } = this;
    source.releaseSteps(true);
    source.reader = null;
    source.failReads(undefined);
    destination.pipeEnded();
  }

  finish() {
    this.finished = true;
    this.release();
    if (this.failed) this.done.reject(this.error);
    else this.done.resolve(undefined);
  }
}
internal(Pipe);

function destinationClosed() {
  return typeError("This destination writable stream is closed.");
}

/** WritableStreamDefaultWriterCloseWithErrorPropagation. */
function closeDestination(destination) {
  if (destination.closing || destination.state === writable.CLOSED) return undefined;
  if (destination.state === writable.ERRORED) return PromiseReject(destination.error);
  return destination.close();
}

/** A promise for both; the first failure is its error. */
function both(first, second) {
  if (first === undefined) return second;
  if (second === undefined) return first;
  const result = new Deferred();
  let waiting = 2;
  const done = () => {
    if (--waiting === 0) result.resolve(undefined);
  };
  upon(first, done, result.reject);
  upon(second, done, result.reject);
  return result.promise;
}

/** Pipes one internal readable to one internal writable; neither may be locked. */
function pipe(source, destination, options) {
  return new Pipe(source, destination, options).start();
}

exports.pipe = pipe;
