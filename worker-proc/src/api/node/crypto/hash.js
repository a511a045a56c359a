/*
 * Hash, Hmac and `hash` of node:crypto.
 */

// own: this (a stream); bytes (a Buffer)
const { ArrayBufferIsView, Error, FunctionPrototypeCall, ObjectAssign, ObjectSetPrototypeOf, Symbol } = primordials;
const { Buffer } = require("node:buffer");
const { LazyTransform } = require("node/streams/transform");
const {
  ERR_CRYPTO_HASH_FINALIZED,
  ERR_CRYPTO_HASH_UPDATE_FAILED,
  ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE,
  ERR_INVALID_ARG_TYPE,
} = require("node/common/errors");
const { isCryptoKey, isKeyObject } = require("node/common/types");
const { validateString, validateUint32 } = require("node/common/validators");
const { isBytes } = require("node/crypto/util");

const kHandle = Symbol("kHandle");
const kState = Symbol("kState");

/** A native hash or HMAC; its digest is kept, as it can be made once. */
class Handle {
  #native;
  #digest;
  /** The digest as the text that it was first asked for as, and the encoding. */
  #told;

  constructor(native) {
    this.#native = native;
  }

  update(bytes) {
    return ops.updateHash(this.#native, bytes);
  }

  updateByText(text) {
    return ops.updateHashByText(this.#native, text);
  }

  digest(length = 0) {
    const told = this.#told;
    this.#digest ??= told === undefined ? ops.finishHash(this.#native, length) : Buffer.from(told.text, told.encoding);
    return this.#digest;
  }

  /** The digest in "hex" or "base64". */
  digestAs(encoding, length = 0) {
    if (this.#isFinished()) {
      const bytes = Buffer.from(this.digest());
      return bytes.toString(encoding);
    }
    const text = ops.finishHashAsText(this.#native, length, encoding === "hex");
    this.#told = { __proto__: null, text, encoding };
    return text;
  }

  #isFinished() {
    return this.#digest !== undefined || this.#told !== undefined;
  }

  copy() {
    if (this.#isFinished()) throw new Error("The hash has already been finalized");
    return new Handle(ops.copyHash(this.#native));
  }
}

function Hash(algorithm, options) {
  if (!(this instanceof Hash)) return new Hash(algorithm, options);
  const length = typeof options === "object" && options !== null ? options.outputLength : undefined;
  if (length !== undefined) validateUint32(length, "options.outputLength");
  if (algorithm?.[kHandle] !== undefined) {
    this[kHandle] = algorithm[kHandle].copy();
    this[kState] = { isFinal: false, name: algorithm[kState].name, length };
  } else {
    validateString(algorithm, "algorithm");
    this[kHandle] = new Handle(ops.newHash(algorithm));
    this[kState] = { isFinal: false, name: algorithm, length };
  }
  if (length !== undefined) {
    const size = ops.hashSize(this[kState].name);
    if (size > 0 && length !== size) throw new Error("Unsupported state or unable to digest");
  }
  FunctionPrototypeCall(LazyTransform, this, options);
  return this;
}
ObjectSetPrototypeOf(Hash.prototype, LazyTransform.prototype);
ObjectSetPrototypeOf(Hash, LazyTransform);

function finish(target, encoding) {
  const { length } = target[kState];
  if (length === 0) return inEncoding(Buffer.alloc(0), encoding);
  if (encoding === "hex" || encoding === "base64") return target[kHandle].digestAs(encoding, length);
  const bytes = target[kHandle].digest(length ?? 0);
  return inEncoding(Buffer.from(bytes), encoding);
}

const inEncoding = (bytes, encoding) => (encoding !== undefined && encoding !== "buffer" ? bytes.toString(encoding) : bytes);

Hash.prototype.copy = function (options) {
  if (this[kState].isFinal) throw new ERR_CRYPTO_HASH_FINALIZED();
  return new Hash(this, options);
};

Hash.prototype._transform = function (chunk, encoding, callback) {
  this[kHandle].update(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
  callback();
};

Hash.prototype._flush = function (callback) {
  this.push(finish(this));
  callback();
};

Hash.prototype.update = function (data, encoding) {
  if (this[kState].isFinal) throw new ERR_CRYPTO_HASH_FINALIZED();
  const handle = this[kHandle];
  const isText = typeof data === "string";
  if (!isText && !ArrayBufferIsView(data)) {
    throw new ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
  }
  const isUtf8 = encoding === undefined || encoding === "utf8" || encoding === "buffer";
  const bytes = isText && !isUtf8 ? Buffer.from(data, encoding) : data;
  if (!(isText && isUtf8 ? handle.updateByText(data) : handle.update(bytes))) throw new ERR_CRYPTO_HASH_UPDATE_FAILED();
  return this;
};

Hash.prototype.digest = function (outputEncoding) {
  const state = this[kState];
  if (state.isFinal) throw new ERR_CRYPTO_HASH_FINALIZED();
  const digest = finish(this, outputEncoding);
  state.isFinal = true;
  return digest;
};

function Hmac(algorithm, key, options) {
  if (!(this instanceof Hmac)) return new Hmac(algorithm, key, options);
  validateString(algorithm, "hmac");
  const encoding = options?.encoding;
  if (encoding !== undefined) validateString(encoding, "options.encoding");
  let bytes = key;
  if (isKeyObject(key) || isCryptoKey(key)) {
    if (key.type !== "secret") throw new ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(key.type, "secret");
    bytes = key.export?.();
  } else if (typeof key === "string") {
    bytes = Buffer.from(key, encoding);
  } else if (!isBytes(key)) {
    throw new ERR_INVALID_ARG_TYPE(
      "key",
      ["ArrayBuffer", "Buffer", "ArrayBufferView", "string", "KeyObject", "CryptoKey"],
      key,
    );
  }
  this[kHandle] = new Handle(ops.newHmac(algorithm, bytes));
  this[kState] = { isFinal: false, name: algorithm, length: undefined };
  FunctionPrototypeCall(LazyTransform, this, options);
  return this;
}
ObjectSetPrototypeOf(Hmac.prototype, LazyTransform.prototype);
ObjectSetPrototypeOf(Hmac, LazyTransform);

Hmac.prototype.update = Hash.prototype.update;
Hmac.prototype._flush = Hash.prototype._flush;
Hmac.prototype._transform = Hash.prototype._transform;
Hmac.prototype.digest = function (outputEncoding) {
  const state = this[kState];
  if (state.isFinal) return !outputEncoding || outputEncoding === "buffer" ? Buffer.from("") : "";
  const digest = finish(this, outputEncoding);
  state.isFinal = true;
  return digest;
};

const createHash = (algorithm, options) => new Hash(algorithm, options);
const createHmac = (algorithm, key, options) => new Hmac(algorithm, key, options);

function hash(algorithm, data, outputEncoding = "hex") {
  validateString(algorithm, "algorithm");
  validateString(outputEncoding, "outputEncoding");
  if (typeof data !== "string" && !ArrayBufferIsView(data)) {
    throw new ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
  }
  return createHash(algorithm).update(data, "utf8").digest(outputEncoding);
}

ObjectAssign(exports, { Hash, Hmac, createHash, createHmac, hash });
