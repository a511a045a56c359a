/*
 * SubtleCrypto (Web Crypto section 14). Arguments are converted and checked here, in the order and with the words of the
 * published runtime; the ops compute, long work off the event-loop thread. Relies on `crypto/keys` and
 * `crypto/import_export`.
 */

const {
  ArrayPrototypeIncludes,
  JSONParse,
  JSONStringify,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
  Uint8Array,
} = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject, toArray, toDOMString, toInt32 } =
  require("webidl");
const { byteLengthOf, decodeUtf8KeepingBom, encodeUtf8, toBufferSource } = require("encoding");
const { algorithms, domError, hashOf, hashByName, required, toAlgorithm, toJwk, unknownHash } = require("crypto/algorithms");
const { checkJson } = require("memory_limit");
const { among, checkUsages, createKey, isKey, keyFor, keyOf } = require("crypto/keys");
const {
  AES_BITS,
  checkFormat,
  checkModulus,
  clearSpareBits,
  exportKey,
  importKey,
  kindOf,
  noUsages,
  pairAlgorithm,
  rsaAlgorithm,
  smallExponent,
} = require("crypto/import_export");

// Arguments.

function bufferArgument(method, index, value) {
  const bytes = toBufferSource(value);
  if (bytes === undefined) throw argumentError("SubtleCrypto", method, index, "BufferSource");
  return bytes;
}

function keyArgument(method, index, value) {
  if (!isKey(value)) throw argumentError("SubtleCrypto", method, index, "CryptoKey");
  return value;
}

function usagesArgument(method, index, value) {
  const usages = toArray(value, toDOMString);
  if (usages === undefined) throw argumentError("SubtleCrypto", method, index, "Array");
  return usages;
}

/** The first argument of a method, an algorithm. */
function algorithmArgument(method, dictionary, given) {
  if (given.length < 1) throw argumentError("SubtleCrypto", method, 1, `string or ${dictionary}`);
  return toAlgorithm(given[0], dictionary);
}

/** The first argument of a method, a format. */
function formatArgument(method, given) {
  if (given.length < 1) throw argumentError("SubtleCrypto", method, 1, "string");
  return toDOMString(given[0]);
}

const buffer = TypedArrayPrototypeGetBuffer;

const noBytes = () => new Uint8Array(0);

// Ciphers.

async function cipher(encrypt, algorithm, key, data) {
  const name = algorithm.canonical;
  switch (name) {
    case "AES-CBC": {
      const iv = required(algorithm, "iv");
      if (byteLengthOf(iv) !== 16) {
        const unit = encrypt ? " bytes" : "";
        throw operationError(`AES-CBC IV must be 16 bytes long (provided ${byteLengthOf(iv)}${unit}).`);
      }
      return aes(encrypt, name, key, data, iv, noBytes(), 0);
    }
    case "AES-CTR": {
      const { counter, length } = algorithm;
      if (counter === undefined) throw missingMember("counter");
      if (byteLengthOf(counter) !== 16) {
        throw operationError(`Counter must have length of 16 bytes (provided ${byteLengthOf(counter)}).`);
      }
      if (length === undefined) throw missingMember("length");
      if (length < 1 || length > 128) throw operationError(`Invalid counter of ${length} bits length provided.`);
      if (length < 48 && byteLengthOf(data) > 16 * 2 ** length) throw operationError("Counter block values will repeat.");
      return aes(encrypt, name, key, data, counter, noBytes(), length);
    }
    case "AES-GCM": {
      const iv = required(algorithm, "iv");
      if (byteLengthOf(iv) === 0) throw operationError("AES-GCM IV must not be empty.");
      const tagBits = tagLengthOf(algorithm);
      const bits = byteLengthOf(data) * 8;
      if (!encrypt && bits < tagBits) {
        throw operationError(
          `Ciphertext length of ${bits} bits must be greater than or equal to the size of the AES-GCM tag length of ${tagBits} bits.`,
        );
      }
      return aes(encrypt, name, key, data, iv, algorithm.additionalData ?? noBytes(), tagBits / 8);
    }
    case "RSA-OAEP":
      return oaep(encrypt, algorithm, key, data);
    default:
      throw domError(
        "NotSupportedError",
        `The ${encrypt ? "encrypt" : "decrypt"} operation is not implemented for "${name}".`,
      );
  }
}

