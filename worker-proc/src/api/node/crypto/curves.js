/*
 * Shared secrets of curves: ECDH and `diffieHellman` of node:crypto.
 */

// own: bytes (a Buffer)
const { ArrayPrototypeIncludes, Error, ObjectAssign, SafeMap, TypedArrayPrototypeSubarray } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { isKeyObject } = require("node/common/key_mark");
const { validateObject, validateOneOf, validateString } = require("node/common/validators");
const { pairSecret } = require("node/crypto/diffie_hellman");
const { asBuffer, toBytes } = require("node/crypto/util");

const NO_SECRET = "Failed to derive shared diffie-hellman secret";

const NAMES = new SafeMap([
  ["secp224r1", "P-224"],
  ["prime256v1", "P-256"],
  ["secp256r1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

/** A curve by OpenSSL's name or by the standard's, as the ops call it. */
function curveByName(name) {
  if (ArrayPrototypeIncludes(["P-224", "P-256", "P-384", "P-521"], name)) return name;
  return NAMES.get(name);
}

function curveOf(name) {
  validateString(name, "curveName");
  const curve = curveByName(name);
  if (curve === undefined)
    throw new Error(name === "secp256k1" ? "Failed to create key using named curve" : "Invalid curve");
  return curve;
}

const encoded = (bytes, encoding) => (encoding && encoding !== "buffer" ? bytes.toString(encoding) : bytes);

/** A native key's point as users ask for it. */
function pointOf(handle, encoding, format = "uncompressed") {
  format ??= "uncompressed";
  validateOneOf(format, "format", ["compressed", "uncompressed", "hybrid"]);
  const point = asBuffer(ops.exportKey("raw", handle)[0]);
  const parity = point[point.length - 1] & 1;
  if (format === "uncompressed") return encoded(point, encoding);
  if (format === "hybrid") {
    point[0] = 6 + parity;
    return encoded(point, encoding);
  }
  const half = Buffer.from(TypedArrayPrototypeSubarray(point, 0, (point.length + 1) / 2));
  half[0] = 2 + parity;
  return encoded(half, encoding);
}

class Ecdh {
  #curve;
  #handle;

  constructor(name) {
    this.#curve = curveOf(name);
  }

  computeSecret(key, inputEncoding, outputEncoding) {
    const point = toBytes(key, "otherPublicKey", inputEncoding);
    if (this.#handle === undefined) throw new Error("Invalid keypair");
    const peer = ops.curveKey(this.#curve, point, false);
    if (peer === undefined) throw new Error("Failed to set point");
    return encoded(asBuffer(ops.derive(this.#handle, peer)), outputEncoding);
  }

  generateKeys(encoding, format) {
    this.#handle = ops.generatePairNow(this.#curve, 0, Buffer.alloc(0));
    return this.getPublicKey(encoding, format);
  }

  getPrivateKey(encoding) {
    if (this.#handle === undefined) throw new Error("Failed to get ECDH private key");
    return encoded(asBuffer(ops.exportKey("numbers", this.#handle)[2]), encoding);
  }

  getPublicKey(encoding, format) {
    if (this.#handle === undefined) throw new Error("Failed to get ECDH public key");
    return pointOf(this.#handle, encoding, format);
  }

  setPrivateKey(key, encoding) {
    const handle = ops.curveKey(this.#curve, toBytes(key, "privateKey", encoding), true);
    if (handle === undefined) throw new Error("Private key is not valid for specified curve.");
    this.#handle = handle;
    return this;
  }
}

/** The class as users call it, with `new` or without. */
const ECDH = function ECDH(name) {
  return new Ecdh(name);
};
ECDH.prototype = Ecdh.prototype;
ECDH.convertKey = function convertKey(key, curveName, inputEncoding, outputEncoding, format) {
  const point = toBytes(key, "key", inputEncoding ?? undefined);
  const handle = ops.curveKey(curveOf(curveName), point, false);
  if (handle === undefined) throw new Error("Failed to set point");
  return pointOf(handle, outputEncoding, format);
};

const createECDH = (name) => new Ecdh(name);

function diffieHellman(options) {
  validateObject(options, "options");
  const { privateKey, publicKey } = options;
  if (!isKeyObject(publicKey)) throw new ERR_INVALID_ARG_TYPE("options.publicKey", "KeyObject", publicKey);
  if (!isKeyObject(privateKey)) throw new ERR_INVALID_ARG_TYPE("options.privateKey", "KeyObject", privateKey);
  if (privateKey.type !== "private") throw new ERR_INVALID_ARG_TYPE("options.privateKey", "private key", privateKey);
  if (publicKey.type !== "public") throw new ERR_INVALID_ARG_TYPE("options.publicKey", "public key", publicKey);
  const type = publicKey.asymmetricKeyType;
  if (privateKey.asymmetricKeyType !== type) {
    throw new ERR_INVALID_ARG_VALUE("options.publicKey.asymmetricKeyType", type, "must equal privateKey.asymmetricKeyType");
  }
  const { keyIn } = require("node/crypto/keys");
  if (type === "dh") {
    const secret = pairSecret(keyIn(privateKey), keyIn(publicKey));
    if (secret === undefined) throw new Error(NO_SECRET);
    return secret;
  }
  try {
    return asBuffer(ops.derive(keyIn(privateKey).handle, keyIn(publicKey).handle));
  } catch {
    throw new Error(NO_SECRET);
  }
}

ObjectAssign(exports, { ECDH, createECDH, curveByName, diffieHellman });
