/* IdentityTransformStream and FixedLengthStream, workerd's transform streams for bytes.
 *
 * Shells over streams/identity_pipe.
 */
const { MathMin, MathTrunc, Number, NumberIsFinite } = primordials;
const { NOT_AN_INTEGER, NEGATIVE_BIGINT, constructorError, defineInterface, toDictionary } = require("webidl");
const { typeError } = require("streams/common");
const { identityPair } = require("streams/identity_pipe");
const { TransformStream, kPair } = require("streams/transform");

/** 2^53: lengths are numbers. */
const LENGTH_BOUND = 9007199254740992;

/** The `highWaterMark` of the strategy that the constructors take, in bytes, or undefined. */
function markOf(strategy, className, index) {
  const dictionary = toDictionary(strategy, () => constructorError(className, index, "QueuingStrategy"));
  const mark = dictionary === undefined ? undefined : dictionary.highWaterMark;
  return mark === undefined ? undefined : toUint64(mark);
}

function toUint64(value) {
  const number = typeof value === "bigint" ? Number(value) : +value;
  if (!NumberIsFinite(number)) throw typeError(NOT_AN_INTEGER);
  if (number < 0) {
    throw typeError(NEGATIVE_BIGINT);
  }
  return MathTrunc(number);
}

class IdentityTransformStream extends TransformStream {
  constructor(queuingStrategy = undefined, pair = undefined) {
    super(
      kPair,
      queuingStrategy === kPair ? pair : identityPair(undefined, markOf(queuingStrategy, "IdentityTransformStream", 1)),
    );
  }
}

class FixedLengthStream extends IdentityTransformStream {
  constructor(expectedLength, queuingStrategy = undefined) {
    if (expectedLength === undefined) throw constructorError("FixedLengthStream", 1, "bigint");
    const length = toUint64(expectedLength);
    if (length >= LENGTH_BOUND) {
      throw typeError("FixedLengthStream requires an integer expected length less than 2^53.");
    }
    const mark = markOf(queuingStrategy, "FixedLengthStream", 2);
    super(kPair, identityPair(length, mark === undefined ? undefined : MathMin(length, mark)));
  }
}

defineInterface(IdentityTransformStream);
defineInterface(FixedLengthStream);

exports.FixedLengthStream = FixedLengthStream;
exports.IdentityTransformStream = IdentityTransformStream;
