/*
 * SubtleCrypto (Web Crypto section 14). Arguments are converted and checked here, in the order and with the words of the
 * published runtime; the ops compute, long work off the event-loop thread. Relies on `crypto/keys` and
 * `crypto/import_export`.
 */

const {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  JSONParse,
  JSONStringify,
  NumberIsNaN,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
  Uint8Array,
} = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject, toDOMString, toUint32 } =
  require("webidl");
const { byteLengthOf, decodeUtf8, encodeUtf8, toBytes } = require("encoding");
const {
  algorithms,
  among,
  bytesOf,
  checkUsages,
  createKey,
  domError,
  hashOf,
  isKey,
  keyFor,
  keyOf,
  missingField,
  toAlgorithm,
} = require("crypto/keys");
const { AES_BITS, exportKey, importPair, importSecret, kindOf, pairAlgorithm } = require("crypto/import_export");

/** Input of more bytes is hashed off the event-loop thread. */
const INLINE_BYTES = 65536;

const typeNames = {
  __proto__: null,
  encrypt: "EncryptAlgorithm",
  decrypt: "EncryptAlgorithm",
  sign: "SignAlgorithm",
  verify: "SignAlgorithm",
  digest: "HashAlgorithm",
  generateKey: "GenerateKeyAlgorithm",
  deriveKey: "DeriveKeyAlgorithm",
  deriveBits: "DeriveKeyAlgorithm",
  importKey: "ImportKeyAlgorithm",
  wrapKey: "EncryptAlgorithm",
  unwrapKey: "EncryptAlgorithm",
};

// Arguments.

const algorithmArgument = (method, index, value) =>
  toAlgorithm(
    value,
    typeNames[method],
    () => argumentError("SubtleCrypto", method, index, `string or ${typeNames[method]}`),
  );

function bufferArgument(method, index, value) {
  const bytes = isObject(value) ? toBytes(value) : undefined;
  if (bytes === undefined) throw argumentError("SubtleCrypto", method, index, "BufferSource");
  return bytes;
}

function keyArgument(method, index, value) {
  if (!isKey(value)) throw argumentError("SubtleCrypto", method, index, "CryptoKey");
  return value;
}

function usagesArgument(method, index, value) {
  if (!ArrayIsArray(value)) throw argumentError("SubtleCrypto", method, index, "Array");
  const usages = [];
  for (let i = 0; i < value.length; i++) usages[i] = toDOMString(value[i]);
  return usages;
}

const buffer = TypedArrayPrototypeGetBuffer;

const noBytes = () => new Uint8Array(0);

// Ciphers.

async function cipher(encrypt, algorithm, key, data) {
  const { name } = algorithm;
  switch (name) {
    case "AES-CBC":
      return aes(encrypt, name, key, data, cbcIv(algorithm), noBytes(), 0);
    case "AES-CTR": {
      const counter = bytesOf(algorithm, "counter");
      if (byteLengthOf(counter) !== 16) {
        throw domError("OperationError", `Counter must have length of 16 bytes (provided ${byteLengthOf(counter)}).`);
      }
      const { length } = algorithm;
      if (length === undefined) throw missingField("length");
      if (!(+length >= 1 && +length <= 128)) {
        throw domError("OperationError", `Invalid counter of ${+length} bits length provided.`);
      }
      return aes(encrypt, name, key, data, counter, noBytes(), +length);
    }
    case "AES-GCM": {
      const iv = bytesOf(algorithm, "iv");
      if (byteLengthOf(iv) === 0) throw domError("OperationError", "AES-GCM IV must not be empty.");
      const tagBits = algorithm.tagLength === undefined ? 128 : +algorithm.tagLength;
      if (!ArrayPrototypeIncludes(TAG_BITS, tagBits)) {
        throw domError("OperationError", `Invalid AES-GCM tag length ${tagBits}.`);
      }
      const bits = byteLengthOf(data) * 8;
      if (!encrypt && bits < tagBits) {
        throw domError(
          "OperationError",
          `Ciphertext length of ${bits} bits must be greater than or equal to the size of the AES-GCM tag length of ${tagBits} bits.`,
        );
      }
      const additional = algorithm.additionalData === undefined ? noBytes() : bytesOf(algorithm, "additionalData");
      return aes(encrypt, name, key, data, iv, additional, tagBits / 8);
    }
    case "RSA-OAEP": {
      const wanted = encrypt ? "public" : "private";
      if (key.type !== wanted) {
        throw domError(
          "InvalidAccessError",
          encrypt
            ? `Encryption/key wrapping only works with public keys, not "${key.type}".`
            : `Decryption/key unwrapping only works with private keys, not "${key.type}".`,
        );
      }
      const label = algorithm.label === undefined ? noBytes() : bytesOf(algorithm, "label");
      return ops.oaep(key.handle, data, encrypt, key.algorithm.hash.name, label);
    }
    default:
      throw domError("NotSupportedError", `The ${encrypt ? "encrypt" : "decrypt"} operation is not implemented for "${name}".`);
  }
}

