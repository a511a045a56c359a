/* A readable of chunks of any kind: ReadableStreamDefaultController of the Streams Standard, section 4.6.
 *
 * Used by ReadableStream, TransformStream, tee and from().
 */
const { PromiseResolve } = primordials;
const { CLOSED, ERRORED, READABLE, typeError } = require("streams/common");
const { SizedQueue } = require("streams/queue");
const { ControlledReadable } = require("streams/controlled");

class DefaultReadable extends ControlledReadable {
  /** `sizeOf`: a function of the chunk, or undefined where every chunk counts 1. */
  constructor(source, highWaterMark, sizeOf) {
    super(source, highWaterMark);
    this.sizeOf = sizeOf;
    this.queue = new SizedQueue();
  }

  get queued() {
    return this.queue.total;
  }

  enqueue(chunk) {
    if (!this.canEnqueue) throw typeError("Unable to enqueue");
    if (this.reads.length > 0) {
      this.reads.shift().chunk(chunk);
    } else {
      try {
        const sizeOf = this.sizeOf;
        this.queue.push(chunk, sizeOf === undefined ? 1 : sizeOf(chunk));
      } catch (error) {
        // As in workerd, the stream fails and enqueue() does not.
        this.fail(error);
        return;
      }
    }
    this.pullIfNeeded();
  }

  requestClose() {
    if (!this.canEnqueue) throw typeError("This ReadableStream is closed.");
    this.closeRequested = true;
    if (this.queue.length === 0) this.finish();
  }

  read(request) {
    this.disturbed = true;
    if (this.state === CLOSED) {
      request.close(undefined);
    } else if (this.state === ERRORED) {
      request.fail(this.error);
    } else if (this.queue.length > 0) {
      request.chunk(this.dequeue());
    } else {
      this.reads.push(request);
      this.pullIfNeeded();
    }
  }

  readPromise() {
    if (this.state === READABLE && this.queue.length > 0) {
      this.disturbed = true;
      return PromiseResolve({ value: this.dequeue(), done: false });
    }
    return super.readPromise();
  }

  dequeue() {
    const chunk = this.queue.shift();
    if (this.closeRequested && this.queue.length === 0) this.finish();
    else this.pullIfNeeded();
    return chunk;
  }

  clear() {
    this.queue.clear();
    super.clear();
  }
}

exports.DefaultReadable = DefaultReadable;
