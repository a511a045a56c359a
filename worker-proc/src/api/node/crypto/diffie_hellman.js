/*
 * Diffie-Hellman over prime fields, of node:crypto: the groups of RFC 3526, and others. Powers are native.
 */

// own: bytes (a Buffer)
const {
  BigInt,
  BigIntPrototypeToString,
  Error,
  ObjectAssign,
  ObjectDefineProperty,
  RangeError,
  SafeMap,
  StringPrototypeToLowerCase,
  Symbol,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE } = require("node/common/errors");
const { validateInt32 } = require("node/common/validators");
const { checkPrimeSync, randomBytes } = require("node/crypto/random");
const { asBuffer, isBytes, toBytes } = require("node/crypto/util");

const INVALID_PARAMETERS = "DiffieHellman init failed: invalid parameters";

// Bits of `verifyError`.
const NOT_PRIME = 1;
const NOT_SUITABLE_GENERATOR = 8;
const MAX_PRIME_BITS = 10000;
// A group that is too small for key agreement by it alone.
const PAIRS_ONLY = "modp5";
const kState = Symbol("kState");

// The bits of each prime of RFC 3526, and the number that its formula has.
const GROUPS = new SafeMap([
  ["modp5", [1536n, 741804n]],
  ["modp14", [2048n, 124476n]],
  ["modp15", [3072n, 1690314n]],
  ["modp16", [4096n, 240904n]],
  ["modp17", [6144n, 929484n]],
  ["modp18", [8192n, 4743158n]],
]);

/** The arc tangent of 1/x, of so many bits after the point. */
function arctanOfInverse(x, bits) {
  let power = (1n << bits) / x;
  let sum = power;
  for (let divisor = 3n, sign = -1n; power > 0n; divisor += 2n, sign = -sign) {
    power /= x * x;
    sum += (sign * power) / divisor;
  }
  return sum;
}

function toBuffer(number) {
  const hex = BigIntPrototypeToString(number, 16);
  return Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, "hex");
}