const TAG_BITS = [32, 64, 96, 104, 112, 120, 128];

function cbcIv(algorithm) {
  const iv = bytesOf(algorithm, "iv");
  if (byteLengthOf(iv) !== 16) {
    throw domError("OperationError", `AES-CBC IV must be 16 bytes long (provided ${byteLengthOf(iv)} bytes).`);
  }
  return iv;
}

async function aes(encrypt, name, key, data, iv, additional, number) {
  try {
    return await ops.aes(name, encrypt, key.handle, data, iv, additional, number);
  } catch (error) {
    if (encrypt || name === "AES-CTR") throw error;
    const length = byteLengthOf(data) - (name === "AES-GCM" ? number : 0);
    throw domError(
      "OperationError",
      "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, " +
        `or another algorithm-specific reason. Input length was ${length}, output length expected to be ` +
        `${name === "AES-GCM" ? length : 0} for ${name}`,
    );
  }
}

// Signatures.

async function sign(algorithm, key, data) {
  if (key.algorithm.name === "HMAC") return ops.hmac(key.algorithm.hash.name, key.handle, data);
  if (key.type !== "private") throw domError("InvalidAccessError", "Asymmetric signing requires a private key.");
  const { name, hash, detail } = schemeOf(algorithm, key);
  return ops.sign(key.handle, data, name, hash, detail);
}

async function verify(algorithm, key, signature, data) {
  if (key.algorithm.name === "HMAC") {
    const expected = await ops.hmac(key.algorithm.hash.name, key.handle, data);
    return ops.equal(expected, signature);
  }
  if (key.type !== "public") throw domError("InvalidAccessError", "Asymmetric verification requires a public key.");
  const { name, hash, detail } = schemeOf(algorithm, key);
  if (name === "Ed25519" && byteLengthOf(signature) !== 64) {
    throw domError("OperationError", `Invalid ${name} signature length ${byteLengthOf(signature)}`);
  }
  const right = await ops.verify(key.handle, data, name, hash, detail, signature);
  return right[0] === 1;
}

/** What the sign and verify ops are told of an algorithm. */
function schemeOf(algorithm, key) {
  const { name } = algorithm;
  switch (name) {
    case "RSASSA-PKCS1-v1_5":
      return { __proto__: null, name, hash: key.algorithm.hash.name, detail: 0 };
    case "RSA-PSS": {
      const { saltLength } = algorithm;
      if (saltLength === undefined) {
        throw domError("DataError", "Failed to provide salt for RSA-PSS key operation which requires a salt");
      }
      if (!(+saltLength >= 0)) {
        throw domError("DataError", `SaltLength for RSA-PSS must be non-negative (provided ${+saltLength}).`);
      }
      return { __proto__: null, name, hash: key.algorithm.hash.name, detail: +saltLength };
    }
    case "ECDSA":
      return { __proto__: null, name, hash: hashOf(algorithm), detail: key.algorithm.namedCurve };
    case "Ed25519":
    case "NODE-ED25519":
      return { __proto__: null, name: "Ed25519", hash: "", detail: 0 };
    default:
      throw domError("NotSupportedError", `The sign and verify operations are not implemented for "${name}".`);
  }
}

// Derivation.

