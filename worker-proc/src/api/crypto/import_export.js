/*
 * Keys in and out: raw bytes, PKCS #8, SubjectPublicKeyInfo and JSON Web Keys (RFC 7517, 7518, 8037).
 * SubtleCrypto uses it; relies on `crypto/keys` and the ops over native keys.
 */

const {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  StringPrototypeSlice,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
} = primordials;
const { byteLengthOf } = require("encoding");
const { toDOMString } = require("webidl");
const { algorithms, checkUsages, createKey, curveOf, domError, hashOf, missingField } = require("crypto/keys");

// base64url, by way of the ops of `btoa` and `atob`.

const toBase64Url = (bytes) => ops.toBase64Url(bytes);
const fromBase64Url = (text) => (typeof text === "string" ? ops.fromBase64Url(text) : null);

const dataError = (message) => domError("DataError", message);

const badFormat = (format) => domError("NotSupportedError", `Unrecognized key import format "${format}".`);

/** Checks what a JSON Web Key says of its use against what is asked for. */
function checkJwk(jwk, name, usages, extractable, use) {
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
    throw dataError(`Asymmetric "jwk" key import with usages requires a JSON Web Key with Public Key Use parameter "use" ("${jwk.use}") equal to "${use}".`);
  }
  const { key_ops: operations } = jwk;
  if (operations !== undefined) {
    if (!ArrayIsArray(operations)) throw dataError("The key_ops of the JSON Web Key are no list.");
    for (let i = 0; i < operations.length; i++) {
      for (let j = 0; j < i; j++) {
        if (operations[i] === operations[j]) {
          throw dataError('A JSON Web Key\'s Key Operations parameter ("key_ops") must not contain duplicates.');
        }
      }
    }
    for (let i = 0; i < usages.length; i++) {
      if (!ArrayPrototypeIncludes(operations, usages[i])) {
        throw dataError("All specified key usages must be present in the JSON Web Key's Key Operations parameter (\"key_ops\").");
      }
    }
  }
  if (jwk.ext === false && extractable) {
    throw dataError("Cannot create an extractable CryptoKey from an unextractable JSON Web Key.");
  }
}

const checkType = (jwk, name, kty) => {
  if (jwk.kty !== kty) {
    throw dataError(`${name} "jwk" key import requires a JSON Web Key with Key Type parameter ("kty") equal to "${kty}" (encountered "${jwk.kty}").`);
  }
};

// Secrets.

const AES_BITS = [128, 192, 256];

function importSecret(format, data, algorithm, extractable, usages) {
  const { name } = algorithm;
  const { family, secret } = algorithms[name];
  const list = checkUsages(usages, secret, "import secret", name);
  if (family === "KDF") {
    if (extractable) throw domError("SyntaxError", `${name} key cannot be extractable.`);
    if (format !== "raw" && format !== "raw-secret") {
      throw domError("NotSupportedError", `${name} key must be imported in "raw" format (requested "${format}").`);
    }
    return createKey("secret", false, { name }, list, TypedArrayPrototypeSlice(asBytes(data)));
  }
  let bytes;
  if (format === "raw" || format === "raw-secret") {
    bytes = TypedArrayPrototypeSlice(asBytes(data));
  } else if (format === "jwk") {
    checkType(data, name, "oct");
    bytes = fromBase64Url(data.k);
    if (bytes === null) throw dataError(`Symmetric "jwk" key import requires a base64Url encoding of the key.`);
    checkJwk(data, name, list, extractable, family === "HMAC" ? "sig" : "enc");
  } else {
    throw badFormat(format);
  }
  const bits = TypedArrayPrototypeGetLength(bytes) * 8;
  if (family === "AES") {
    if (!ArrayPrototypeIncludes(AES_BITS, bits)) {
      throw dataError(`Imported AES key length must be 128, 192, or 256 bits but provided ${bits}.`);
    }
    checkAlg(data, format, aesAlg(name, bits));
    return createKey("secret", extractable, { name, length: bits }, list, bytes);
  }
  const hash = hashOf(algorithm);
  if (bits === 0) throw dataError("Imported HMAC key length must be a non-zero value.");
  const length = algorithm.length === undefined ? bits : +algorithm.length;
  if (length > bits || length <= bits - 8) {
    throw dataError(`Imported HMAC key length (${length}) does not fit the key's ${bits} bits.`);
  }
  checkAlg(data, format, hmacAlg(hash));
  return createKey("secret", extractable, { name, hash: { name: hash }, length }, list, bytes);
}

const aesAlg = (name, bits) => `A${bits}${StringPrototypeSlice(name, 4)}`;
const hmacAlg = (hash) => `HS${StringPrototypeSlice(hash, 4)}`;