const toNumber = (bytes) => (bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`));

/** A prime of RFC 3526: 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + k). */
function groupPrime(bits, k) {
  const guard = 64n;
  const places = bits - 130n + guard;
  const pi = (4n * (4n * arctanOfInverse(5n, places) - arctanOfInverse(239n, places))) >> guard;
  return toBuffer((1n << bits) - (1n << (bits - 64n)) - 1n + ((pi + k) << 64n));
}

/** The prime of a group, which may be one that is for pairs of keys only. */
function primeOf(name) {
  const group = GROUPS.get(StringPrototypeToLowerCase(name));
  return group === undefined ? undefined : groupPrime(group[0], group[1]);
}

const encoded = (bytes, encoding) => (encoding && encoding !== "buffer" ? bytes.toString(encoding) : Buffer.from(bytes));

/** What is odd about a prime and its generator. */
function verify(prime, generator) {
  const p = toNumber(prime);
  if (p < 2n || !checkPrimeSync(prime)) return NOT_PRIME | NOT_SUITABLE_GENERATOR;
  const isGood = generator === 2n ? p % 24n === 11n : generator === 5n ? p % 10n === 3n || p % 10n === 7n : true;
  return isGood ? 0 : NOT_SUITABLE_GENERATOR;
}

function begin(target, prime, generator, verifyError) {
  target[kState] = { prime, generator, publicKey: undefined, privateKey: undefined };
  ObjectDefineProperty(target, kState, { __proto__: null, enumerable: false });
  target[kState].verifyError = verifyError;
}

function generatorOf(given, encoding) {
  if (given === undefined || given === null || given === 0) return Buffer.from([2]);
  if (typeof given === "number") {
    if (given <= 1) throw new RangeError("DiffieHellman init failed: generator too small");
    return toBuffer(BigInt(given));
  }
  const bytes = Buffer.from(toBytes(given, "generator", encoding));
  if (toNumber(bytes) === 0n) throw new Error("DiffieHellman init failed: invalid generator");
  return bytes;
}

/** A safe prime of so many bits whose half the generator generates. */
function safePrimeFor(generator, bits) {
  const { 0: step, 1: rest } = generator === 2n ? [24, 11] : generator === 5n ? [10, 3] : [2, 1];
  return asBuffer(ops.generatePrime(false, bits, true, Buffer.from([step]), Buffer.from([rest])));
}

function DiffieHellman(sizeOrKey, keyEncoding, generator, generatorEncoding) {
  if (!(this instanceof DiffieHellman)) return new DiffieHellman(sizeOrKey, keyEncoding, generator, generatorEncoding);
  if (typeof sizeOrKey !== "number" && typeof sizeOrKey !== "string" && !isBytes(sizeOrKey)) {
    const types = ["number", "string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"];
    throw new ERR_INVALID_ARG_TYPE("sizeOrKey", types, sizeOrKey);
  }
  // The encoding is there only where it is one.
  if (keyEncoding && typeof keyEncoding !== "string") {
    generatorEncoding = generator;
    generator = keyEncoding;
    keyEncoding = undefined;
  } else if (typeof sizeOrKey === "number" && keyEncoding) {
    throw new Error(INVALID_PARAMETERS);
  }
  if (typeof sizeOrKey === "number") {
    validateInt32(sizeOrKey, "sizeOrKey");
    if (isBytes(generator)) throw new Error(INVALID_PARAMETERS);
    const isOdd = sizeOrKey < 3 || sizeOrKey > MAX_PRIME_BITS || generator === 1;
    if (isOdd) throw new Error("DiffieHellman init failed: could not generate parameters");
    const bytes = generatorOf(generator);
    begin(this, safePrimeFor(toNumber(bytes), sizeOrKey), bytes, 0);
    return;
  }
  const prime = Buffer.from(toBytes(sizeOrKey, "sizeOrKey", keyEncoding));
  if (toNumber(prime) < 2n || prime[prime.length - 1] % 2 === 0) {
    throw new Error("DiffieHellman init failed: Invalid DH prime generated");
  }
  const bytes = generatorOf(generator, generatorEncoding);
  begin(this, prime, bytes, verify(prime, toNumber(bytes)));
}

function DiffieHellmanGroup(name) {
  if (!(this instanceof DiffieHellmanGroup)) return new DiffieHellmanGroup(name);
  const prime = name === PAIRS_ONLY ? undefined : primeOf(`${name}`);
  if (prime === undefined) {
    throw new Error(
      "Failed to init DiffieHellmanGroup: invalid group. Only groups {modp14, modp15, modp16, modp17, modp18} are supported.",
    );
  }
  begin(this, prime, Buffer.from([2]), NOT_SUITABLE_GENERATOR);
}

function power(base, exponent, prime) {
  const bytes = ops.modularPower(base, exponent, prime);
  if (bytes === undefined) throw new Error("DiffieHellman key generation failed");
  return asBuffer(bytes);
}

/** A number of the prime's length below it, as hard to guess as the prime is long. */
const privateNumber = (prime) => toBuffer((toNumber(randomBytes(prime.length)) % (toNumber(prime) - 2n)) + 1n);

/** The two halves of a pair of keys for `diffieHellman`. */
function generatePair(prime, generator = 2) {
  const g = toBuffer(BigInt(generator));
  const isOdd = prime.length > 0 && prime[prime.length - 1] % 2 === 1;
  if (!isOdd || toNumber(prime) < 3n) throw new Error("Failed to generate key");
  const privateNumberOfPair = privateNumber(prime);
  const publicNumber = power(g, privateNumberOfPair, prime);
  const half = (number) => ({ kind: "dh", handle: { prime, generator: g }, number });
  return [half(publicNumber), { ...half(privateNumberOfPair), publicNumber }];
}

/** The secret of two such halves; undefined where they are of different groups. */
function pairSecret(mine, theirs) {
  const { prime, generator } = mine.handle;
  const isSame = prime.equals(theirs.handle.prime) && generator.equals(theirs.handle.generator);
  return isSame ? power(theirs.number, mine.number, prime) : undefined;
}

const methods = {
  generateKeys(encoding) {
    const state = this[kState];
    state.privateKey ??= privateNumber(state.prime);
    state.publicKey = power(state.generator, state.privateKey, state.prime);
    return encoded(state.publicKey, encoding);
  },

  computeSecret(key, inputEncoding, outputEncoding) {
    const { prime, privateKey } = this[kState];
    const peer = Buffer.from(toBytes(key, "otherPublicKey", inputEncoding));
    const number = toNumber(peer);
    if (number < 2n) throw new RangeError("DiffieHellman computeSecret() failed: Supplied key is too small");
    if (number >= toNumber(prime) - 1n) {
      throw new RangeError("DiffieHellman computeSecret() failed: Supplied key is too large");
    }
    if (privateKey === undefined) throw new Error("DiffieHellman computeSecret() failed: error computing shared secret");
    return encoded(power(peer, privateKey, prime), outputEncoding);
  },

  getPrime(encoding) {
    return encoded(this[kState].prime, encoding);
  },

  getGenerator(encoding) {
    return encoded(this[kState].generator, encoding);
  },

  getPublicKey(encoding) {
    const { publicKey } = this[kState];
    if (publicKey === undefined) throw new Error("No public key");
    return encoded(publicKey, encoding);
  },

  getPrivateKey(encoding) {
    const { privateKey } = this[kState];
    if (privateKey === undefined) throw new Error("No private key");
    return encoded(privateKey, encoding);
  },
};

for (let i = 0, Classes = [DiffieHellman, DiffieHellmanGroup]; i < Classes.length; i++) {
  ObjectAssign(Classes[i].prototype, methods);
  ObjectDefineProperty(Classes[i].prototype, "verifyError", {
    __proto__: null,
    configurable: true,
    get() {
      return this[kState].verifyError;
    },
  });
}

DiffieHellman.prototype.setPublicKey = function (key, encoding) {
  this[kState].publicKey = Buffer.from(toBytes(key, "key", encoding));
  return this;
};

DiffieHellman.prototype.setPrivateKey = function (key, encoding) {
  this[kState].privateKey = Buffer.from(toBytes(key, "key", encoding));
  return this;
};

const createDiffieHellman = (sizeOrKey, keyEncoding, generator, generatorEncoding) =>
  new DiffieHellman(sizeOrKey, keyEncoding, generator, generatorEncoding);
const createDiffieHellmanGroup = (name) => new DiffieHellmanGroup(name);

ObjectAssign(exports, {
  DiffieHellman,
  DiffieHellmanGroup,
  createDiffieHellman,
  createDiffieHellmanGroup,
  generatePair,
  pairSecret,
  primeOf,
  getDiffieHellman: createDiffieHellmanGroup,
});