/** `length` bits, all there are where it is null. */
async function deriveBits(algorithm, key, length) {
  const { name } = algorithm;
  if (name === "ECDH" || name === "X25519") return deriveShared(algorithm, key, length);
  if (name !== "HKDF" && name !== "PBKDF2") {
    throw domError("NotSupportedError", `The deriveBits operation is not implemented for "${name}".`);
  }
  const hash = hashOf(algorithm);
  const salt = bytesOf(algorithm, "salt");
  if (name === "HKDF") {
    const info = bytesOf(algorithm, "info");
    const bytes = wholeBytes(name, length);
    try {
      return await ops.hkdf(hash, key.handle, salt, info, bytes);
    } catch {
      throw domError("OperationError", "HKDF deriveBits failed.");
    }
  }
  if (algorithm.iterations === undefined) throw missingField("iterations");
  const iterations = toUint32(algorithm.iterations);
  const bytes = wholeBytes(name, length);
  if (iterations < 1) {
    throw domError("OperationError", `PBKDF2 requires a positive iteration count (requested ${iterations}).`);
  }
  return ops.pbkdf2(hash, key.handle, salt, iterations, bytes);
}

function wholeBytes(name, length) {
  if (length === null) throw domError("OperationError", `${name} cannot derive a key with null length.`);
  if (length % 8 !== 0) {
    throw domError(
      "OperationError",
      `${name} requires a derived key length that is a multiple of eight (requested ${length}).`,
    );
  }
  return length / 8;
}

async function deriveShared(algorithm, key, length) {
  const { name, public: peerKey } = algorithm;
  if (peerKey === undefined) throw missingField("public");
  if (!isKey(peerKey)) throw new TypeError("The member \"public\" of the algorithm is not a CryptoKey.");
  const peer = keyOf(peerKey);
  if (key.type !== "private") {
    throw domError("InvalidAccessError", `The deriveBits operation is only valid for a private key, not "${key.type}".`);
  }
  if (peer.type !== "public") {
    throw domError("InvalidAccessError", `The provided key has type "${peer.type}", not "public"`);
  }
  if (peer.algorithm.name !== name) {
    throw domError(
      "InvalidAccessError",
      `Base ${name} private key cannot be used to derive a key from a peer ${peer.algorithm.name} public key`,
    );
  }
  if (peer.algorithm.namedCurve !== key.algorithm.namedCurve) {
    throw domError(
      "InvalidAccessError",
      `Private key for derivation is using curve "${key.algorithm.namedCurve}" while public key is using "${peer.algorithm.namedCurve}".`,
    );
  }
  const secret = await ops.derive(key.handle, peer.handle);
  if (length === null) return secret;
  const available = TypedArrayPrototypeGetLength(secret) * 8;
  if (length > available) {
    throw domError(
      "OperationError",
      `Derived key length (${length} bits) is too long (should be at most ${available} bits).`,
    );
  }
  const bits = TypedArrayPrototypeSlice(secret, 0, (length + 7) >>> 3);
  const spare = bits.length * 8 - length;
  if (spare > 0) bits[bits.length - 1] &= 0xff << spare;
  return bits;
}

/** How many bits a key to be derived takes; null for as many as there are. */
function keyLength(algorithm) {
  const { name } = algorithm;
  const { family } = algorithms[name] ?? { __proto__: null };
  if (family === "KDF") return null;
  if (algorithm.length === undefined && family === "HMAC") return ops.hashBlockBits(hashOf(algorithm, "derivedKeyParams"));
  if (family !== "AES" && family !== "HMAC") {
    throw domError("NotSupportedError", `Unrecognized derived key type "${name}" requested.`);
  }
  if (algorithm.length === undefined) throw missingField("length", "derivedKeyParams");
  const length = +algorithm.length;
  if (family === "AES" && !ArrayPrototypeIncludes(AES_BITS, length)) {
    throw domError("OperationError", `Derived AES key must be 128, 192, or 256 bits in length but provided ${length}.`);
  }
  if (!(length > 0)) throw new TypeError("HMAC key length must be a non-zero unsigned long integer.");
  return length;
}

// Keys.

