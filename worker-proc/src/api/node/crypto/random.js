/*
 * Random bytes, integers, UUIDs and primes of node:crypto.
 */

// own: bytes (a Buffer)
const {
  ArrayPrototypeSome,
  BigInt,
  BigIntPrototypeToString,
  ObjectAssign,
  PromisePrototypeThen,
  PromiseResolve,
  RangeError,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE } = require("node/common/errors");
const { isAnyArrayBuffer } = require("node/common/types");
const { validateBoolean, validateFunction, validateInt32, validateInteger, validateObject } =
  require("node/common/validators");
const { asBuffer, callBack, isBytes, viewOf } = require("node/crypto/util");

const MAX_LENGTH = 2147483647;
// What the web's generator gives at once.
const MAX_RANDOM_BYTES = 65536;
const RANDOM_INT_MAX = 0xffff_ffff_ffff;

function checkTarget(buffer) {
  if (!isBytes(buffer)) {
    throw new ERR_INVALID_ARG_TYPE("buffer", ["TypedArray", "DataView", "ArrayBuffer", "SharedArrayBuffer"], buffer);
  }
}

function fill(buffer, offset, size) {
  const bytes = isAnyArrayBuffer(buffer)
    ? new Uint8Array(buffer, offset, size)
    : new Uint8Array(buffer.buffer, buffer.byteOffset + offset, size);
  for (let i = 0; i < bytes.length; i += MAX_RANDOM_BYTES) {
    require("crypto").crypto.getRandomValues(TypedArrayPrototypeSubarray(bytes, i, i + MAX_RANDOM_BYTES));
  }
}

function randomFillSync(buffer, offset = 0, size = undefined) {
  checkTarget(buffer);
  const max = buffer.byteLength;
  validateInteger(offset, "offset", 0, MAX_LENGTH);
  if (size === undefined) size = max - offset;
  else validateInteger(size, "size", 0, max - offset);
  fill(buffer, offset, size);
  return buffer;
}

function randomFill(buffer, offset, size, callback) {
  checkTarget(buffer);
  const max = buffer.byteLength;
  if (typeof offset === "function") {
    callback = offset;
    offset = 0;
    size = max;
  } else if (typeof size === "function") {
    callback = size;
    validateInteger(offset, "offset", 0, max);
    size = max - offset;
  } else if (typeof callback === "function") {
    validateInteger(offset, "offset", 0, max);
    validateInteger(size, "size", 0, max - offset);
  }
  validateFunction(callback, "callback");
  callBack(
    PromisePrototypeThen(PromiseResolve(), () => fill(buffer, offset, size)),
    callback,
    () => buffer,
  );
}

function randomBytes(size, callback) {
  validateInteger(size, "size", 0, MAX_LENGTH);
  const buffer = Buffer.alloc(size);
  if (callback === undefined) return randomFillSync(buffer);
  randomFill(buffer, callback);
  return undefined;
}

function pick(min, max) {
  const range = max - min;
  if (!(range <= RANDOM_INT_MAX)) {
    throw new ERR_OUT_OF_RANGE(`max${max ? "" : " - min"}`, `<= ${RANDOM_INT_MAX}`, range);
  }
  // Values past the last whole multiple would favour small numbers.
  const limit = RANDOM_INT_MAX - (RANDOM_INT_MAX % range);
  for (;;) {
    const value = randomBytes(6).readUIntBE(0, 6);
    if (value < limit) return (value % range) + min;
  }
}

function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") {
    callback = max;
    max = min;
    min = 0;
    validateInteger(max, "max");
  } else {
    validateInteger(min, "min");
    validateInteger(max, "max");
  }
  if (callback !== undefined) validateFunction(callback, "callback");
  if (min >= max) throw new ERR_OUT_OF_RANGE("min", "min < max", min);
  if (callback === undefined) return pick(min, max);
  const value = pick(min, max);
  callBack(PromiseResolve(value), callback);
  return undefined;
}

function randomUUID(options) {
  if (options !== undefined) {
    validateObject(options, "options");
    if (options.disableEntropyCache !== undefined) {
      validateBoolean(options.disableEntropyCache, "options.disableEntropyCache");
    }
  }
  return require("crypto").crypto.randomUUID();
}

