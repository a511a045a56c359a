/* Native bodies as the ends of internal streams, and the joining of streams so that bytes pass with no JavaScript in
 * between.
 *
 * Used by streams/body, pipeThrough and the transforms of bytes. A native body and its writer are known by number.
 */
const { PromisePrototypeThen } = primordials;
const { READABLE, internal } = require("streams/common");

const cancelBody = (number) => ops.cancel(number);

/**
 * Reads a native body. `length`: bytes to come, or undefined; `cancel(number, reason, given)` if others than the body are told;
 * `given` is the reason as the reader gave it.
 */
class BodySource {
  constructor(number, length, cancel = cancelBody) {
    this.number = number;
    this.length = length;
    this.cancelBody = cancel;
  }

  read(maxBytes) {
    return ops.read(this.number, maxBytes);
  }

  cancel(reason, given) {
    this.cancelBody(this.number, reason, given);
  }

  toNative() {
    return this.number;
  }

  tee() {
    const numbers = ops.tee(this.number);
    return [new BodySource(numbers[0], this.length), new BodySource(numbers[1], this.length)];
  }
}
internal(BodySource);

/** Writes a native body. `abort(number, reason)` cuts it off; `notBytes(number)` does where a pipe brings what is no bytes. */
class BodySink {
  constructor(number, abort, notBytes = undefined) {
    this.number = number;
    this.abortBody = abort;
    this.endNotBytes = notBytes;
    this.copies = true;
  }

  write(bytes) {
    return ops.write(this.number, bytes);
  }

  close() {
    return ops.closeBody(this.number);
  }

  abort(reason) {
    this.abortBody(this.number, reason);
  }

  cut() {
    ops.cutBody(this.number);
  }

  notBytes(error) {
    if (this.endNotBytes === undefined) this.abort(error);
    else this.endNotBytes(this.number);
  }
}
internal(BodySink);

/** The writable end of a native body's sink fails if nobody reads the body any more or nothing can ever end it, also while nothing is written. */
function failWhenLeft(writable, { number }, isTold) {
  // A source is told what its reader has said, if anything.
  ops.onBodyLeft(number, (error, isGiven) => writable.leave(isTold || isGiven ? error : undefined));
}

/**
 * Joins a native source to a transform that can take it over as a whole (its sink has `takeOver(number)` and says by
 * `untouched` that it may). Returns whether it did; both streams are then used up and locked.
 */
function join(readable, writable, options) {
  const { preventAbort, preventCancel, preventClose, signal } = options;
  if (signal !== undefined || preventAbort || preventCancel || preventClose) return false;
  if (!(readable.source instanceof BodySource)) return false;
  if (readable.state !== READABLE || readable.request !== null) return false;
  if (!writable.expectsBytes || !writable.isIdle || !writable.sink.untouched) return false;
  writable.sink.takeOver(readable.takeSource().toNative(null));
  writable.end();
  return true;
}

/** The number of a body that yields `bytes`, where there are some, and then that one. */
const prepend = (bytes, number) => (bytes === null ? number : ops.prepend(number, bytes));

/** The number of the same body, which does not tell how long it is. */
const hideLength = (number) => ops.hideLength(number);

const releaseBody = () => ops.releaseBody();

/** The event goes on until what is written to a native body, `end` being the promise of that, has ended. */
function retainUntil(end) {
  ops.retainBody();
  PromisePrototypeThen(end, releaseBody, releaseBody);
}

exports.BodySink = BodySink;
exports.BodySource = BodySource;
exports.failWhenLeft = failWhenLeft;
exports.onBodyLeft = (number, left) => ops.onBodyLeft(number, left);
exports.hideLength = hideLength;
exports.join = join;
exports.limit = (number, length) => ops.limit(number, length);
exports.prepend = prepend;
exports.retainUntil = retainUntil;
const { BODY, END } = ops.Watched;
/** The number of the same body, and a promise of the end of its reading. */
exports.watch = (number) => {
  const watched = ops.watch(number);
  return { __proto__: null, body: watched[BODY], end: watched[END] };
};