const operationError = (message) => domError("OperationError", message);
const missingMember = (member) => new TypeError(`Missing "${member}" member in "algorithm".`);

const TAG_BITS = [32, 64, 96, 104, 112, 120, 128];

function tagLengthOf({ tagLength = 128 }) {
  if (tagLength > 2147483647 && tagLength < Infinity) throw new TypeError("AES-GCM tagLength is outside the integer range.");
  const bits = toInt32(tagLength);
  if (!ArrayPrototypeIncludes(TAG_BITS, bits)) throw operationError(`Invalid AES-GCM tag length ${bits}.`);
  return bits;
}

async function aes(encrypt, name, key, data, iv, additional, number) {
  try {
    return await ops.aes(name, encrypt, key.handle, data, iv, additional, number);
  } catch (error) {
    if (encrypt || name === "AES-CTR") throw error;
    const length = byteLengthOf(data) - (name === "AES-GCM" ? number : 0);
    // The last block of CBC comes out only if its padding is right.
    const expected = name === "AES-GCM" ? length : length === 0 ? 0 : length - (length % 16 || 16);
    throw operationError(
      "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, or " +
        `another algorithm-specific reason. Input length was ${length}, output length expected to be ${expected} for ${name}`,
    );
  }
}

async function oaep(encrypt, algorithm, key, data) {
  if (key.type !== (encrypt ? "public" : "private")) {
    throw domError(
      "InvalidAccessError",
      encrypt
        ? `Encryption/key wrapping only works with public keys, not "${key.type}".`
        : `Decryption/key unwrapping only works with private keys, not "${key.type}".`,
    );
  }
  const { hash, modulusLength } = key.algorithm;
  try {
    return await ops.oaep(key.handle, data, encrypt, hash.name, algorithm.label ?? noBytes());
  } catch {
    const size = modulusLength / 8;
    const why = encrypt
      ? size < 2 * HASH_BYTES[hash.name] + 2
        ? ": RSA key size is too small."
        : ""
      : byteLengthOf(data) === size
        ? ""
        : ": Invalid RSA signature.";
    throw operationError(`RSA-OAEP failed encrypt/decrypt${why}.`);
  }
}