function checkAlg(jwk, format, expected) {
  if (format !== "jwk" || jwk.alg === undefined || jwk.alg === expected) return;
  throw dataError(`Symmetric "jwk" key contains invalid "alg" value "${jwk.alg}", expected "${expected}".`);
}

const asBytes = (view) => ops.asUint8Array(view);

// Key pairs.

/** What the public property `algorithm` says of a native key. */
function pairAlgorithm(algorithm, handle) {
  const { name } = algorithm;
  switch (algorithms[name].family) {
    case "RSA": {
      const numbers = ops.exportKey("public numbers", handle);
      return {
        name,
        modulusLength: ops.bitLength(numbers[0]),
        publicExponent: numbers[1],
        hash: { name: hashOf(algorithm) },
      };
    }
    case "EC":
      return { name, namedCurve: curveOf(algorithm) };
    default:
      return name === NODE_ED25519 ? { name, namedCurve: nodeCurve(algorithm) } : { name };
  }
}

/** An older name of Ed25519, which wants a curve of the same name. */
const NODE_ED25519 = "NODE-ED25519";

function nodeCurve(algorithm) {
  const { namedCurve } = algorithm;
  if (namedCurve === undefined) throw missingField("namedCurve");
  if (namedCurve !== NODE_ED25519) throw domError("NotSupportedError", `EDDSA curve "${namedCurve}" isn't supported.`);
  return namedCurve;
}

const curveNameOf = (name) => (name === NODE_ED25519 ? "Ed25519" : name);

/** What the ops call the kind of key that an algorithm has. */
function kindOf(algorithm) {
  const { family } = algorithms[algorithm.name];
  if (algorithm.name === NODE_ED25519) nodeCurve(algorithm);
  return family === "RSA" ? "RSA" : family === "EC" ? curveOf(algorithm) : curveNameOf(algorithm.name);
}

function importPair(format, data, algorithm, extractable, usages) {
  const { name } = algorithm;
  const kind = kindOf(algorithm);
  const type = format === "pkcs8" || (format === "jwk" && data.d !== undefined) ? "private" : "public";
  const list = checkUsages(usages, algorithms[name][type], `import ${type}`, name);
  let handle;
  switch (format) {
    case "pkcs8":
    case "spki":
      handle = ops.importKey(format, kind, data);
      if (handle === null) throw dataError(`Invalid ${format === "spki" ? "SPKI" : "PKCS8"} input.`);
      break;
    case "raw":
    case "raw-public":
      if (kind === "RSA") throw badFormat(format);
      handle = ops.importKey("raw", kind, data);
      if (handle === null) throw dataError(rawError(kind, data));
      break;
    case "jwk":
      handle = importJwk(data, algorithm, kind, list, extractable);
      break;
    default:
      throw badFormat(format);
  }
  return createKey(type, extractable, pairAlgorithm(algorithm, handle), list, handle);
}

const rawError = (kind, data) =>
  kind === "Ed25519" || kind === "X25519"
    ? `${kind} raw keys must be exactly 32-bytes (provided ${byteLengthOf(data)}).`
    : "Failed to import raw EC key data";

const RSA_ALGS = [
  "RS1", "RS256", "RS384", "RS512", "PS1", "PS256", "PS384", "PS512",
  "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512",
];
const RSA_PUBLIC = ["n", "e"];
const RSA_PRIVATE = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

function importJwk(jwk, algorithm, kind, usages, extractable) {
  const { name } = algorithm;
  const { family } = algorithms[name];
  const use = name === "RSA-OAEP" || name === "ECDH" || name === "X25519" ? "enc" : "sig";
  checkType(jwk, name, family);
  checkJwk(jwk, name, usages, extractable, use);
  const isPrivate = jwk.d !== undefined;
  if (family === "RSA") {
    const expected = rsaAlg(name, hashOf(algorithm));
    if (jwk.alg !== undefined) {
      const alg = toDOMString(jwk.alg);
      if (!ArrayPrototypeIncludes(RSA_ALGS, alg)) {
        throw domError(
          "NotSupportedError",
          `Unrecognized or unimplemented algorithm "${alg}" listed in JSON Web Key Algorithm parameter.`,
        );
      }
      if (alg !== expected) {
        throw dataError(`JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested hash algorithm "${expected}".`);
      }
    }
    return imported("RSA", ops.importKey("numbers", kind, ...parts(jwk, isPrivate ? RSA_PRIVATE : RSA_PUBLIC, "RSA")));
  }
  if (family === "OKP" && jwk.crv !== kind) {
    throw domError("NotSupportedError", `Only ${kind} is supported but "${jwk.crv}" was requested.`);
  }
  if (jwk.crv !== kind) {
    throw dataError(`The JSON Web Key's curve "crv" ("${jwk.crv}") does not match requested curve "${kind}".`);
  }
  if (family === "EC") {
    const fields = isPrivate ? ["x", "y", "d"] : ["x", "y"];
    return imported("EC", ops.importKey("numbers", kind, ...parts(jwk, fields, "EC")));
  }
  const [bytes] = parts(jwk, [isPrivate ? "d" : "x"], name);
  return imported(name, ops.importKey(isPrivate ? "private" : "raw", kind, bytes));
}

