/*
 * Keys in and out: raw bytes, PKCS #8 and SubjectPublicKeyInfo; JSON Web Keys are in `crypto/jwk`.
 * SubtleCrypto uses it, with checks in the order of the published runtime; relies on the ops over native keys.
 */

const {
  ArrayPrototypeIncludes,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
} = primordials;
const flags = require("flags");
const { byteLengthOf } = require("encoding");
const { algorithms, curveOf, domError, hashOf, hashByName, required } = require("crypto/algorithms");
const { checkUsages, createKey, keyOf } = require("crypto/keys");
const { pairJwk, readPair, readSecret, secretJwk } = require("crypto/jwk");

const dataError = (message) => domError("DataError", message);
const badFormat = (format) => domError("NotSupportedError", `Unrecognized key import format "${format}".`);
const noUsages = () => domError("SyntaxError", "Secret/private CryptoKeys must have at least one usage.");

/** The formats that say what kind of key the bytes are; they come with a flag. */
const MODERN = ["raw-public", "raw-secret", "raw-seed", "raw-private"];

function checkFormat(format) {
  if (ArrayPrototypeIncludes(MODERN, format) && !flags.webCryptoModernAlgorithms) {
    throw domError("NotSupportedError", `Key format "${format}" requires the webcrypto_modern_algorithms flag.`);
  }
}

/** A key of `data`: bytes, or a JSON Web Key read by `toJwk`. */
function importKey(format, data, isJwk, algorithm, extractable, usages) {
  checkFormat(format);
  if (format === "jwk") {
    if (!isJwk) throw new TypeError('Import data provided for "jwk" import format must be a JsonWebKey.');
    if (data.ext === false && extractable) {
      throw dataError(`JWK ext field for "${algorithm.name}" is set to false but extractable is true`);
    }
  } else {
    if (!ArrayPrototypeIncludes(["raw", "pkcs8", "spki"], format) && !ArrayPrototypeIncludes(MODERN, format))
      throw badFormat(format);
    if (isJwk) throw new TypeError("Import data provided for buffer-based import formats must be a buffer source.");
  }
  const entry = algorithms[algorithm.canonical];
  if (entry === undefined) {
    throw domError("NotSupportedError", `Unrecognized key import algorithm "${algorithm.name}" requested.`);
  }
  const key =
    entry.secret === undefined
      ? importPair(format, data, algorithm, extractable, usages)
      : importSecret(format, data, algorithm, extractable, usages);
  const { type, usages: list } = keyOf(key);
  if (type !== "public" && list.length === 0) throw noUsages();
  return key;
}

// Secrets.

const AES_BITS = [128, 192, 256];

const isRawSecret = (format) => format === "raw" || format === "raw-secret";
const copyOf = (view) => ops.asUint8Array(view);

function importSecret(format, data, algorithm, extractable, usages) {
  const name = algorithm.canonical;
  const { family, secret } = algorithms[name];
  const list = checkUsages(usages, secret, "import secret", name);
  if (family === "KDF") {
    if (extractable) throw domError("SyntaxError", `${name} key cannot be extractable.`);
    if (!isRawSecret(format)) {
      const end = name === "HKDF" ? "" : ".";
      throw domError("NotSupportedError", `${name} key must be imported in "raw" format (requested "${format}")${end}`);
    }
    return createKey("secret", false, { name }, list, copyOf(data));
  }
  return (family === "AES" ? importAes : importHmac)(format, data, algorithm, extractable, usages, list);
}

function importAes(format, data, algorithm, extractable, usages, list) {
  const name = algorithm.canonical;
  let bytes;
  if (isRawSecret(format)) bytes = copyOf(data);
  else if (format === "jwk") bytes = readSecret(data, name, null, usages);
  else throw badFormat(format);
  const length = TypedArrayPrototypeGetLength(bytes) * 8;
  if (!ArrayPrototypeIncludes(AES_BITS, length)) {
    throw dataError(`Imported AES key length must be 128, 192, or 256 bits but provided ${length}.`);
  }
  return createKey("secret", extractable, { name, length }, list, bytes);
}

function importHmac(format, data, algorithm, extractable, usages, list) {
  const name = algorithm.canonical;
  const hash = required(algorithm, "hash");
  let bytes;
  if (isRawSecret(format)) bytes = copyOf(data);
  else if (format === "jwk") bytes = readSecret(data, name, hash, usages);
  else throw badFormat(format);
  const bits = TypedArrayPrototypeGetLength(bytes) * 8;
  const { length = bits } = algorithm;
  if (length === 0 || length > bits || length <= bits - 8) {
    throw dataError(
      `Imported HMAC key length (${length}) must be a non-zero value up to 7 bits less than, and no greater than, the ` +
        `bit length of the raw key data (${bits}).`,
    );
  }
  clearSpareBits(bytes, length);
  return createKey("secret", extractable, { name, hash: { name: hashByName(hash) }, length: length & 0xffff }, list, bytes);
}

