/*
 * node:crypto: hashes, HMAC, ciphers, keys, signatures, shared secrets, random values, key
 * derivation and certificates.
 */

const { ObjectAssign, ObjectDefineProperty, RangeError } = primordials;
const { crypto } = require("crypto");
const { published } = require("webidl");
const { Hash, Hmac, createHash, createHmac, hash } = require("node/crypto/hash");
const kdf = require("node/crypto/kdf");
const certificates = require("node/crypto/certificates");
const ciphers = require("node/crypto/cipher");
const keys = require("node/crypto/keys");
const pairs = require("node/crypto/key_pairs");
const signatures = require("node/crypto/signatures");
const rsa = require("node/crypto/rsa");
const curves = require("node/crypto/curves");
const groups = require("node/crypto/diffie_hellman");
const random = require("node/crypto/random");
const { constants } = require("node/crypto/constants");
const { ERR_INVALID_ARG_TYPE } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
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
for (let i = 0, names = ["setEngine", "setFips"]; i < names.length; i++) {
  const name = names[i];
  missing[name] = unsupported(name);
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
  Cipher: unsupported("Cipher"),
  Decipher: unsupported("Decipher"),
  createCipher: unsupported("createCipher"),
  createDecipher: unsupported("createDecipher"),
  CryptoKey: published(require("crypto/keys").CryptoKey),
  KeyObject: keys.KeyObject,
  PrivateKeyObject: keys.PrivateKeyObject,
  PublicKeyObject: keys.PublicKeyObject,
  SecretKeyObject: keys.SecretKeyObject,
  createPrivateKey: keys.createPrivateKey,
  createPublicKey: keys.createPublicKey,
  createSecretKey: keys.createSecretKey,
  ...pairs,
  ...signatures,
  ...rsa,
  DiffieHellman: groups.DiffieHellman,
  DiffieHellmanGroup: groups.DiffieHellmanGroup,
  createDiffieHellman: groups.createDiffieHellman,
  createDiffieHellmanGroup: groups.createDiffieHellmanGroup,
  getDiffieHellman: groups.getDiffieHellman,
  ...certificates,
  ECDH: curves.ECDH,
  createECDH: curves.createECDH,
  diffieHellman: curves.diffieHellman,
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
  getFips: () => true,
  constants,
  webcrypto: crypto,
  subtle: crypto.subtle,
};

setLengths(
  nodeCrypto,
  "createCipheriv/3 createDecipheriv/3 getRandomValues/0 randomFillSync/3 scrypt/4 setEngine/2 setFips/1",
);
setLengths(nodeCrypto.ECDH, "convertKey/4");
setLengths(nodeCrypto.ECDH.prototype, "getPublicKey/1");
setLengths(nodeCrypto.Verify.prototype, "verify/2");

ObjectDefineProperty(nodeCrypto, "fips", {
  __proto__: null,
  enumerable: true,
  configurable: true,
  get: nodeCrypto.getFips,
  set: nodeCrypto.setFips,
});

ObjectAssign(exports, nodeCrypto, { default: nodeCrypto });
