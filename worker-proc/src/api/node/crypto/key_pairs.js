/*
 * New keys of node:crypto: secret ones, and pairs of RSA, curves, Ed25519, X25519 and Diffie-Hellman.
 */

const { Error, MathFloor, ObjectAssign, ObjectDefineProperty, RangeError, SymbolFor } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INCOMPATIBLE_OPTION_PAIR, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_MISSING_OPTION } =
  require("node/common/errors");
const { queueMicrotask } = require("timers");
const { validateFunction, validateInt32, validateInteger, validateObject, validateOneOf, validateString, validateUint32 } =
  require("node/common/validators");
const { createSecretKey, make, validateExport } = require("node/crypto/keys");
const { curveByName } = require("node/crypto/curves");
const { generatePair, primeOf } = require("node/crypto/diffie_hellman");
const { randomBytes } = require("node/crypto/random");
const { isBytes, viewOf } = require("node/crypto/util");

const MIN_RSA_BITS = 512;
const MAX_RSA_BITS = 16384;
const F4 = 0x10001;
const MAX_PRIME_BYTES = 1250;

function generateKeySync(type, options) {
  validateOneOf(type, "type", ["hmac", "aes"]);
  validateObject(options, "options");
  const { length } = options;
  if (type === "aes") validateOneOf(length, "options.length", [128, 192, 256]);
  else validateInteger(length, "options.length", 8, 65536);
  return createSecretKey(randomBytes(MathFloor(length / 8)));
}

function rsa({ modulusLength, publicExponent = F4 }) {
  validateUint32(modulusLength, "options.modulusLength");
  validateUint32(publicExponent, "options.publicExponent");
  if (modulusLength > MAX_RSA_BITS) throw new RangeError(`RSA modulusLength exceeds maximum (${MAX_RSA_BITS})`);
  if (modulusLength < MIN_RSA_BITS - 1) throw new Error("Failed to set modulus length");
  const exponent = Buffer.alloc(4);
  exponent.writeUInt32BE(publicExponent);
  try {
    return ops.generatePairNow("RSA", modulusLength, exponent);
  } catch {
    throw new Error("Failed to generate key");
  }
}

function generate(type, options) {
  if (type === "rsa") return rsa(options);
  if (type === "ed25519") return ops.generatePairNow("Ed25519", 0, Buffer.alloc(0));
  if (type === "x25519") return ops.generatePairNow("X25519", 0, Buffer.alloc(0));
  if (type === "ec") {
    const { namedCurve, paramEncoding = "named" } = options;
    validateString(namedCurve, "options.namedCurve");
    validateOneOf(paramEncoding, "options.paramEncoding", ["named", "explicit"]);
    const curve = curveByName(namedCurve);
    if (curve === undefined) {
      const isOther = namedCurve === "secp256k1";
      throw new Error(isOther ? "Failed to initialize key" : "Invalid or unsupported curve");
    }
    return ops.generatePairNow(curve, 0, Buffer.alloc(0));
  }
  throw new ERR_INVALID_ARG_VALUE("type", type);
}

/** The two native keys of a pair, the public one first. */
function halves(type, options) {
  if (type === "dh") return diffieHellman(options);
  const handle = generate(type, options);
  return [{ handle }, { handle }];
}

function diffieHellman({ group, groupName, prime, primeLength, generator }) {
  const isThere = (value) => value !== undefined && value !== null;
  if (isThere(generator)) validateInt32(generator, "options.generator", 0);
  if (isThere(group) || isThere(groupName)) {
    if (isThere(prime)) throw new ERR_INCOMPATIBLE_OPTION_PAIR("group", "prime");
    if (isThere(primeLength)) throw new ERR_INCOMPATIBLE_OPTION_PAIR("group", "primeLength");
    if (isThere(generator)) throw new ERR_INCOMPATIBLE_OPTION_PAIR("group", "generator");
    const name = group || groupName;
    validateString(name, "options.group");
    const known = primeOf(name);
    if (known === undefined) throw new Error("Invalid or unsupported group");
    return generatePair(known);
  }
  if (isThere(prime)) {
    if (isThere(primeLength)) throw new ERR_INCOMPATIBLE_OPTION_PAIR("prime", "primeLength");
    if (!isBytes(prime)) throw new ERR_INVALID_ARG_TYPE("options.prime", ["Buffer", "TypedArray", "ArrayBuffer"], prime);
    const bytes = Buffer.from(viewOf(prime));
    if (bytes.length > MAX_PRIME_BYTES) throw new RangeError("DH prime exceeds maximum size");
    return generatePair(bytes, generator ?? undefined);
  }
  if (!isThere(primeLength)) {
    throw new ERR_MISSING_OPTION("At least one of the group, prime, or primeLength options");
  }
  validateInt32(primeLength, "options.primeLength", 0);
  throw new Error("Generating DH keys from a prime length is not yet implemented");
}

function generateKeyPairSync(type, options = {}) {
  validateOneOf(type, "type", ["rsa", "ec", "ed25519", "x25519", "dh"]);
  validateObject(options, "options");
  const { publicKeyEncoding, privateKeyEncoding } = options;
  if (publicKeyEncoding !== undefined) validateExport(publicKeyEncoding, "public", "options.publicKeyEncoding");
  if (privateKeyEncoding !== undefined) validateExport(privateKeyEncoding, "private", "options.privateKeyEncoding");
  const { 0: publicHalf, 1: privateHalf } = halves(type, options);
  const publicKey = make({ type: "public", ...publicHalf });
  const privateKey = make({ type: "private", ...privateHalf });
  return {
    publicKey: publicKeyEncoding === undefined ? publicKey : publicKey.export(publicKeyEncoding),
    privateKey: privateKeyEncoding === undefined ? privateKey : privateKey.export(privateKeyEncoding),
  };
}

function generateKey(type, options, callback) {
  validateFunction(callback, "callback");
  let key;
  try {
    key = generateKeySync(type, options);
  } catch (error) {
    queueMicrotask(() => callback(error));
    return;
  }
  queueMicrotask(() => callback(null, key));
}

function generateKeyPair(type, options, callback) {
  validateFunction(callback, "callback");
  let pair;
  try {
    pair = generateKeyPairSync(type, options);
  } catch (error) {
    queueMicrotask(() => callback(error));
    return;
  }
  queueMicrotask(() => callback(null, pair.publicKey, pair.privateKey));
}

ObjectDefineProperty(generateKeyPair, SymbolFor("nodejs.util.promisify.custom.args"), {
  __proto__: null,
  value: ["publicKey", "privateKey"],
});

ObjectAssign(exports, { generateKey, generateKeyPair, generateKeyPairSync, generateKeySync });
