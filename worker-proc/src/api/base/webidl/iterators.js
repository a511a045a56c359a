/*
 * The iterators that iterable interfaces hand out: EntryIterator, KeyIterator and ValueIterator classes over a
 * stepping function. Headers, FormData and URLSearchParams use it; it relies on `webidl`.
 */

const { IteratorPrototype, ObjectSetPrototypeOf, ReflectDefineProperty, SymbolIterator } = primordials;
const flags = require("flags");
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");

/** The result of an iterator that has ended; without `fast_jsg_struct` members that are undefined are left out. */
const ended = () => (flags.fastJsgStruct ? { done: true, value: undefined } : { done: true });

/** What a stepping function returns when nothing is left. */
const DONE = { __proto__: null };

const kCreate = { __proto__: null };

/** A function that makes iterators of a class named `name`; each takes its items from `step()` until DONE. */
function iteratorFactory(name) {
  let stepOf;
  class PlatformIterator {
    #step;
    constructor(token, step) {
      if (token !== kCreate) throw illegalConstructor();
      this.#step = step;
    }
    static {
      stepOf = (iterator) => {
        try {
          return iterator.#step;
        } catch {
          throw illegalInvocation();
        }
      };
    }
    next() {
      const value = stepOf(this)();
      return value === DONE ? ended() : { done: false, value };
    }
  }
  defineInterface(PlatformIterator, { name });
  ObjectSetPrototypeOf(PlatformIterator.prototype, IteratorPrototype);
  ReflectDefineProperty(PlatformIterator.prototype, SymbolIterator, {
    __proto__: null,
    value: {
      [SymbolIterator]() {
        return this;
      },
    }[SymbolIterator],
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return (step) => new PlatformIterator(kCreate, step);
}

exports.DONE = DONE;
exports.ended = ended;
exports.iteratorFactory = iteratorFactory;
