/*
 * New keys of node:crypto: secret ones, and pairs of RSA, curves, Ed25519 and X25519.
 */

const { Error, MathFloor, ObjectAssign, RangeError } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_MISSING_OPTION } = require("node/common/errors");
const { queueMicrotask } = require("timers");
const { validateFunction, validateInteger, validateObject, validateOneOf, validateString, validateUint32 } =
  require("node/common/validators");
const { createSecretKey, make, validateExport } = require("node/crypto/keys");
const { curveByName } = require("node/crypto/curves");
const { randomBytes } = require("node/crypto/random");

const MIN_RSA_BITS = 512;
const MAX_RSA_BITS = 16384;
const F4 = 0x10001;

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
  throw new ERR_MISSING_OPTION("At least one of the group, prime, or primeLength options");
}

function generateKeyPairSync(type, options = {}) {
  validateOneOf(type, "type", ["rsa", "ec", "ed25519", "x25519", "dh"]);
  validateObject(options, "options");
  const { publicKeyEncoding, privateKeyEncoding } = options;
  if (publicKeyEncoding !== undefined) validateExport(publicKeyEncoding, "public", "options.publicKeyEncoding");
  if (privateKeyEncoding !== undefined) validateExport(privateKeyEncoding, "private", "options.privateKeyEncoding");
  const handle = generate(type, options);
  const publicKey = make({ type: "public", handle });
  const privateKey = make({ type: "private", handle });
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

ObjectAssign(exports, { generateKey, generateKeyPair, generateKeyPairSync, generateKeySync });
