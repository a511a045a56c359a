/*
 * Signatures of node:crypto: at once, and of data that comes in pieces.
 */

// own: signature (a Buffer)
const {
  ArrayBufferIsView,
  ArrayPrototypePush,
  Error,
  FunctionPrototypeCall,
  ObjectAssign,
  ObjectSetPrototypeOf,
  Symbol,
  TypeError,
} = primordials;
const { Buffer } = require("node:buffer");
const { Writable } = require("node:stream");
const { queueMicrotask } = require("timers");
const { constants } = require("node/crypto/constants");
const {
  ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE,
  ERR_CRYPTO_SIGN_KEY_REQUIRED,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
} = require("node/common/errors");
const { isKey } = require("crypto/keys");
const { isKeyObject } = require("node/common/key_mark");
const { validateFunction, validateInt32, validateString } = require("node/common/validators");
const { KeyObject, createPrivateKey, createPublicKey, keyIn } = require("node/crypto/keys");
const { asBuffer, isBytes, toBytes } = require("node/crypto/util");

const NO_CONTEXT = "Failed to initialize signing context";

const NO_DIGEST = "Failed to set signature digest";

const NO_RSA_PARAMETERS = "Failed to set RSA parameters for signature";

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants;
const SALT_AUTO = -2;
const kState = Symbol("kState");

/** How a key's options want it: RSA's padding and salt, and the form of ECDSA's signatures. */
function settings(options) {
  const isPlain = typeof options === "string" || isBytes(options) || isKeyObject(options);
  const { padding, saltLength, dsaEncoding = "der" } = isPlain ? {} : options;
  if (dsaEncoding !== "der" && dsaEncoding !== "ieee-p1363") {
    throw new ERR_INVALID_ARG_VALUE("options.dsaEncoding", dsaEncoding);
  }
  if (padding !== undefined) validateInt32(padding, "options.padding");
  if (saltLength !== undefined) validateInt32(saltLength, "options.saltLength");
  return { padding, salt: saltLength ?? SALT_AUTO, isPlain: dsaEncoding === "ieee-p1363" };
}

/** The key that a user gives; one that verifies may be private too. */
function keyOf(given, type) {
  const key = given.key !== undefined && isKeyObject(given.key) ? given.key : given;
  const object = isKey(key) ? KeyObject.from(key) : key;
  if (!isKeyObject(object)) return type === "private" ? createPrivateKey(key) : createPublicKey(key);
  const isRight = object.type === type || (type === "public" && object.type === "private");
  if (!isRight) throw new ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(object.type, type);
  return object;
}

function checkKey(key, { padding, salt }, what) {
  if (key.asymmetricKeyType === "dsa") throw new Error(`${what} with DSA keys is not currently supported`);
  if (key.asymmetricKeyType !== "rsa" || padding === undefined) return;
  const isPss = padding === RSA_PKCS1_PSS_PADDING;
  if (!isPss && padding !== RSA_PKCS1_PADDING) throw new Error(NO_RSA_PARAMETERS);
  if (isPss && salt < SALT_AUTO) throw new Error(NO_RSA_PARAMETERS);
}

/** A signature of what `take` gives, which is asked once the key is good. */
function signWith(hash, take, options) {
  const how = settings(options);
  const key = keyOf(options, "private");
  checkKey(key, how, "Signing");
  const isPss = how.padding === RSA_PKCS1_PSS_PADDING;
  return ops.signData(keyIn(key).handle, take(), hash, isPss, how.salt, how.isPlain);
}

function verifyWith(hash, take, options, signature) {
  const how = settings(options);
  const key = keyOf(options, "public");
  checkKey(key, how, "Verifying");
  const isPss = how.padding === RSA_PKCS1_PSS_PADDING;
  return ops.verifyData(keyIn(key).handle, take(), signature, hash, isPss, how.salt, how.isPlain);
}

function digestOf(name) {
  if (ops.hashSize(name) === 0) throw new Error(`Unknown digest: ${name}`);
  return name;
}

/** Makes one of the two stream classes. */
function begin(target, algorithm, options) {
  validateString(algorithm, "algorithm");
  target[kState] = { hash: digestOf(algorithm), pieces: [], isFinal: false };
  FunctionPrototypeCall(Writable, target, options);
}

/** All data of a stream, which ends with it. */
function finish(target, what) {
  const state = target[kState];
  if (state.isFinal) throw new Error(`${what} context has already been finalized`);
  state.isFinal = true;
  return Buffer.concat(state.pieces);
}