async function importKey(format, data, algorithm, extractable, usages) {
  const entry = algorithms[algorithm.name];
  if (entry === undefined) {
    throw domError("NotSupportedError", `Unrecognized key import algorithm "${algorithm.name}" requested.`);
  }
  const key = entry.secret === undefined
    ? importPair(format, data, algorithm, extractable, usages)
    : importSecret(format, data, algorithm, extractable, usages);
  const { type, usages: list } = keyOf(key);
  if (type !== "public" && list.length === 0) throw noUsages();
  return key;
}

const noUsages = () => domError("SyntaxError", "Secret/private CryptoKeys must have at least one usage.");

function keyData(format, data) {
  if (format === "jwk") {
    if (!isObject(data) || toBytes(data) !== undefined) {
      throw new TypeError('Import data provided for "jwk" import format must be a JsonWebKey.');
    }
    return data;
  }
  const bytes = isObject(data) ? toBytes(data) : undefined;
  if (bytes === undefined) {
    throw new TypeError("Import data provided for buffer-based import formats must be a buffer source.");
  }
  return bytes;
}

async function generateKey(algorithm, extractable, usages) {
  const { name } = algorithm;
  const entry = algorithms[name];
  if (entry === undefined || entry.family === "KDF") {
    throw domError("NotSupportedError", `Unrecognized key generation algorithm "${name}" requested.`);
  }
  if (entry.secret !== undefined) {
    const list = checkUsages(usages, entry.secret, "generate", name);
    const shown = secretAlgorithm(algorithm, entry);
    const bytes = new Uint8Array((shown.length + 7) >>> 3);
    ops.getRandomValues(bytes);
    if (list.length === 0) throw noUsages();
    return createKey("secret", extractable, shown, list, bytes);
  }
  const allowed = [];
  for (let i = 0; i < entry.public.length; i++) allowed[allowed.length] = entry.public[i];
  for (let i = 0; i < entry.private.length; i++) allowed[allowed.length] = entry.private[i];
  const list = checkUsages(usages, allowed, "generate", name);
  const [bits, exponent] = entry.family === "RSA" ? rsaParameters(algorithm) : [0, noBytes()];
  const handle = await ops.generatePair(kindOf(algorithm), bits, exponent);
  if (handle === null) throw domError("OperationError", `Error generating ${name} key`);
  const shown = pairAlgorithm(algorithm, handle);
  const privateUsages = among(list, entry.private);
  if (privateUsages.length === 0) {
    throw domError("SyntaxError", "Attempt to generate asymmetric keys with no valid private key usages.");
  }
  return {
    publicKey: createKey("public", true, shown, among(list, entry.public), handle),
    privateKey: createKey("private", extractable, shown, privateUsages, handle),
  };
}

function secretAlgorithm(algorithm, entry) {
  const { name } = algorithm;
  if (entry.family === "AES") {
    if (algorithm.length === undefined) throw missingField("length");
    const length = +algorithm.length;
    if (!ArrayPrototypeIncludes(AES_BITS, length)) {
      throw domError("OperationError", `Generated AES key length must be 128, 192, or 256 bits but requested ${length}.`);
    }
    return { name, length };
  }
  const hash = hashOf(algorithm);
  const length = algorithm.length === undefined ? ops.hashBlockBits(hash) : +algorithm.length;
  if (!(length > 0)) throw domError("OperationError", "HMAC key length must be a non-zero value.");
  return { name, hash: { name: hash }, length };
}

const MAX_MODULUS_BITS = 16384;

function rsaParameters(algorithm) {
  hashOf(algorithm);
  if (algorithm.modulusLength === undefined) throw missingField("modulusLength");
  const bits = +algorithm.modulusLength;
  const exponent = bytesOf(algorithm, "publicExponent");
  if (!(bits >= 256 && bits <= MAX_MODULUS_BITS)) {
    throw domError("OperationError", `The modulus length must be between 256 bits and 16k, not ${bits}.`);
  }
  if (bits % 128 !== 0) {
    throw domError("OperationError", "Can't generate key: RSA key size is required to be a multiple of 128");
  }
  const power = ops.smallNumber(exponent);
  if (power !== 3 && power !== 65537) {
    throw domError("OperationError", `The "publicExponent" must be either 3 or 65537, but got ${power}.`);
  }
  return [bits, exponent];
}

