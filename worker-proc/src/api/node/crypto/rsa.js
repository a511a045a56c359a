/*
 * RSA's encryption in node:crypto: publicEncrypt, privateDecrypt, and the two that sign and recover.
 */

const { Error, ObjectAssign } = primordials;
const { Buffer } = require("node:buffer");
const { constants } = require("node/crypto/constants");
const { ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE, ERR_INVALID_ARG_TYPE, ERR_MISSING_ARGS } = require("node/common/errors");
const { isKeyObject } = require("node/common/key_mark");
const { validateString, validateUint32 } = require("node/common/validators");
const { createPrivateKey, createPublicKey, keyIn } = require("node/crypto/keys");
const { asBuffer, isBytes, toBytes } = require("node/crypto/util");

const { RSA_NO_PADDING, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING } = constants;

/** The native key that a user gives for an operation, of one type. */
function handleFor(given, type) {
  const key = given.key !== undefined && isKeyObject(given.key) ? given.key : given;
  let object = key;
  if (isKeyObject(key)) {
    if (key.type !== type) throw new ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(key.type, type);
  } else {
    object = type === "private" ? createPrivateKey(key) : createPublicKey(key);
  }
  if (object.asymmetricKeyType !== "rsa") throw new Error("publicEncrypt() currently only supports RSA keys");
  return keyIn(object).handle;
}

const KEY_TYPES = ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView", "Object"];

const isPlain = (key) => typeof key === "string" || isBytes(key);

/** One operation by its name in Node: what key it wants, and what padding it has where none is told. */
function define(name, type, primitive, usual) {
  return {
    [name](key, buffer) {
      if (key === undefined) throw new ERR_MISSING_ARGS(type === "private" ? "privateKey" : "key");
      if (buffer === undefined) throw new ERR_MISSING_ARGS("buffer");
      if (key === null) throw new ERR_INVALID_ARG_TYPE("key", KEY_TYPES, key);
      const options = isPlain(key) ? {} : key;
      const { padding = usual, oaepHash = "sha1", oaepLabel, encoding } = options;
      validateUint32(padding, "options.padding");
      validateString(oaepHash, "options.oaepHash");
      const handle = handleFor(key, type);
      const data = toBytes(buffer, "buffer", encoding);
      const isOaep = padding === RSA_PKCS1_OAEP_PADDING && usual === padding;
      let bytes;
      if (isOaep) {
        if (ops.hashSize(oaepHash) === 0) throw new Error("Unsupported hash digest");
        const label = oaepLabel === undefined ? Buffer.alloc(0) : toBytes(oaepLabel, "options.oaepLabel", encoding);
        bytes = ops.rsaOaep(handle, primitive === "encrypt", oaepHash, label, data);
      } else {
        const takesLabel = usual === RSA_PKCS1_OAEP_PADDING;
        if (takesLabel && oaepLabel !== undefined) throw new Error("Failed to set the OAEP label");
        if (padding !== RSA_NO_PADDING && padding !== RSA_PKCS1_PADDING) throw new Error("Failed to set the padding");
        bytes = ops.rsaPrimitive(handle, primitive, padding === RSA_PKCS1_PADDING, data);
      }
      if (bytes === undefined) throw new Error("Failed to cipher/decipher");
      return asBuffer(bytes);
    },
  }[name];
}

ObjectAssign(exports, {
  privateDecrypt: define("privateDecrypt", "private", "decrypt", RSA_PKCS1_OAEP_PADDING),
  privateEncrypt: define("privateEncrypt", "private", "sign", RSA_PKCS1_PADDING),
  publicDecrypt: define("publicDecrypt", "public", "recover", RSA_PKCS1_PADDING),
  publicEncrypt: define("publicEncrypt", "public", "encrypt", RSA_PKCS1_OAEP_PADDING),
});