function update(data, encoding) {
  const state = this[kState];
  if (typeof data !== "string" && !ArrayBufferIsView(data)) {
    throw new ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
  }
  if (state.isFinal) throw new Error(`${state.what ?? "Signing"} context has already been finalized`);
  ArrayPrototypePush(state.pieces, Buffer.from(toBytes(data, "data", encoding)));
  return this;
}

function write(chunk, encoding, callback) {
  this.update(chunk, encoding);
  callback();
}

function Sign(algorithm, options) {
  if (!(this instanceof Sign)) return new Sign(algorithm, options);
  begin(this, algorithm, options);
}
ObjectSetPrototypeOf(Sign.prototype, Writable.prototype);
ObjectSetPrototypeOf(Sign, Writable);
Sign.prototype._write = write;
Sign.prototype.update = update;
Sign.prototype.sign = function (options, encoding) {
  if (!options) throw new ERR_CRYPTO_SIGN_KEY_REQUIRED();
  const bytes = signWith(this[kState].hash, () => finish(this, "Signing"), options);
  if (bytes === undefined) throw new Error(NO_DIGEST);
  const signature = asBuffer(bytes);
  return encoding && encoding !== "buffer" ? signature.toString(encoding) : signature;
};

function Verify(algorithm, options) {
  if (!(this instanceof Verify)) return new Verify(algorithm, options);
  begin(this, algorithm, options);
  this[kState].what = "Verification";
}
ObjectSetPrototypeOf(Verify.prototype, Writable.prototype);
ObjectSetPrototypeOf(Verify, Writable);
Verify.prototype._write = write;
Verify.prototype.update = update;
Verify.prototype.verify = function (options, signature, encoding) {
  if (!options) throw new ERR_CRYPTO_SIGN_KEY_REQUIRED();
  if (typeof signature !== "string" && !isBytes(signature)) {
    throw new TypeError("Failed to execute 'verify' on 'VerifyHandle': parameter 2 is not of type 'BufferSource'.");
  }
  const bytes = toBytes(signature, "signature", encoding);
  const isRight = verifyWith(this[kState].hash, () => finish(this, "Verification"), options, bytes);
  if (isRight === undefined) throw new Error(NO_DIGEST);
  return isRight;
};

/** The hash of a call that works at once: none is for Ed25519. */
const hashOf = (algorithm) => (algorithm === null || algorithm === undefined ? "" : digestOf(algorithm));

function checkAlgorithm(algorithm) {
  if (algorithm !== null && algorithm !== undefined) validateString(algorithm, "algorithm");
}

function checkView(value, name) {
  if (!ArrayBufferIsView(value)) throw new ERR_INVALID_ARG_TYPE(name, ["Buffer", "TypedArray", "DataView"], value);
}

function signNow(algorithm, data, key) {
  const bytes = signWith(hashOf(algorithm), () => data, key);
  if (bytes === undefined) throw new Error(NO_CONTEXT);
  return asBuffer(bytes);
}

function verifyNow(algorithm, data, key, signature) {
  const isRight = verifyWith(hashOf(algorithm), () => data, key, signature);
  if (isRight === undefined) throw new Error(NO_CONTEXT);
  return isRight;
}

/** What `work` makes: returned, or told to a callback later. */
function deliver(work, callback) {
  if (callback === undefined) return work();
  validateFunction(callback, "callback");
  let result;
  try {
    result = work();
  } catch (error) {
    queueMicrotask(() => callback(error));
    return undefined;
  }
  queueMicrotask(() => callback(null, result));
  return undefined;
}

function sign(algorithm, data, key, callback) {
  checkAlgorithm(algorithm);
  checkView(data, "data");
  if (!key) throw new ERR_CRYPTO_SIGN_KEY_REQUIRED();
  return deliver(() => signNow(algorithm, data, key), callback);
}

function verify(algorithm, data, key, signature, callback) {
  checkAlgorithm(algorithm);
  checkView(data, "data");
  checkView(signature, "signature");
  if (!key) throw new ERR_CRYPTO_SIGN_KEY_REQUIRED();
  return deliver(() => verifyNow(algorithm, data, key, signature), callback);
}

const createSign = (algorithm, options) => new Sign(algorithm, options);
const createVerify = (algorithm, options) => new Verify(algorithm, options);

ObjectAssign(exports, { Sign, Verify, createSign, createVerify, sign, verify });
