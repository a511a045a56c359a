/* `Readable.from`: a stream of an iterable. */

// own: this, stream (a stream)

const { PromisePrototypeThen, SymbolAsyncIterator, SymbolIterator } = primordials;
const { ERR_INVALID_ARG_TYPE, ERR_STREAM_NULL_VALUES } = require("node/common/errors");
const { Buffer } = require("node:buffer");
const { nextTick } = require("node/timers/next_tick");

/** A stream of `Class` that reads an iterable, one item a read. */
function from(Class, iterable, options) {
  if (typeof iterable === "string" || iterable instanceof Buffer) {
    return new Class({
      objectMode: true,
      ...options,
      read() {
        this.push(iterable);
        this.push(null);
      },
    });
  }
  let isAsync;
  let iterator;
  if (iterable && iterable[SymbolAsyncIterator]) {
    isAsync = true;
    iterator = iterable[SymbolAsyncIterator]();
  } else if (iterable && iterable[SymbolIterator]) {
    isAsync = false;
    iterator = iterable[SymbolIterator]();
  } else {
    throw new ERR_INVALID_ARG_TYPE("iterable", ["Iterable"], iterable);
  }

  const stream = new Class({ objectMode: true, highWaterMark: 1, ...options });
  let isReading = false;
  stream._read = () => {
    if (isReading) return;
    isReading = true;
    next();
  };
  stream._destroy = (error, callback) => {
    PromisePrototypeThen(
      close(error),
      () => nextTick(callback, error),
      (failure) => nextTick(callback, failure || error),
    );
  };

  async function close(error) {
    if (error != null && typeof iterator.throw === "function") {
      const { value, done } = await iterator.throw(error);
      await value;
      if (done) return;
    }
    if (typeof iterator.return === "function") await (await iterator.return()).value;
  }

  async function next() {
    for (;;) {
      try {
        const step = isAsync ? await iterator.next() : iterator.next();
        if (step.done) {
          stream.push(null);
          return;
        }
        const { value } = step;
        const item = value && typeof value.then === "function" ? await value : value;
        if (item === null) {
          isReading = false;
          throw new ERR_STREAM_NULL_VALUES();
        }
        if (!stream.push(item)) {
          isReading = false;
          return;
        }
      } catch (error) {
        stream.destroy(error);
        return;
      }
    }
  }
  return stream;
}

exports.from = from;