const HASH_BYTES = { __proto__: null, MD5: 16, "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };

// Signatures.

async function sign(algorithm, key, data) {
  const { name, hash } = key.algorithm;
  if (name === "HMAC") return ops.hmac(hash.name, key.handle, data);
  if (name === "RSA-RAW") return signRaw(key, data);
  if (key.type !== "private") throw domError("InvalidAccessError", "Asymmetric signing requires a private key.");
  const scheme = schemeOf(algorithm, key, true);
  return ops.sign(key.handle, data, scheme.name, scheme.hash, scheme.detail);
}

async function signRaw(key, data) {
  const size = key.algorithm.modulusLength / 8;
  const length = byteLengthOf(data);
  if (length > size) {
    throw domError(
      "DataError",
      `Blind Signing requires presigned data (${length} bytes) to be smaller than the key (${size} bytes).`,
    );
  }
  if (length < size) throw operationError("Invalid RSA signature.");
  try {
    return await ops.sign(key.handle, data, "RSA-RAW", "", 0);
  } catch {
    throw domError(
      "DataError",
      "Blind Signing requires presigned data value to be strictly smaller than RSA keymodulus, consider using a larger key size.",
    );
  }
}

async function verify(algorithm, key, signature, data) {
  if (key.algorithm.name === "HMAC") {
    // What the caller does to the signature from here on changes nothing.
    const given = ops.asUint8Array(signature);
    const expected = await ops.hmac(key.algorithm.hash.name, key.handle, data);
    return ops.equal(expected, given);
  }
  if (key.type !== "public") throw domError("InvalidAccessError", "Asymmetric verification requires a public key.");
  const { name, hash, detail } = schemeOf(algorithm, key, false);
  if (name === "Ed25519" && byteLengthOf(signature) !== 64) {
    throw operationError(`Invalid ${key.algorithm.name} signature length ${byteLengthOf(signature)}`);
  }
  return await ops.verify(key.handle, data, name, hash, detail, signature);
}

/** What the sign and verify ops are told of an algorithm. */
function schemeOf(algorithm, key, signs) {
  const { name, hash, modulusLength, namedCurve } = key.algorithm;
  switch (name) {
    case "RSASSA-PKCS1-v1_5": {
      const needed = HASH_BYTES[hash.name] + 32;
      if (signs && modulusLength / 8 < needed) {
        throw operationError(`key too small for signing with given digest, need at least ${8 * needed}bits.`);
      }
      return { __proto__: null, name, hash: hash.name, detail: 0 };
    }
    case "RSA-PSS": {
      const { saltLength } = algorithm;
      if (saltLength === undefined) {
        const message = "Failed to provide salt for RSA-PSS key operation which requires a salt";
        throw signs ? domError("DataError", message) : new TypeError(message);
      }
      if (saltLength < 0) {
        throw domError("DataError", `SaltLength for RSA-PSS must be non-negative (provided ${saltLength}).`);
      }
      const room = modulusLength / 8 - HASH_BYTES[hash.name] - 2;
      if (signs && room < 0) throw operationError("key too small for signing with given digest");
      if (signs && saltLength > room) throw operationError("key too small for signing with given digest and salt length");
      return { __proto__: null, name, hash: hash.name, detail: saltLength };
    }
    case "ECDSA":
      if (algorithm.hash === undefined) {
        throw new TypeError(
          'Missing "hash" in AlgorithmIdentifier. (ECDSA requires that the hash algorithm be specified at call time rather ' +
            "than on the key. This differs from other WebCrypto algorithms for historical reasons.)",
        );
      }
      return { __proto__: null, name, hash: hashByName(algorithm.hash), detail: namedCurve };
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
  const name = algorithm.canonical;
  if (name === "ECDH" || name === "X25519") return deriveShared(algorithm, key, length);
  if (name !== "HKDF" && name !== "PBKDF2") {
    throw domError("NotSupportedError", `The deriveBits operation is not implemented for "${name}".`);
  }
  const hash = hashOf(algorithm);
  const salt = required(algorithm, "salt");
  if (name === "HKDF") {
    const info = required(algorithm, "info");
    const bytes = wholeBytes(name, length);
    if (bytes > 255 * HASH_BYTES[hash]) throw operationError("HKDF deriveBits failed.");
    return ops.hkdf(hash, key.handle, salt, info, bytes);
  }
  const iterations = required(algorithm, "iterations");
  const bytes = wholeBytes(name, length);
  if (iterations < 1) throw operationError(`PBKDF2 requires a positive iteration count (requested ${iterations}).`);
  if (bytes > 255 * HASH_BYTES[hash]) {
    throw operationError("Pbkdf2 failed: derived key length exceeds maximum for this hash");
  }
  return ops.pbkdf2(hash, key.handle, salt, iterations, bytes);
}

function wholeBytes(name, length) {
  if (length === null) throw operationError(`${name} cannot derive a key with null length.`);
  if (length % 8 !== 0) {
    throw operationError(`${name} requires a derived key length that is a multiple of eight (requested ${length}).`);
  }
  return length / 8;
}

/** Keys of one shape of `algorithm` property; a peer of another is told apart first. */
const shapeOf = ({ hash, length, modulusLength, namedCurve }) =>
  hash ? (modulusLength ? 1 : 2) : namedCurve ? 3 : modulusLength ? 1 : length ? 4 : 5;

async function deriveShared(algorithm, key, length) {
  const { name, namedCurve } = key.algorithm;
  if (key.type !== "private") {
    throw domError("InvalidAccessError", `The deriveBits operation is only valid for a private key, not "${key.type}".`);
  }
  const peer = keyOf(required(algorithm, "public", "derivedKeyParams"));
  if (peer.type !== "public") {
    throw domError("InvalidAccessError", `The provided key has type "${peer.type}", not "public"`);
  }
  const peerName = peer.algorithm.name;
  if (shapeOf(peer.algorithm) !== shapeOf(key.algorithm)) {
    throw domError(
      "InvalidAccessError",
      `Base ${name} private key cannot be used to derive a key from a peer ${peerName} public key`,
    );
  }
  if (peerName !== name) {
    throw domError(
      "InvalidAccessError",
      `Private key for derivation is using "${name}" while public key is using "${peerName}".`,
    );
  }
  if (peer.algorithm.namedCurve !== namedCurve) {
    throw domError(
      "InvalidAccessError",
      `Private key for derivation is using curve "${namedCurve}" while public key is using "${peer.algorithm.namedCurve}".`,
    );
  }
  let secret;
  try {
    secret = await ops.derive(key.handle, peer.handle);
  } catch {
    throw operationError(
      name === "X25519"
        ? "Failed to derive EDDH key: public key routines INVALID_PEER_KEY."
        : "Failed to generate shared ECDH secret.",
    );
  }
  if (length === null) return secret;
  const available = TypedArrayPrototypeGetLength(secret) * 8;
  if (length > available) {
    throw operationError(`Derived key length (${length} bits) is too long (should be at most ${available} bits).`);
  }
  const bits = TypedArrayPrototypeSlice(secret, 0, (length + 7) >>> 3);
  clearSpareBits(bits, length);
  return bits;
}

/** How many bits a key to be derived takes; null for as many as there are. */
function keyLength(algorithm) {
  const { family } = algorithms[algorithm.canonical] ?? { __proto__: null };
  const { length } = algorithm;
  if (family === "KDF") return null;
  if (family !== "AES" && family !== "HMAC") {
    throw domError("NotSupportedError", `Unrecognized derived key type "${algorithm.name}" requested.`);
  }
  if (family === "AES") {
    required(algorithm, "length", "derivedKeyParams");
    if (!ArrayPrototypeIncludes(AES_BITS, length)) {
      throw operationError(`Derived AES key must be 128, 192, or 256 bits in length but provided ${length}.`);
    }
    return length;
  }
  if (length === undefined) return ops.hashBlockBits(hashOf(algorithm, "derivedKeyParams"));
  if (length <= 0) throw new TypeError("HMAC key length must be a non-zero unsigned long integer.");
  return length;
}

// Keys.

async function generateKey(algorithm, extractable, usages) {
  const name = algorithm.canonical;
  const entry = algorithms[name];
  if (entry === undefined || entry.family === "KDF" || name === "RSA-RAW") {
    throw domError("NotSupportedError", `Unrecognized key generation algorithm "${algorithm.name}" requested.`);
  }
  if (entry.secret !== undefined) return generateSecret(algorithm, entry, extractable, usages);
  const allowed = [];
  for (let i = 0; i < entry.public.length; i++) allowed[allowed.length] = entry.public[i];
  for (let i = 0; i < entry.private.length; i++) allowed[allowed.length] = entry.private[i];
  let bits = 0;
  let exponent = noBytes();
  let hash;
  if (entry.family === "RSA") {
    exponent = TypedArrayPrototypeSlice(ops.asUint8Array(required(algorithm, "publicExponent")));
    required(algorithm, "hash");
    bits = required(algorithm, "modulusLength");
    if (bits <= 0) throw operationError(`modulusLength must be greater than zero (requested ${bits}).`);
    hash = hashOf(algorithm);
  }
  const list = checkUsages(usages, allowed, "generate", name);
  if (entry.family === "RSA") checkRsa(bits, exponent);
  const kind = kindOf(algorithm);
  const privateUsages = among(list, entry.private);
  if (privateUsages.length === 0) {
    throw domError("SyntaxError", "Attempt to generate asymmetric keys with no valid private key usages.");
  }
  const handle = await ops.generatePair(kind, bits, exponent);
  const shown = entry.family === "RSA" ? rsaAlgorithm(name, bits, exponent, hash) : pairAlgorithm(algorithm, handle);
  return {
    publicKey: createKey("public", true, shown, among(list, entry.public), handle),
    privateKey: createKey("private", extractable, shown, privateUsages, handle),
  };
}

function generateSecret(algorithm, entry, extractable, usages) {
  const name = algorithm.canonical;
  const hash = entry.family === "HMAC" ? hashOf(algorithm) : undefined;
  const list = checkUsages(usages, entry.secret, "generate", name);
  let { length } = algorithm;
  if (hash === undefined) {
    required(algorithm, "length");
    if (!ArrayPrototypeIncludes(AES_BITS, length)) {
      throw operationError(`Generated AES key length must be 128, 192, or 256 bits but requested ${length}.`);
    }
  } else {
    if (length === undefined) length = ops.hashBlockBits(hash);
    if (length <= 0) {
      throw operationError(`HMAC key length must be a non-zero unsigned long integer (requested ${length}).`);
    }
  }
  if (list.length === 0) throw noUsages();
  const bytes = ops.randomBytes((length + 7) >>> 3);
  clearSpareBits(bytes, length);
  // The published runtime shows 16 bits of it.
  const shown = hash === undefined ? { name, length } : { name, hash: { name: hash }, length: length & 0xffff };
  return createKey("secret", extractable, shown, list, bytes);
}

function checkRsa(bits, exponent) {
  checkModulus(bits, true);
  const power = smallExponent(exponent);
  if (power !== 3 && power !== 65537) {
    throw operationError(`The "publicExponent" must be either 3 or 65537, but got ${power}.`);
  }
  if (flags.strictCrypto && bits % 128 !== 0) {
    throw operationError("Can't generate key: RSA key size is required to be a multiple of 128");
  }
  if (bits < 512) throw operationError("RSA key size is too small.");
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
    return crypt("encrypt", true, arguments);
  }
  decrypt(algorithm, key, data) {
    checkSubtle(this);
    return crypt("decrypt", false, arguments);
  }
  sign(algorithm, key, data) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      const wanted = algorithmArgument("sign", "SignAlgorithm", given);
      const object = keyArgument("sign", 2, key);
      const bytes = bufferArgument("sign", 3, data);
      return buffer(await sign(wanted, keyFor(object, wanted, "sign"), bytes));
    })();
  }
  verify(algorithm, key, signature, data) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      const wanted = algorithmArgument("verify", "SignAlgorithm", given);
      const object = keyArgument("verify", 2, key);
      const claim = bufferArgument("verify", 3, signature);
      const bytes = bufferArgument("verify", 4, data);
      return verify(wanted, keyFor(object, wanted, "verify"), claim, bytes);
    })();
  }
  digest(algorithm, data) {
    checkSubtle(this);
    return digest(arguments);
  }
  generateKey(algorithm, extractable, usages) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      const wanted = algorithmArgument("generateKey", "GenerateKeyAlgorithm", given);
      return generateKey(wanted, !!extractable, usagesArgument("generateKey", 3, usages));
    })();
  }
  deriveKey(algorithm, baseKey, derivedKeyAlgorithm, extractable, usages) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      const wanted = algorithmArgument("deriveKey", "DeriveKeyAlgorithm", given);
      const object = keyArgument("deriveKey", 2, baseKey);
      const derived = toAlgorithm(derivedKeyAlgorithm, "ImportKeyAlgorithm");
      const list = usagesArgument("deriveKey", 5, usages);
      const key = keyFor(object, wanted, "deriveKey");
      const bits = await deriveBits(wanted, key, keyLength(derived));
      return importKey("raw", bits, false, derived, !!extractable, list);
    })();
  }
  deriveBits(algorithm, baseKey, length) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      const wanted = algorithmArgument("deriveBits", "DeriveKeyAlgorithm", given);
      const object = keyArgument("deriveBits", 2, baseKey);
      const bits = length === undefined || length === null ? null : toInt32(length);
      if (bits < 0) {
        throw new TypeError("deriveBits length must be an unsigned long integer.");
      }
      return buffer(await deriveBits(wanted, keyFor(object, wanted, "deriveBits"), bits));
    })();
  }
  importKey(format, data, algorithm, extractable, usages) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      format = formatArgument("importKey", given);
      const bytes = toBufferSource(data);
      const jwk = bytes === undefined ? toJwk(data) : undefined;
      if (bytes === undefined && jwk === undefined) {
        throw argumentError("SubtleCrypto", "importKey", 2, "BufferSource or JsonWebKey");
      }
      const wanted = toAlgorithm(algorithm, "ImportKeyAlgorithm");
      const list = usagesArgument("importKey", 5, usages);
      return importKey(format, bytes ?? jwk, bytes === undefined, wanted, !!extractable, list);
    })();
  }
  exportKey(format, key) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      format = formatArgument("exportKey", given);
      return exportKey(format, exportable(format, keyArgument("exportKey", 2, key)));
    })();
  }
  wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      format = formatArgument("wrapKey", given);
      const object = keyArgument("wrapKey", 2, key);
      const wrapping = keyArgument("wrapKey", 3, wrappingKey);
      const wanted = toAlgorithm(wrapAlgorithm, "EncryptAlgorithm");
      const holder = keyFor(wrapping, wanted, "wrapKey");
      const exported = exportKey(format, exportable(format, object));
      const bytes = format === "jwk" ? encodeUtf8(JSONStringify(exported)) : new Uint8Array(exported);
      return buffer(await wrap(wanted, holder, bytes));
    })();
  }
  unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, keyAlgorithm, extractable, usages) {
    checkSubtle(this);
    const given = arguments;
    return (async () => {
      format = formatArgument("unwrapKey", given);
      const wrapped = bufferArgument("unwrapKey", 2, wrappedKey);
      const object = keyArgument("unwrapKey", 3, unwrappingKey);
      const wanted = toAlgorithm(unwrapAlgorithm, "EncryptAlgorithm");
      const inner = toAlgorithm(keyAlgorithm, "ImportKeyAlgorithm");
      const list = usagesArgument("unwrapKey", 7, usages);
      const bytes = await unwrap(wanted, keyFor(object, wanted, "unwrapKey"), wrapped);
      const isJwk = format === "jwk";
      return importKey(format, isJwk ? parseJwk(bytes) : bytes, isJwk, inner, !!extractable, list);
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

async function crypt(method, encrypt, given) {
  const wanted = algorithmArgument(method, "EncryptAlgorithm", given);
  const key = given[1];
  const data = given[2];
  const object = keyArgument(method, 2, key);
  const bytes = bufferArgument(method, 3, data);
  return buffer(await cipher(encrypt, wanted, keyFor(object, wanted, method), bytes));
}

async function digest(given) {
  const { name } = algorithmArgument("digest", "HashAlgorithm", given);
  const data = given[1];
  const bytes = bufferArgument("digest", 2, data);
  if (!ops.isHash(name)) throw unknownHash();
  if (!ops.isLong(byteLengthOf(bytes)) || !ops.inEvent()) return ops.digest(name, bytes);
  return buffer(await ops.digestLong(name, bytes));
}

function exportable(format, object) {
  const key = keyOf(object);
  checkFormat(format);
  if (!key.extractable) {
    throw domError("InvalidAccessError", `Attempt to export non-extractable ${key.algorithm.name} key.`);
  }
  return key;
}

// Wrapping.

const wrap = (algorithm, key, bytes) =>
  algorithm.canonical === "AES-KW" ? keyWrap(key, bytes) : cipher(true, algorithm, key, bytes);

const unwrap = (algorithm, key, bytes) =>
  algorithm.canonical === "AES-KW" ? keyUnwrap(key, bytes) : cipher(false, algorithm, key, bytes);

async function keyWrap(key, bytes) {
  const length = byteLengthOf(bytes);
  if (length % 8 !== 0) {
    throw operationError(
      `Unwrapped key bit length must be a multiple of 64 bits but unwrapped key has a length of ${length * 8} bits.`,
    );
  }
  if (length < 16) {
    throw operationError(
      `Unwrapped key has length ${length} bytes but it should be greater than or equal to 16 and less than or equal to ` +
        "18446744073709551607",
    );
  }
  return ops.keyWrap(true, key.handle, bytes);
}

async function keyUnwrap(key, bytes) {
  const bits = byteLengthOf(bytes) * 8;
  if (bits % 64 !== 0) {
    throw operationError(`Provided a wrapped key to unwrap that is ${bits} bits which isn't a multiple of 64 bits.`);
  }
  if (bits < 192) {
    throw operationError(
      `Provided a wrapped key to unwrap this is ${bits} bits that is less than the minimal length of 192 bits.`,
    );
  }
  try {
    return await ops.keyWrap(false, key.handle, bytes);
  } catch {
    throw operationError("AES-KW key unwrapping failed.");
  }
}

function parseJwk(bytes) {
  const text = decodeUtf8KeepingBom(bytes);
  checkJson(text);
  const jwk = toJwk(JSONParse(text));
  if (jwk === undefined) throw domError("DataError", 'Missing "kty" field or corrupt JSON unwrapping key?');
  return jwk;
}

defineInterface(SubtleCrypto);

exports.SubtleCrypto = SubtleCrypto;
exports.subtle = new SubtleCrypto(kCreate);
exports.globals = { SubtleCrypto };