const kCreate = { __proto__: null };
let checkSubtle;

class SubtleCrypto {
  #brand;
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  static {
    checkSubtle = (value) => {
      if (!isObject(value) || !(#brand in value)) throw illegalInvocation();
    };
  }

  encrypt(algorithm, key, data) {
    checkSubtle(this);
    return crypt("encrypt", true, algorithm, key, data);
  }
  decrypt(algorithm, key, data) {
    checkSubtle(this);
    return crypt("decrypt", false, algorithm, key, data);
  }
  sign(algorithm, key, data) {
    checkSubtle(this);
    return (async () => {
      const wanted = algorithmArgument("sign", 1, algorithm);
      const object = keyArgument("sign", 2, key);
      const bytes = bufferArgument("sign", 3, data);
      return buffer(await sign(wanted, keyFor(object, wanted.name, "sign"), bytes));
    })();
  }
  verify(algorithm, key, signature, data) {
    checkSubtle(this);
    return (async () => {
      const wanted = algorithmArgument("verify", 1, algorithm);
      const object = keyArgument("verify", 2, key);
      const given = bufferArgument("verify", 3, signature);
      const bytes = bufferArgument("verify", 4, data);
      return verify(wanted, keyFor(object, wanted.name, "verify"), given, bytes);
    })();
  }
  digest(algorithm, data) {
    checkSubtle(this);
    return digest(algorithm, data);
  }
  generateKey(algorithm, extractable, usages) {
    checkSubtle(this);
    return (async () => {
      const wanted = algorithmArgument("generateKey", 1, algorithm);
      return generateKey(wanted, !!extractable, usagesArgument("generateKey", 3, usages));
    })();
  }
  deriveKey(algorithm, baseKey, derivedKeyAlgorithm, extractable, usages) {
    checkSubtle(this);
    return (async () => {
      const wanted = algorithmArgument("deriveKey", 1, algorithm);
      const object = keyArgument("deriveKey", 2, baseKey);
      const derived = toAlgorithm(
        derivedKeyAlgorithm,
        "ImportKeyAlgorithm",
        () => argumentError("SubtleCrypto", "deriveKey", 3, "string or ImportKeyAlgorithm"),
      );
      const list = usagesArgument("deriveKey", 5, usages);
      const key = keyFor(object, wanted.name, "deriveKey");
      const bits = await deriveBits(wanted, key, keyLength(derived));
      return importKey("raw", bits, derived, !!extractable, list);
    })();
  }
  deriveBits(algorithm, baseKey, length) {
    checkSubtle(this);
    return (async () => {
      const wanted = algorithmArgument("deriveBits", 1, algorithm);
      const object = keyArgument("deriveBits", 2, baseKey);
      const bits = length === undefined || length === null ? null : +length;
      if (bits !== null && (NumberIsNaN(bits) || bits < 0 || bits > 0xffffffff)) {
        throw new TypeError("deriveBits length must be an unsigned long integer.");
      }
      return buffer(await deriveBits(wanted, keyFor(object, wanted.name, "deriveBits"), bits));
    })();
  }
  importKey(format, data, algorithm, extractable, usages) {
    checkSubtle(this);
    return (async () => {
      format = toDOMString(format);
      const wanted = algorithmArgument("importKey", 3, algorithm);
      const list = usagesArgument("importKey", 5, usages);
      return importKey(format, keyData(format, data), wanted, !!extractable, list);
    })();
  }
  exportKey(format, key) {
    checkSubtle(this);
    return (async () => {
      format = toDOMString(format);
      return exportKey(format, exportable(keyArgument("exportKey", 2, key)));
    })();
  }
  wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    checkSubtle(this);
    return (async () => {
      format = toDOMString(format);
      const object = keyArgument("wrapKey", 2, key);
      const wrapping = keyArgument("wrapKey", 3, wrappingKey);
      const wanted = algorithmArgument("wrapKey", 4, wrapAlgorithm);
      const holder = keyFor(wrapping, wanted.name, "wrapKey");
      const exported = exportKey(format, exportable(object));
      const bytes = format === "jwk" ? encodeUtf8(JSONStringify(exported)) : new Uint8Array(exported);
      return buffer(await wrap(wanted, holder, bytes));
    })();
  }
  unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, keyAlgorithm, extractable, usages) {
    checkSubtle(this);
    return (async () => {
      format = toDOMString(format);
      const wrapped = bufferArgument("unwrapKey", 2, wrappedKey);
      const object = keyArgument("unwrapKey", 3, unwrappingKey);
      const wanted = algorithmArgument("unwrapKey", 4, unwrapAlgorithm);
      const inner = toAlgorithm(
        keyAlgorithm,
        "ImportKeyAlgorithm",
        () => argumentError("SubtleCrypto", "unwrapKey", 5, "string or ImportKeyAlgorithm"),
      );
      const list = usagesArgument("unwrapKey", 7, usages);
      const bytes = await unwrap(wanted, keyFor(object, wanted.name, "unwrapKey"), wrapped);
      return importKey(format, format === "jwk" ? parseJwk(bytes) : bytes, inner, !!extractable, list);
    })();
  }