const PRIME_TYPES = ["ArrayBuffer", "TypedArray", "Buffer", "DataView", "bigint"];

function toBigInt(value, name) {
  if (typeof value === "bigint") {
    if (value < 0) throw new ERR_OUT_OF_RANGE(name, ">= 0", value);
    return value;
  }
  if (!isBytes(value)) throw new ERR_INVALID_ARG_TYPE(name, PRIME_TYPES, value);
  const bytes = asBuffer(viewOf(value));
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`);
}

const MAX_PRIME_BITS = 8192;
const MAX_PRIME_ROUNDS = 64;
// The values of `add` and `rem` that are allowed.
const PRIME_PAIRS = [
  [12n, 11n],
  [24n, 23n],
  [60n, 59n],
];

function primeOptions(options) {
  validateObject(options, "options");
  const { safe = false, bigint = false, add, rem } = options;
  validateBoolean(safe, "options.safe");
  validateBoolean(bigint, "options.bigint");
  return {
    safe,
    bigint,
    add: add === undefined ? undefined : toBigInt(add, "options.add"),
    rem: rem === undefined ? undefined : toBigInt(rem, "options.rem"),
  };
}

/** The bytes of a number, none of 0. */
function bytesOf(number) {
  const hex = number === undefined || number === 0n ? "" : BigIntPrototypeToString(number, 16);
  return Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, "hex");
}

/** A prime as bytes, or `later` a promise of it. */
function findPrime(later, size, { safe, add, rem }) {
  if (size > MAX_PRIME_BITS) throw new RangeError(`generatePrime size exceeds maximum (${MAX_PRIME_BITS} bits)`);
  if (add !== undefined) {
    if (!ArrayPrototypeSome(PRIME_PAIRS, ({ 0: a, 1: r }) => a === add && r === rem))
      throw new RangeError("Invalid values for add and rem");
    if (BigIntPrototypeToString(add, 2).length > size) {
      throw new RangeError("options.add must not be bigger than size of the requested prime");
    }
  }
  return ops.generatePrime(later, size, safe, bytesOf(add), bytesOf(rem));
}

const primeAs =
  ({ bigint }) =>
  (bytes) =>
    bigint ? toBigInt(bytes) : bytes.buffer;

function generatePrimeSync(size, options = {}) {
  validateInt32(size, "size", 1);
  const wanted = primeOptions(options);
  return primeAs(wanted)(findPrime(false, size, wanted));
}

function generatePrime(size, options, callback) {
  validateInt32(size, "size", 1);
  if (typeof options === "function") {
    callback = options;
    options = {};
  }
  validateFunction(callback, "callback");
  const wanted = primeOptions(options);
  const found = PromisePrototypeThen(PromiseResolve(), () => findPrime(true, size, wanted));
  callBack(found, callback, primeAs(wanted));
}

function checkArguments(candidate, options) {
  const number = bytesOf(toBigInt(candidate, "candidate"));
  validateObject(options, "options");
  const { checks = 0 } = options;
  validateInt32(checks, "options.checks", 0);
  return { number, checks };
}

function isPrime(later, { number, checks }) {
  if (checks > MAX_PRIME_ROUNDS) throw new RangeError("Invalid number of checks");
  if (number.length > MAX_PRIME_BITS / 8) throw new RangeError("checkPrime candidate exceeds maximum size");
  return ops.isPrime(later, number, checks);
}

function checkPrimeSync(candidate, options = {}) {
  return isPrime(false, checkArguments(candidate, options));
}

function checkPrime(candidate, options, callback) {
  if (typeof options === "function") {
    toBigInt(candidate, "candidate");
    callback = options;
    options = {};
  }
  const checked = checkArguments(candidate, options);
  validateFunction(callback, "callback");
  callBack(
    PromisePrototypeThen(PromiseResolve(), () => isPrime(true, checked)),
    callback,
  );
}

ObjectAssign(exports, {
  checkPrime,
  checkPrimeSync,
  generatePrime,
  generatePrimeSync,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
});
