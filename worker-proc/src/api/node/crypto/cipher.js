/*
 * Cipheriv and Decipheriv of node:crypto.
 */

// own: this (a stream)
const {
  ArrayPrototypeConcat,
  ArrayPrototypeFind,
  ArrayPrototypeIncludes,
  ArrayPrototypeMap,
  Boolean,
  Error,
  FunctionPrototypeCall,
  ObjectAssign,
  ObjectSetPrototypeOf,
  RangeError,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
  StringPrototypeToUpperCase,
  Symbol,
  TypeError,
} = primordials;
const { Buffer } = require("node:buffer");
const { Transform } = require("node:stream");
const { StringDecoder } = require("node:string_decoder");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { isKeyObject } = require("node/common/types");
const { setLength, setLengths } = require("node/common/unsupported");
const { validateInt32, validateObject, validateString, validateUint32 } = require("node/common/validators");
const { Aead, aeadInfo } = require("node/crypto/aead");
const { isBytes, toBytes, viewOf } = require("node/crypto/util");

const badTagLength = (length) =>
  failure("ERR_CRYPTO_INVALID_AUTH_TAG", `Invalid authentication tag length: ${length}`, TypeError);

const MODES = ["stream", "ecb", "cbc", "cfb", "ofb", "ctr", "gcm", "xts", "ccm", "ocb", "wrap"];
const { KEY_BYTES, IV_BYTES, BLOCK_BYTES, MODE, NID, IS_AUTHENTICATED } = ops.CipherInfo;
const TAG_BYTES = 16;
const GCM_TAGS = [4, 8, 12, 13, 14, 15, 16];

const kHandle = Symbol("kHandle");
const kState = Symbol("kState");

const failure = (code, message, Base = Error) => ObjectAssign(new Base(message), { code });
const asBuffer = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function keyBytes(key) {
  if (isKeyObject(key)) return key.export();
  if (typeof key === "string") return Buffer.from(key);
  if (!isBytes(key)) {
    throw new ERR_INVALID_ARG_TYPE(
      "key",
      ["ArrayBuffer", "Buffer", "TypedArray", "DataView", "string", "KeyObject", "CryptoKey"],
      key,
    );
  }
  return key;
}

/** The length of the tag by Node's name, or by the published binary's. */
function tagLengthOf(options) {
  for (let i = 0, names = ["authTagLength", "authLengthTag"]; i < names.length; i++) {
    const length = options[names[i]];
    if (length === undefined) continue;
    validateUint32(length, `options.${names[i]}`);
    return length;
  }
  return undefined;
}

/** What both directions do to begin. */
function begin(target, name, key, iv, options, encrypt) {
  validateString(name, "algorithm");
  const secret = keyBytes(key);
  const start = iv === null ? Buffer.alloc(0) : toBytes(iv, "iv");
  let tagLength;
  if (options !== undefined) {
    validateObject(options, "options");
    tagLength = tagLengthOf(options);
  }
  if (aeadInfo(name) !== undefined) {
    const aead = new Aead(name, viewOf(secret), viewOf(start), encrypt, tagLength);
    target[kState] = { aead, isFinal: false, decoder: undefined };
    FunctionPrototypeCall(Transform, target, options);
    return;
  }
  const info = ops.cipherInfo(name);
  if (info === undefined) throw failure("ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher");
  if (secret.byteLength !== info[KEY_BYTES]) throw failure("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length", RangeError);
  const isAuthenticated = info[IS_AUTHENTICATED];
  const isRightIv = isAuthenticated ? start.byteLength > 0 : start.byteLength === info[IV_BYTES];
  if (!isRightIv) throw failure("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector", TypeError);
  if (tagLength !== undefined && isAuthenticated && !ArrayPrototypeIncludes(GCM_TAGS, tagLength)) {
    throw badTagLength(tagLength);
  }
  target[kHandle] = ops.newCipher(name, secret, start, encrypt);
  target[kState] = { isFinal: false, isAuthenticated, tagLength, hasTag: false, decoder: undefined };
  FunctionPrototypeCall(Transform, target, options);
}

const badState = (what) => failure("ERR_CRYPTO_INVALID_STATE", `Invalid state for operation ${what}`);