  timingSafeEqual(a, b) {
    checkSubtle(this);
    const left = bufferArgument("timingSafeEqual", 1, a);
    const right = bufferArgument("timingSafeEqual", 2, b);
    if (byteLengthOf(left) !== byteLengthOf(right)) throw new TypeError("Input buffers must have the same byte length.");
    return ops.equal(left, right);
  }
}

async function crypt(method, encrypt, algorithm, key, data) {
  const wanted = algorithmArgument(method, 1, algorithm);
  const object = keyArgument(method, 2, key);
  const bytes = bufferArgument(method, 3, data);
  return buffer(await cipher(encrypt, wanted, keyFor(object, wanted.name, method), bytes));
}

async function digest(algorithm, data) {
  const { name } = algorithmArgument("digest", 1, algorithm);
  const bytes = bufferArgument("digest", 2, data);
  if (!ops.isHash(name)) {
    throw domError("NotSupportedError", "Unrecognized or unimplemented digest algorithm requested.");
  }
  if (byteLengthOf(bytes) <= INLINE_BYTES || !ops.inEvent()) return ops.digest(name, bytes);
  return buffer(await ops.digestLong(name, bytes));
}

function exportable(object) {
  const key = keyOf(object);
  if (!key.extractable) {
    throw domError("InvalidAccessError", `Attempt to export non-extractable ${key.algorithm.name} key.`);
  }
  return key;
}

// Wrapping.

const wrap = (algorithm, key, bytes) =>
  algorithm.name === "AES-KW" ? keyWrap(true, key, bytes) : cipher(true, algorithm, key, bytes);

const unwrap = (algorithm, key, bytes) =>
  algorithm.name === "AES-KW" ? keyWrap(false, key, bytes) : cipher(false, algorithm, key, bytes);

async function keyWrap(wrapping, key, bytes) {
  const bits = byteLengthOf(bytes) * 8;
  if (wrapping && bits % 64 !== 0) {
    throw domError(
      "OperationError",
      `Unwrapped key bit length must be a multiple of 64 bits but unwrapped key has a length of ${bits} bits.`,
    );
  }
  if (!wrapping && bits % 64 !== 0) {
    throw domError(
      "OperationError",
      `Provided a wrapped key to unwrap that is ${bits} bits which isn't a multiple of 64 bits.`,
    );
  }
  try {
    return ops.keyWrap(wrapping, key.handle, bytes);
  } catch {
    throw domError("OperationError", `AES-KW key ${wrapping ? "wrapping" : "unwrapping"} failed`);
  }
}

function parseJwk(bytes) {
  let jwk;
  try {
    jwk = JSONParse(decodeUtf8(bytes));
  } catch {
    jwk = undefined;
  }
  if (!isObject(jwk) || jwk.kty === undefined) {
    throw domError("DataError", 'Missing "kty" field or corrupt JSON unwrapping key?');
  }
  return jwk;
}

defineInterface(SubtleCrypto);

exports.SubtleCrypto = SubtleCrypto;
exports.subtle = new SubtleCrypto(kCreate);
exports.globals = { SubtleCrypto };
