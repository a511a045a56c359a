/*
 * node:crypto: hashes, HMAC, ciphers, secret keys, random values and key derivation. Key pairs,
 * signatures, key agreement and certificates throw ERR_METHOD_NOT_IMPLEMENTED.
 */

const { ObjectAssign, ObjectDefineProperty, RangeError } = primordials;
const { crypto } = require("crypto");
const { published } = require("webidl");
const { Hash, Hmac, createHash, createHmac, hash } = require("node/crypto/hash");
const kdf = require("node/crypto/kdf");
const ciphers = require("node/crypto/cipher");
const { KeyObject, createSecretKey } = require("node/crypto/keys");
const random = require("node/crypto/random");
const { constants } = require("node/crypto/constants");
const { ERR_INVALID_ARG_TYPE, ERR_METHOD_NOT_IMPLEMENTED, ERR_MISSING_ARGS } = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");
const { isBytes } = require("node/crypto/util");

function timingSafeEqual(a, b) {
  for (
    let i = 0,
      entries = [
        ["buf1", a],
        ["buf2", b],
      ];
    i < entries.length;
    i++
  ) {
    const { 0: name, 1: value } = entries[i];
    if (!isBytes(value)) throw new ERR_INVALID_ARG_TYPE(name, ["ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
  }
  if (a.byteLength !== b.byteLength) {
    const error = new RangeError("Input buffers must have the same byte length");
    error.code = "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH";
    throw error;
  }
  return crypto.subtle.timingSafeEqual(a, b);
}

const missing = {};
for (
  let i = 0,
    names = [
      "createDiffieHellman",
      "createDiffieHellmanGroup",
      "getDiffieHellman",
      "createECDH",
      "createPrivateKey",
      "createPublicKey",
      "createSign",
      "createVerify",
      "sign",
      "verify",
      "generateKey",
      "generateKeySync",
      "generateKeyPair",
      "generateKeyPairSync",
      "diffieHellman",
      "setEngine",
      "setFips",
    ];
  i < names.length;
  i++
) {
  const name = names[i];
  missing[name] = unsupported(name);
}

for (let i = 0, names = ["publicEncrypt", "publicDecrypt", "privateEncrypt", "privateDecrypt"]; i < names.length; i++) {
  const name = names[i];
  missing[name] = {
    [name](key, buffer) {
      if (key === undefined || buffer === undefined) throw new ERR_MISSING_ARGS(key === undefined ? "key" : "buffer");
      throw new ERR_METHOD_NOT_IMPLEMENTED(name);
    },
  }[name];
}

// Classes whose constructors throw.
for (
  let i = 0,
    names = [
      "DiffieHellman",
      "DiffieHellmanGroup",
      "ECDH",
      "PublicKeyObject",
      "PrivateKeyObject",
      "Certificate",
      "X509Certificate",
      "Sign",
      "Verify",
    ];
  i < names.length;
  i++
) {
  const name = names[i];
  missing[name] = function () {
    throw new ERR_METHOD_NOT_IMPLEMENTED(name);
  };
  ObjectDefineProperty(missing[name], "name", { value: name });
}

const nodeCrypto = {
  Hash,
  Hmac,
  createHash,
  createHmac,
  hash,
  ...kdf,
  ...random,
  pseudoRandomBytes: random.randomBytes,
  timingSafeEqual,
  ...ciphers,
  // The old names of the classes.
  Cipher: ciphers.Cipheriv,
  Decipher: ciphers.Decipheriv,
  createCipher: unsupported("createCipher"),
  createDecipher: unsupported("createDecipher"),
  CryptoKey: published(require("crypto/keys").CryptoKey),
  KeyObject,
  SecretKeyObject: KeyObject,
  createSecretKey,
  ...missing,
  getCurves: () => ["secp224r1", "prime256v1", "secp384r1", "secp521r1"],
  getHashes: () => [
    "md4",
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "md5-sha1",
    "RSA-MD5",
    "RSA-SHA1",
    "RSA-SHA224",
    "RSA-SHA256",
    "RSA-SHA384",
    "RSA-SHA512",
    "DSA-SHA",
    "DSA-SHA1",
    "ecdsa-with-SHA1",
  ],
  getRandomValues: (array) => crypto.getRandomValues(array),
  secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 0 }),
  fips: true,
  getFips: () => true,
  constants,
  webcrypto: crypto,
  subtle: crypto.subtle,
};

ObjectAssign(exports, nodeCrypto, { default: nodeCrypto });