function imported(what, handle) {
  if (handle === null) throw dataError(`Invalid ${what} key in JSON Web Key`);
  return handle;
}

function parts(jwk, fields, what) {
  const list = [];
  for (let i = 0; i < fields.length; i++) {
    list[i] = fromBase64Url(jwk[fields[i]]);
    if (list[i] === null) {
      throw dataError(`Invalid ${what} key in JSON Web Key; missing or invalid parameter ("${fields[i]}").`);
    }
  }
  return list;
}

function rsaAlg(name, hash) {
  const bits = StringPrototypeSlice(hash, 4);
  if (name === "RSA-PSS") return `PS${bits}`;
  if (name === "RSASSA-PKCS1-v1_5") return `RS${bits}`;
  return bits === "1" ? "RSA-OAEP" : `RSA-OAEP-${bits}`;
}

// Export.

function exportKey(format, key) {
  const { family } = algorithms[key.algorithm.name];
  if (format === "jwk") return family === "AES" || family === "HMAC" ? secretJwk(key) : pairJwk(key);
  return TypedArrayPrototypeGetBuffer(family === "AES" || family === "HMAC" ? secretRaw(format, key) : pairBytes(format, key));
}

function secretRaw(format, key) {
  if (format !== "raw" && format !== "raw-secret") {
    throw domError(
      "NotSupportedError",
      `${key.algorithm.name} key only supports exporting "raw", "raw-secret" & "jwk", not "${format}".`,
    );
  }
  return TypedArrayPrototypeSlice(key.handle);
}

/** In the order that the published runtime lists a JSON Web Key's members. */
const secretJwk = (key) => ({
  kty: "oct",
  key_ops: key.usages,
  alg: key.algorithm.name === "HMAC" ? hmacAlg(key.algorithm.hash.name) : aesAlg(key.algorithm.name, key.algorithm.length),
  ext: key.extractable,
  k: toBase64Url(key.handle),
});

function pairBytes(format, key) {
  const { name } = key.algorithm;
  switch (format) {
    case "pkcs8":
      if (key.type !== "private") {
        throw domError("InvalidAccessError", `Asymmetric pkcs8 export requires private key (not "${key.type}").`);
      }
      return ops.exportKey("pkcs8", key.handle)[0];
    case "spki":
      if (key.type !== "public") {
        throw domError("InvalidAccessError", `Asymmetric spki export requires public key (not "${key.type}").`);
      }
      return ops.exportKey("spki", key.handle)[0];
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
  throw domError("NotSupportedError", `Cannot export "${name}" in "${format}" format.`);
}

function pairJwk(key) {
  const { name } = key.algorithm;
  const { family } = algorithms[name];
  const isPrivate = key.type === "private";
  const jwk = { kty: family, key_ops: key.usages, ext: key.extractable };
  if (family === "RSA") {
    jwk.alg = rsaAlg(name, key.algorithm.hash.name);
    const fields = isPrivate ? RSA_PRIVATE : RSA_PUBLIC;
    const numbers = ops.exportKey(isPrivate ? "numbers" : "public numbers", key.handle);
    for (let i = 0; i < fields.length; i++) jwk[fields[i]] = toBase64Url(numbers[i]);
    return jwk;
  }
  if (family === "EC") {
    const [x, y, d] = ops.exportKey(isPrivate ? "numbers" : "public numbers", key.handle);
    jwk.crv = key.algorithm.namedCurve;
    jwk.x = toBase64Url(x);
    jwk.y = toBase64Url(y);
    if (isPrivate) jwk.d = toBase64Url(d);
    return jwk;
  }
  jwk.crv = curveNameOf(name);
  jwk.x = toBase64Url(ops.exportKey("raw", key.handle)[0]);
  if (isPrivate) jwk.d = toBase64Url(ops.exportKey("private", key.handle)[0]);
  return jwk;
}

exports.AES_BITS = AES_BITS;
exports.exportKey = exportKey;
exports.importPair = importPair;
exports.importSecret = importSecret;
exports.kindOf = kindOf;
exports.pairAlgorithm = pairAlgorithm;