/** Zeroes the bits of the last byte that are beyond `length`. */
function clearSpareBits(bytes, length) {
  if (length % 8 !== 0) bytes[bytes.length - 1] &= 0xff00 >> (length % 8);
}

// Key pairs.

/** An older name of Ed25519, which wants a curve of the same name. */
const NODE_ED25519 = "NODE-ED25519";

function checkNodeCurve(algorithm) {
  const curve = required(algorithm, "namedCurve");
  if (curve !== NODE_ED25519) throw domError("NotSupportedError", `EDDSA curve "${curve}" isn't supported.`);
}

/** What the ops call the kind of key that an algorithm has. */
function kindOf(algorithm) {
  const name = algorithm.canonical;
  const { family } = algorithms[name];
  if (name === NODE_ED25519) checkNodeCurve(algorithm);
  return family === "RSA" ? "RSA" : family === "EC" ? curveOf(algorithm) : name === "X25519" ? name : "Ed25519";
}

function importPair(format, data, algorithm, extractable, usages) {
  const name = algorithm.canonical;
  const { family } = algorithms[name];
  // RSA-RAW takes numbers as they are.
  const hash = family === "RSA" && name !== "RSA-RAW" ? hashOf(algorithm) : undefined;
  const kind = kindOf(algorithm);
  const isRaw = format === "raw" || format === "raw-public";
  if ((isRaw && family === "RSA") || !(isRaw || format === "jwk" || format === "spki" || format === "pkcs8"))
    throw badFormat(format);
  const type = format === "pkcs8" || (format === "jwk" && data.d !== undefined) ? "private" : "public";
  // Encodings are read before usages are looked at, parts of other formats after.
  const encoded = format === "spki" || format === "pkcs8" ? readEncoded(format, data) : undefined;
  const list = checkUsages(usages, publicUsages(name, type, format), `import ${type}`, name);
  let handle = encoded;
  if (format === "jwk") handle = readPair(data, name, kind, hash, usages, extractable);
  else if (isRaw) {
    handle = ops.importKey("raw", kind, [data]);
    if (handle === null) throw dataError(rawError(kind, data));
  }
  if (name === "RSA-RAW" && type !== "private")
    throw dataError(`RSA-RAW only supports private keys but requested "${type}".`);
  checkKind(handle, algorithm, kind);
  return createKey(type, extractable, pairAlgorithm(algorithm, handle, hash), list, handle);
}

/** Before `strict_crypto_checks`, public ECDH keys might have the uses of private ones. */
function publicUsages(name, type, format) {
  if (name === "ECDH" && type === "public" && format !== "spki" && !flags.strictCrypto) return algorithms.ECDH.private;
  return algorithms[name][type];
}

function readEncoded(format, data) {
  const handle = ops.importKey(format, "any", [data]);
  const words = format === "spki" ? "SPKI" : "PKCS8";
  if (handle === null) throw dataError(`Invalid ${words} input.`);
  // A number is how many bytes follow the key.
  if (typeof handle === "number") throw dataError(`Invalid ${handle} trailing bytes after ${words} input.`);
  return handle;
}

function checkKind(handle, algorithm, kind) {
  const found = ops.keyKind(handle);
  const { canonical } = algorithm;
  switch (algorithms[canonical].family) {
    case "RSA":
      if (found !== "RSA") throw dataError("Input was not an RSA key.");
      return;
    case "EC": {
      if (found === "Ed25519" || found === "X25519" || found === "RSA" || found === "") {
        throw dataError(canonical === "ECDSA" ? "Input was not an EC key." : "Input was not an EC public key nor a DH key.");
      }
      const comma = canonical === "ECDSA" ? "" : ",";
      if (found !== kind) {
        throw dataError(
          `"algorithm.namedCurve" "${algorithm.namedCurve}"${comma} does not match the curve specified by the input key data.`,
        );
      }
      return;
    }
    default:
      // The published runtime takes any key here and fails when it is used.
      if (found !== kind) throw dataError(`Input was not an ${kind} key.`);
  }
}

const POINT_BYTES = { __proto__: null, "P-256": 32, "P-384": 48, "P-521": 66 };

