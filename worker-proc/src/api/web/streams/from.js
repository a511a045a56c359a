/* ReadableStream.from: Streams Standard, section 4.9.1 (ReadableStreamFromIterable).
 *
 * Used by streams/readable. Sync iterators are stepped directly; their values are awaited as an async iterator's
 * would be.
 */
const { FunctionPrototypeCall, PromisePrototypeThen, PromiseResolve, SymbolAsyncIterator, SymbolIterator } = primordials;
const { argumentError, isObject } = require("webidl");
const { internal, typeError } = require("streams/common");
const { DefaultReadable } = require("streams/default");

function notIterable() {
  return argumentError("ReadableStream", "from", 1, "AsyncGenerator");
}

/** The iterator of a value, and whether it is a sync one. */
function openIterator(iterable) {
  if (iterable === undefined || iterable === null) throw notIterable();
  let method = iterable[SymbolAsyncIterator];
  const sync = method === undefined || method === null;
  if (sync) method = iterable[SymbolIterator];
  if (typeof method !== "function") throw notIterable();
  const iterator = FunctionPrototypeCall(method, iterable);
  if (!isObject(iterator)) throw notIterable();
  return { iterator, next: iterator.next, sync };
}

class IteratorSource {
  constructor({ iterator, next, sync }) {
    this.iterator = iterator;
    this.next = next;
    this.sync = sync;
    this.readable = null;
    this.pulls = true;
  }

  pull() {
    const step = FunctionPrototypeCall(this.next, this.iterator);
    if (this.sync) return this.stepped(step);
    return PromisePrototypeThen(PromiseResolve(step), (result) => this.stepped(result));
  }

  stepped(step) {
    if (!isObject(step)) throw typeError("The result of an iterator's next() must be an object.");
    if (step.done) {
      this.readable.requestClose();
      return undefined;
    }
    if (!this.sync) {
      this.readable.enqueue(step.value);
      return undefined;
    }
    return PromisePrototypeThen(PromiseResolve(step.value), (value) => this.readable.enqueue(value));
  }

  cancel(reason) {
    const iterator = this.iterator;
    const method = iterator.return;
    if (method === undefined || method === null) return undefined;
    if (typeof method !== "function") throw typeError("The iterator's return property is not a function.");
    const result = FunctionPrototypeCall(method, iterator, reason);
    return PromisePrototypeThen(PromiseResolve(result), (value) => {
      if (!isObject(value)) throw typeError("The result of an iterator's return() must be an object.");
    });
  }
}
internal(IteratorSource);

/** A readable of what an async or sync iterable yields. */
function readableFrom(iterable) {
  const source = new IteratorSource(openIterator(iterable));
  const readable = new DefaultReadable(source, 0, undefined);
  source.readable = readable;
  readable.start(undefined);
  return readable;
}

exports.readableFrom = readableFrom;
