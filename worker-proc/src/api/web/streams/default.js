/* A readable of chunks of any kind: ReadableStreamDefaultController of the Streams Standard, section 4.6.
 *
 * Used by ReadableStream, TransformStream, tee and from().
 */
// own: reads (a queue)
const { CLOSED, ERRORED, READABLE, readResult, typeError } = require("streams/common");
const { SizedQueue, checkedSize } = require("streams/queue");
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
    try {
      // As in workerd, the size is asked for even where a read waits, and when that fails only the stream does.
      const sizeOf = this.sizeOf;
      const size = sizeOf === undefined ? 1 : checkedSize(sizeOf(chunk));
      if (this.state !== READABLE) return;
      if (this.reads.length > 0) this.reads.shift().chunk(chunk);
      else this.queue.push(chunk, size);
    } catch (error) {
      this.fail(error);
      return;
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
      return readResult(this.dequeue(), false);
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
