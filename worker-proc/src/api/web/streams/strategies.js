/* CountQueuingStrategy and ByteLengthQueuingStrategy: Streams Standard, section 7. */
const { constructorError, defineInterface, illegalInvocation, isObject } = require("webidl");

function countSize() {
  return 1;
}

function byteLengthSize(chunk) {
  return isObject(chunk) ? chunk.byteLength : undefined;
}

/** A strategy class named `name` whose `size` is always the same function. */
function strategyClass(name, size) {
  class QueuingStrategy {
    #highWaterMark;

    constructor(init) {
      if (!isObject(init)) throw constructorError(name, 1, "QueuingStrategyInit");
      this.#highWaterMark = +init.highWaterMark;
    }

    get highWaterMark() {
      if (!(#highWaterMark in this)) throw illegalInvocation();
      return this.#highWaterMark;
    }

    get size() {
      if (!(#highWaterMark in this)) throw illegalInvocation();
      return size;
    }
  }
  return defineInterface(QueuingStrategy, { name });
}

exports.CountQueuingStrategy = strategyClass("CountQueuingStrategy", countSize);
exports.ByteLengthQueuingStrategy = strategyClass("ByteLengthQueuingStrategy", byteLengthSize);
