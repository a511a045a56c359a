/* Async iteration of a ReadableStream: Streams Standard, section 4.2.5, with Web IDL's rules for asynchronous
 * iterators.
 *
 * Used by streams/readable. Calls made while another one is under way wait for it.
 */
const { ObjectGetPrototypeOf, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseReject, PromiseResolve } = primordials;
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const { Deferred, internal } = require("streams/common");
const { Reader } = require("streams/reader");

const kCreate = { __proto__: null };
const AsyncIteratorPrototype = ObjectGetPrototypeOf(ObjectGetPrototypeOf(async function* () {}).prototype);

class Iteration {
  constructor(readable, preventCancel) {
    this.reader = new Reader(readable);
    this.preventCancel = preventCancel;
    this.finished = false;
    /** The call under way, or null. */
    this.ongoing = null;
  }

  next() {
    return this.enter(() => this.step());
  }

  return(value) {
    return this.enter(() => this.leave(value));
  }

  enter(steps) {
    const promise = this.ongoing === null ? steps() : PromisePrototypeThen(this.ongoing, steps, steps);
    this.ongoing = promise;
    const clear = () => {
      if (this.ongoing === promise) this.ongoing = null;
    };
    PromisePrototypeThen(promise, clear, clear);
    return promise;
  }

  step() {
    if (this.finished) return PromiseResolve({ done: true, value: undefined });
    const request = new StepRequest(this);
    this.reader.stream.read(request);
    return request.promise;
  }

  leave(value) {
    if (this.finished) return PromiseResolve({ done: true, value });
    this.finished = true;
    const reader = this.reader;
    if (this.preventCancel) {
      reader.release();
      return PromiseResolve({ done: true, value });
    }
    const cancelled = reader.cancel(value);
    reader.release();
    return PromisePrototypeThen(cancelled, () => ({ done: true, value }));
  }

  end() {
    this.finished = true;
    this.reader.release();
  }
}
internal(Iteration);

/** One read of an iteration. */
class StepRequest extends Deferred {
  constructor(iteration) {
    super();
    this.iteration = iteration;
  }

  chunk(value) {
    this.resolve({ done: false, value });
  }

  close() {
    this.iteration.end();
    this.resolve({ done: true, value: undefined });
  }

  fail(error) {
    this.iteration.end();
    this.reject(error);
  }
}

class ReadableStreamAsyncIterator {
  #iteration;

  constructor(token, iteration) {
    if (token !== kCreate) throw illegalConstructor();
    this.#iteration = iteration;
  }

  next() {
    if (!(#iteration in this)) return PromiseReject(illegalInvocation());
    return this.#iteration.next();
  }

  return(value) {
    if (!(#iteration in this)) return PromiseReject(illegalInvocation());
    return this.#iteration.return(value);
  }
}

defineInterface(ReadableStreamAsyncIterator);
ObjectSetPrototypeOf(ReadableStreamAsyncIterator.prototype, AsyncIteratorPrototype);

exports.iteratorOver = (readable, preventCancel) =>
  new ReadableStreamAsyncIterator(kCreate, new Iteration(readable, preventCancel));