function rawError(kind, data) {
  const length = byteLengthOf(data);
  if (kind === "Ed25519" || kind === "X25519") return `${kind} raw keys must be exactly 32-bytes (provided ${length}).`;
  const size = POINT_BYTES[kind];
  const form = length === 0 ? 0 : copyOf(data)[0];
  const why =
    length === 0
      ? ""
      : form === 4 && length === 2 * size + 1
        ? ": Point is not on curve."
        : (form === 2 || form === 3) && length === size + 1
          ? ": Invalid compressed point."
          : ": Invalid point encoding.";
  return `Failed to import raw EC key data${why}.`;
}

const EXPONENTS = [3, 17, 37, 65537];

/** What the public property `algorithm` says of a native key. */
function pairAlgorithm(algorithm, handle, hash) {
  const name = algorithm.canonical;
  switch (algorithms[name].family) {
    case "RSA": {
      const { 0: modulus, 1: exponent } = ops.exportKey("public numbers", handle);
      const modulusLength = ((ops.bitLength(modulus) + 7) >>> 3) * 8;
      checkModulus(modulusLength, flags.strictCrypto);
      const power = smallExponent(exponent);
      if (flags.strictCrypto && !ArrayPrototypeIncludes(EXPONENTS, power)) {
        throw domError("OperationError", `Imported RSA key has invalid publicExponent ${power}.`);
      }
      return rsaAlgorithm(name, modulusLength, exponent, hash);
    }
    case "EC":
      return { name, namedCurve: curveOf(algorithm) };
    default:
      return name === NODE_ED25519 ? { name, namedCurve: name } : { name };
  }
}

const rsaAlgorithm = (name, modulusLength, publicExponent, hash) => ({
  name,
  modulusLength,
  // Before `crypto_preserve_public_exponent` it was a plain buffer.
  publicExponent: flags.cryptoPreservePublicExponent ? publicExponent : TypedArrayPrototypeGetBuffer(publicExponent),
  hash: hash === undefined ? undefined : { name: hash },
});

function checkModulus(bits, strict) {
  if (!strict || (bits % 8 === 0 && bits >= 256 && bits <= 16384)) return;
  throw domError(
    "OperationError",
    `The modulus length must be a multiple of 8 and between 256 and 16k, but ${bits} was requested.`,
  );
}

function smallExponent(bytes) {
  const power = ops.smallNumber(bytes);
  if (power > 0xffffffff) {
    throw domError("OperationError", 'The "publicExponent" must be either 3 or 65537, but got a number larger than 2^32.');
  }
  return power;
}

// Export.

function exportKey(format, key) {
  const { family } = algorithms[key.algorithm.name];
  const isSecret = family === "AES" || family === "HMAC";
  if (format === "jwk") return isSecret ? secretJwk(key) : pairJwk(key);
  return TypedArrayPrototypeGetBuffer(isSecret ? secretRaw(format, key) : pairBytes(format, key));
}

function secretRaw(format, key) {
  if (!isRawSecret(format)) {
    throw domError(
      "NotSupportedError",
      key.algorithm.name === "HMAC"
        ? `Unimplemented key export format "${format}".`
        : `${key.algorithm.name} key only supports exporting "raw", "raw-secret" & "jwk", not "${format}".`,
    );
  }
  return TypedArrayPrototypeSlice(key.handle);
}

function pairBytes(format, key) {
  const { name } = key.algorithm;
  switch (format) {
    case "pkcs8":
    case "spki": {
      const wanted = format === "pkcs8" ? "private" : "public";
      if (key.type !== wanted) {
        throw domError("InvalidAccessError", `Asymmetric ${format} export requires ${wanted} key (not "${key.type}").`);
      }
      return ops.exportKey(format, key.handle)[0];
    }
    case "raw":
    case "raw-public":
      if (algorithms[name].family === "RSA") break;
      if (key.type !== "public") {
        throw domError(
          "InvalidAccessError",
          algorithms[name].family === "EC"
            ? "Raw export of elliptic curve keys is only allowed for public keys."
            : `Raw export of ${name} keys is only allowed for public keys.`,
        );
      }
      return ops.exportKey("raw", key.handle)[0];
  }
  throw domError("InvalidAccessError", `Cannot export "${name}" in "${format}" format.`);
}

exports.AES_BITS = AES_BITS;
exports.checkFormat = checkFormat;
exports.checkModulus = checkModulus;
exports.clearSpareBits = clearSpareBits;
exports.exportKey = exportKey;
exports.importKey = importKey;
exports.kindOf = kindOf;
exports.noUsages = noUsages;
exports.pairAlgorithm = pairAlgorithm;
exports.rsaAlgorithm = rsaAlgorithm;
exports.smallExponent = smallExponent;