/** Bytes as they are, or as text through a decoder that keeps characters whole. */
function output(target, bytes, encoding, isLast) {
  const buffer = asBuffer(bytes);
  if (!encoding || encoding === "buffer") return buffer;
  const state = target[kState];
  state.decoder ??= new StringDecoder(encoding);
  return isLast ? state.decoder.end(buffer) : state.decoder.write(buffer);
}

const methods = {
  update(data, inputEncoding, outputEncoding) {
    if (typeof data === "string") {
      if (inputEncoding === undefined || inputEncoding === null) {
        const why = "If inputEncoding is not provided then the data must be a Buffer";
        throw new ERR_INVALID_ARG_VALUE("inputEncoding", inputEncoding, why);
      }
      data = Buffer.from(data, inputEncoding);
    } else if (!isBytes(data)) {
      throw new ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
    }
    const { aead, isFinal } = this[kState];
    if (aead !== undefined) return output(this, aead.update(viewOf(data)), outputEncoding, false);
    if (isFinal) throw badState("update");
    const bytes = ops.updateCipher(this[kHandle], data);
    if (bytes === undefined) throw badState("update");
    return output(this, bytes, outputEncoding, false);
  },

  final(outputEncoding) {
    const state = this[kState];
    if (state.aead !== undefined) return output(this, state.aead.final(), outputEncoding, true);
    if (state.isFinal) throw badState("final");
    state.isFinal = true;
    const bytes = ops.finishCipher(this[kHandle]);
    if (bytes === undefined) {
      if (state.isAuthenticated) throw new Error("Unsupported state or unable to authenticate data");
      throw failure("ERR_OSSL_BAD_DECRYPT", "bad decrypt");
    }
    return output(this, bytes, outputEncoding, true);
  },

  setAutoPadding(on = true) {
    const { aead, isFinal } = this[kState];
    if (aead !== undefined) aead.setAutoPadding();
    if (isFinal || !ops.cipherPadding(this[kHandle], Boolean(on))) throw badState("setAutoPadding");
    return this;
  },

  setAAD(data, options) {
    const bytes = toBytes(data, "buffer", options?.encoding);
    const { aead, isFinal } = this[kState];
    if (aead !== undefined) aead.setAAD(viewOf(bytes), options?.plaintextLength);
    else if (isFinal || !ops.cipherAad(this[kHandle], bytes)) throw badState("setAAD");
    return this;
  },

  _transform(chunk, encoding, callback) {
    try {
      this.push(this.update(chunk, encoding));
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  },

  _flush(callback) {
    try {
      this.push(this.final());
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  },
};

function Cipheriv(name, key, iv, options) {
  if (!(this instanceof Cipheriv)) return new Cipheriv(name, key, iv, options);
  begin(this, name, key, iv, options, true);
}

function Decipheriv(name, key, iv, options) {
  if (!(this instanceof Decipheriv)) return new Decipheriv(name, key, iv, options);
  begin(this, name, key, iv, options, false);
}

for (let i = 0, Classes = [Cipheriv, Decipheriv]; i < Classes.length; i++) {
  const Class = Classes[i];
  ObjectSetPrototypeOf(Class.prototype, Transform.prototype);
  ObjectSetPrototypeOf(Class, Transform);
  ObjectAssign(Class.prototype, methods);
}

Cipheriv.prototype.getAuthTag = function () {
  const { aead, isFinal, isAuthenticated, tagLength } = this[kState];
  if (aead !== undefined) return asBuffer(aead.getAuthTag());
  if (!isFinal || !isAuthenticated) throw badState("getAuthTag");
  return asBuffer(ops.cipherTag(this[kHandle], tagLength ?? TAG_BYTES));
};

Decipheriv.prototype.setAuthTag = function (tag, encoding) {
  const state = this[kState];
  const bytes = toBytes(tag, "buffer", encoding);
  if (state.aead !== undefined) {
    state.aead.setAuthTag(viewOf(bytes));
    return this;
  }
  if (state.isFinal || !state.isAuthenticated || state.hasTag) throw badState("setAuthTag");
  const isRight =
    ArrayPrototypeIncludes(GCM_TAGS, bytes.byteLength) && (state.tagLength ?? bytes.byteLength) === bytes.byteLength;
  if (!isRight) {
    throw badTagLength(bytes.byteLength);
  }
  state.hasTag = ops.setCipherTag(this[kHandle], bytes);
  return this;
};

setLength([Cipheriv, Decipheriv], 3);
setLengths(Cipheriv.prototype, "setAAD/1 setAutoPadding/1");
setLengths(Decipheriv.prototype, "setAuthTag/1");

const createCipheriv = (name, key, iv, options) => new Cipheriv(name, key, iv, options);
const createDecipheriv = (name, key, iv, options) => new Decipheriv(name, key, iv, options);

// The published binary's list in its order, where some are twice.
const BLOCKS = StringPrototypeSplit(
  "aes-128-cbc aes-192-cbc aes-256-cbc aes-128-ctr aes-192-ctr aes-256-ctr aes-128-ecb aes-192-ecb aes-256-ecb aes-128-ofb " +
    "aes-192-ofb aes-256-ofb aes-128-gcm aes-192-gcm aes-256-gcm des-cbc des-ecb des-ede des-ede-cbc des-ede3-cbc rc2-cbc rc4",
  " ",
);
const AEADS = StringPrototypeSplit(
  "aes-128-ccm-matter aes-128-ccm-bluetooth aes-256-gcm-siv aes-128-gcm-randnonce aes-128-eax aes-256-gcm aes-128-gcm-siv " +
    "aes-256-gcm-randnonce aes-256-eax aes-128-ccm-bluetooth-8 aes-256-ctr-hmac-sha256 aes-128-ctr-hmac-sha256 " +
    "xchacha20-poly1305 aes-128-gcm chacha20-poly1305 aes-192-gcm",
  " ",
);
const NAMES = ArrayPrototypeConcat(BLOCKS, AEADS);
const getCiphers = () =>
  ArrayPrototypeConcat(
    ArrayPrototypeMap(BLOCKS, (name) => StringPrototypeToUpperCase(name)),
    NAMES,
  );

/** A cipher's name as the published binary shows it. */
function shownName(name) {
  if (name === "aes-128-gcm") return "id-aes128-GCM";
  if (name === "aes-192-gcm") return "id-aes192-GCM";
  if (name === "aes-256-gcm") return "id-aes256-GCM";
  return StringPrototypeToUpperCase(name);
}

/** Of two old ciphers keys have any length. */
const takesAnyKey = (name, keyLength) => keyLength > 0 && (name === "rc2-cbc" || name === "rc4");

function getCipherInfo(name, options = {}) {
  if (typeof name === "number") validateInt32(name, "nameOrNid");
  else if (typeof name !== "string") {
    throw new ERR_INVALID_ARG_TYPE("nameOrNid", ["string", "number"], name);
  }
  validateObject(options, "options");
  const { keyLength, ivLength } = options;
  if (keyLength !== undefined) validateInt32(keyLength, "options.keyLength");
  if (ivLength !== undefined) validateInt32(ivLength, "options.ivLength");
  const aead = typeof name === "string" ? aeadInfo(name) : undefined;
  if (aead !== undefined) return aead;
  const lower = typeof name === "string" ? StringPrototypeToLowerCase(name) : undefined;
  const known = ArrayPrototypeFind(BLOCKS, (each) =>
    lower === undefined ? ops.cipherInfo(each)[NID] === name : each === lower,
  );
  if (known === undefined) return undefined;
  const info = ops.cipherInfo(known);
  const takesKey = keyLength === undefined || keyLength === info[KEY_BYTES] || takesAnyKey(known, keyLength);
  const takesIv = ivLength === undefined || ivLength === info[IV_BYTES] || (info[IS_AUTHENTICATED] && ivLength > 0);
  if (!takesKey || !takesIv) return undefined;
  return {
    name: shownName(known),
    nid: info[NID],
    blockSize: info[BLOCK_BYTES],
    ivLength: ivLength ?? info[IV_BYTES],
    keyLength: keyLength ?? info[KEY_BYTES],
    mode: MODES[info[MODE]],
  };
}

ObjectAssign(exports, { Cipheriv, Decipheriv, createCipheriv, createDecipheriv, getCipherInfo, getCiphers });
