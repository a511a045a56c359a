/*
 * JSON Web Keys (RFC 7517, 7518, 8037) as keys and back. `crypto/import_export` uses it, with keys that
 * `crypto/algorithms` has read; checks come in the order of the published runtime, with its words.
 */

const {
  ArrayPrototypeIncludes,
  ArrayPrototypeSlice,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
} = primordials;
const flags = require("flags");
const { JWK_MEMBERS, algorithms, domError } = require("crypto/algorithms");

const unknownAlgorithm = (alg) =>
  `Unrecognized or unimplemented algorithm "${alg}" listed in JSON Web Key Algorithm parameter.`;

const dataError = (message) => domError("DataError", message);

/** Both alphabets of base64 are taken. */
const decode = (text) =>
  text === undefined
    ? null
    : ops.fromBase64Url(StringPrototypeReplaceAll(StringPrototypeReplaceAll(text, "+", "-"), "/", "_"));

/** The bytes of a member; what `message` says where it is absent or no base64url. */
function part(jwk, member, message) {
  const bytes = decode(jwk[member]);
  if (bytes === null) throw dataError(message);
  return bytes;
}

function duplicateIn(list) {
  for (let i = 0; i < list.length; i++) {
    for (let j = 0; j < i; j++) if (list[i] === list[j]) return list[i];
  }
  return undefined;
}

// Secrets.

const aesAlg = (name, bits) => `A${bits}${StringPrototypeSlice(name, 4)}`;

/** The bytes of a secret; `hash` is as the caller wrote it, or null for a cipher. */
const readSecret = (jwk, name, hash, usages) => (hash === null ? readAes(jwk, name, usages) : readHmac(jwk, hash));

function readAes(jwk, name, usages) {
  if (jwk.kty !== "oct") {
    throw dataError(
      `Symmetric "jwk" key import requires a JSON Web Key with Key Type parameter "kty" equal to "oct" (encountered "${jwk.kty}").`,
    );
  }
  const bytes = part(jwk, "k", 'Symmetric "jwk" key import requires a base64Url encoding of the key.');
  const bits = bytes.length * 8;
  const { alg, use, key_ops: operations } = jwk;
  // The caller tells of a wrong length, before anything else is looked at.
  if (bits !== 128 && bits !== 192 && bits !== 256) return bytes;
  if (alg !== undefined && alg !== aesAlg(name, bits)) {
    throw dataError(`Symmetric "jwk" key contains invalid "alg" value "${alg}", expected "${aesAlg(name, bits)}".`);
  }
  if (usages.length > 0 && use !== undefined && use !== "enc") {
    throw dataError(`Symmetric "jwk" key must have a "use" of "enc", not "${use}".`);
  }
  if (operations !== undefined) {
    const duplicate = duplicateIn(operations);
    if (duplicate !== undefined) {
      throw dataError(`Symmetric "jwk" key contains duplicate value "${duplicate}", in "key_op".`);
    }
    for (let i = 0; i < usages.length; i++) {
      if (!ArrayPrototypeIncludes(operations, usages[i])) {
        throw dataError(`"jwk" key missing usage "${usages[i]}", in "key_ops".`);
      }
    }
  }
  return bytes;
}

function readHmac(jwk, hash) {
  if (jwk.kty !== "oct") {
    throw dataError(
      `HMAC "jwk" key import requires a JSON Web Key with Key Type parameter ("kty") equal to "oct" (encountered "${jwk.kty}").`,
    );
  }
  const bytes = part(jwk, "k", 'HMAC "jwk" key import requires a base64Url encoding of the key');
  const { alg } = jwk;
  if (alg === undefined) return bytes;
  if (!StringPrototypeStartsWith(hash, "SHA-")) {
    throw domError("NotSupportedError", `Unrecognized or unimplemented hash algorithm requested${alg}`);
  }
  const expected = `HS${StringPrototypeSlice(hash, 4)}`;
  if (alg !== expected) {
    throw dataError(
      'HMAC "jwk" key import specifies "alg" that is incompatible with the hash name ' +
        `(encountered "${alg}", expected "${expected}").`,
    );
  }
  return bytes;
}

// Key pairs.

/** What a key for this algorithm says it is for, and the operations that go with that. */
function useOf(name) {
  if (name === "RSA-OAEP") return ["enc", "encrypt", "wrapKey"];
  return name === "ECDH" || name === "X25519" ? ["enc", "unused", "unused"] : ["sig", "sign", "verify"];
}

const CONSISTENT =
  'A JSON Web Key should have either a Public Key Use parameter ("use") or a Key Operations parameter ("key_ops"); ' +
  "otherwise, the parameters must be consistent with each other. ";

function checkUse(jwk, name, usages) {
  const { use, key_ops: operations } = jwk;
  const { 0: expected, 1: first, 2: second } = useOf(name);
  if (usages.length > 0 && use !== undefined && use !== expected) {
    // The published runtime says "sig" whatever it expects.
    throw dataError(
      `Asymmetric "jwk" key import with usages requires a JSON Web Key with Public Key Use parameter "use" ("${use}") equal to "sig".`,
    );
  }
  if (operations === undefined) return;
  if (duplicateIn(operations) !== undefined) {
    throw dataError('A JSON Web Key\'s Key Operations parameter ("key_ops") must not contain duplicates.');
  }
  if (use !== undefined) {
    if (use !== expected) {
      throw dataError(
        `Asymmetric "jwk" import requires a JSON Web Key with Public Key Use "use" ("${use}") equal to "${expected}".`,
      );
    }
    for (let i = 0; i < operations.length; i++) {
      if (first === "unused") {
        throw dataError(
          `${CONSISTENT}For public ${name} keys, there are no valid usages,so keys with a non-empty "key_ops" parameter are not allowed.`,
        );
      }
      if (operations[i] !== first && operations[i] !== second) {
        throw dataError(
          `${CONSISTENT}A Public Key Use for ${name} would allow a Key Operations array with only "${first}" and/or ` +
            `"${second}" values (not "${operations[i]}").`,
        );
      }
    }
  }
  for (let i = 0; i < usages.length; i++) {
    if (!ArrayPrototypeIncludes(operations, usages[i])) {
      throw dataError(
        'All specified key usages must be present in the JSON Web Key\'s Key Operations parameter ("key_ops").',
      );
    }
  }
}

/** A native key of the kind; `hash` is the standard's name, for RSA. */
function readPair(jwk, name, kind, hash, usages, extractable) {
  if (jwk.d !== undefined && jwk.oth !== undefined) {
    throw domError("NotSupportedError", "Multi-prime private keys not supported.");
  }
  checkUse(jwk, name, usages);
  if (jwk.ext === false && extractable) {
    throw dataError("Cannot create an extractable CryptoKey from an unextractable JSON Web Key.");
  }
  if (kind === "RSA") return readRsa(jwk, name, hash);
  return kind === "Ed25519" || kind === "X25519" ? readOkp(jwk, kind) : readEc(jwk, name, kind);
}

const RSA_HASHES = {
  __proto__: null,
  RS1: "SHA-1",
  RS256: "SHA-256",
  RS384: "SHA-384",
  RS512: "SHA-512",
  PS1: "SHA-1",
  PS256: "SHA-256",
  PS384: "SHA-384",
  PS512: "SHA-512",
  "RSA-OAEP": "SHA-1",
  "RSA-OAEP-256": "SHA-256",
  "RSA-OAEP-384": "SHA-384",
  "RSA-OAEP-512": "SHA-512",
};

const RSA_PARTS = [
  ["p", "First Prime Factor"],
  ["q", "Second Prime Factor"],
  ["dp", "First Factor CRT Exponent"],
  ["dq", "Second Factor CRT Exponent"],
  ["qi", "First CRT Coefficient"],
];

function readRsa(jwk, name, hash) {
  const { alg } = jwk;
  const isRaw = name === "RSA-RAW";
  if (jwk.kty !== "RSA") {
    throw dataError(
      `${isRaw ? name : "RSASSA-PKCS1-v1_5"} "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "RSA".`,
    );
  }
  if (alg !== undefined) {
    const known = RSA_HASHES[alg];
    if (known === undefined || (isRaw && !StringPrototypeStartsWith(alg, "RS"))) {
      throw domError("NotSupportedError", unknownAlgorithm(alg));
    }
    if (!isRaw && known !== hash) {
      throw dataError(`JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested hash algorithm "${alg}".`);
    }
  }
  const words = (what, member) => `Invalid RSA key in JSON Web Key; missing or invalid ${what} parameter ("${member}").`;
  const numbers = [part(jwk, "n", words("Modulus", "n")), part(jwk, "e", words("Exponent", "e"))];
  if (jwk.d !== undefined) {
    numbers[2] = part(jwk, "d", words("Private Exponent", "d"));
    let present = 0;
    for (let i = 0; i < RSA_PARTS.length; i++) if (jwk[RSA_PARTS[i][0]] !== undefined) present++;
    if (present !== 0 && present !== RSA_PARTS.length) {
      throw dataError(
        "Invalid RSA private key in JSON Web Key; if one Prime Factor or CRT Exponent/Coefficient parameter is present, then " +
          'they must all be present ("p", "q", "dp", "dq", "qi").',
      );
    }
    for (let i = 0; present !== 0 && i < RSA_PARTS.length; i++) {
      const { 0: member, 1: what } = RSA_PARTS[i];
      numbers[i + 3] = part(jwk, member, `Invalid RSA key in JSON Web Key; invalid ${what} parameter ("${member}").`);
    }
  }
  return imported("RSA", ops.importKey("numbers", "RSA", numbers));
}

function readOkp(jwk, kind) {
  const { kty, crv, alg } = jwk;
  if (kty !== "OKP") {
    throw dataError(
      `${kind} "jwk" key imports requires a JSON Web Key with Key Type parameter "kty" ("${kty}") equal to "OKP".`,
    );
  }
  if (crv === undefined) throw dataError(`Missing field "crv" for ${kind} key.`);
  if (crv !== kind) throw domError("NotSupportedError", `Only ${kind} is supported but "${crv}" was requested.`);
  if (kind === "Ed25519" && alg !== undefined && alg !== "EdDSA") {
    throw dataError(`JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested Ed25519 curve.`);
  }
  const x = part(jwk, "x", `Invalid ${kind} key in JSON WebKey; missing or invalid public key component ("x").`);
  if (x.length !== 32) throw dataError(`Invalid length ${x.length} for public key`);
  if (jwk.d === undefined) return imported(kind, ops.importKey("raw", kind, [x]));
  const d = part(jwk, "d", `Invalid ${kind} key in JSON Web Key; missing or invalid private key component ("d").`);
  if (d.length !== 32) throw dataError(`Invalid length ${d.length} for private key`);
  return imported(kind, ops.importKey("private", kind, [d]));
}

const EC_CURVES = { __proto__: null, ES256: "P-256", ES384: "P-384", ES512: "P-521" };

function readEc(jwk, name, kind) {
  const { kty, alg } = jwk;
  if (kty !== "EC") {
    throw dataError(
      `Elliptic curve "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ("${kty}") equal to "EC".`,
    );
  }
  if (name === "ECDSA" && alg !== undefined) {
    if (EC_CURVES[alg] === undefined) {
      throw domError("NotSupportedError", unknownAlgorithm(alg));
    }
    if (EC_CURVES[alg] !== kind) {
      throw dataError(`JSON Web Key Algorithm parameter "alg" ("${alg}") does not match requested curve.`);
    }
  }
  const numbers = [
    part(jwk, "x", 'Invalid EC key in JSON Web Key; missing "x".'),
    part(jwk, "y", 'Invalid EC key in JSON Web Key; missing "y".'),
  ];
  if (jwk.d !== undefined) {
    numbers[2] = part(jwk, "d", 'Invalid EC key in JSON Web Key; missing or invalid private key component ("d").');
  }
  if (ops.importKey("numbers", kind, [numbers[0], numbers[1]]) === null) {
    throw domError(
      "OperationError",
      'Invalid EC key; public key coordinates "x" and "y" are invalid: Point is not on curve..',
    );
  }
  if (numbers.length > 2 && ops.importKey("scalar", kind, [numbers[2]]) === null) {
    throw domError("OperationError", 'Invalid EC key; private key component "d" is invalid.');
  }
  return imported("EC", ops.importKey("numbers", kind, numbers));
}

function imported(what, handle) {
  if (handle === null) throw dataError(`Invalid ${what} key in JSON Web Key.`);
  return handle;
}

// Export.

/** In the order of the published runtime; with `fast_jsg_struct` members that are not there are undefined. */
function shown(jwk) {
  const result = { kty: jwk.kty };
  for (let i = 0; i < JWK_MEMBERS.length; i++) {
    const member = JWK_MEMBERS[i][0];
    if (jwk[member] !== undefined || flags.fastJsgStruct) result[member] = jwk[member];
  }
  return result;
}

const toBase64Url = (bytes) => ops.toBase64Url(bytes);

function secretJwk(key) {
  const { name, length, hash } = key.algorithm;
  if (name === "HMAC" && !StringPrototypeStartsWith(hash.name, "SHA-")) {
    throw domError("NotSupportedError", `Unimplemented JWK key export format for key algorithm "${hash.name}".`);
  }
  return shown({
    __proto__: null,
    kty: "oct",
    key_ops: ArrayPrototypeSlice(key.usages),
    alg: name === "HMAC" ? `HS${StringPrototypeSlice(hash.name, 4)}` : aesAlg(name, length),
    ext: true,
    k: toBase64Url(key.handle),
  });
}

function rsaAlg(name, hash) {
  if (name === "RSA-RAW") return undefined;
  if (!StringPrototypeStartsWith(hash, "SHA")) {
    throw domError("NotSupportedError", `JWK export not supported for hash algorithm "${hash}".`);
  }
  const bits = StringPrototypeSlice(hash, 4);
  if (name === "RSA-PSS") return `PS${bits}`;
  if (name === "RSASSA-PKCS1-v1_5") return `RS${bits}`;
  return bits === "1" ? "RSA-OAEP" : `RSA-OAEP-${bits}`;
}

const RSA_PUBLIC = ["n", "e"];
const RSA_PRIVATE = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

function pairJwk(key) {
  const { name, namedCurve, hash } = key.algorithm;
  const { family } = algorithms[name];
  const isPrivate = key.type === "private";
  const jwk = { __proto__: null, kty: family, key_ops: ArrayPrototypeSlice(key.usages), ext: true };
  const numbers = () => ops.exportKey(isPrivate ? "numbers" : "public numbers", key.handle);
  if (family === "RSA") {
    jwk.alg = rsaAlg(name, hash?.name);
    const fields = isPrivate ? RSA_PRIVATE : RSA_PUBLIC;
    const values = numbers();
    for (let i = 0; i < fields.length; i++) jwk[fields[i]] = toBase64Url(values[i]);
  } else if (family === "EC") {
    const { 0: x, 1: y, 2: d } = numbers();
    jwk.crv = namedCurve;
    jwk.x = toBase64Url(x);
    jwk.y = toBase64Url(y);
    if (isPrivate) jwk.d = toBase64Url(d);
  } else {
    jwk.crv = name === "X25519" ? name : "Ed25519";
    if (name === "Ed25519") jwk.alg = "EdDSA";
    jwk.x = toBase64Url(ops.exportKey("raw", key.handle)[0]);
    if (isPrivate) jwk.d = toBase64Url(ops.exportKey("private", key.handle)[0]);
  }
  return shown(jwk);
}

exports.pairJwk = pairJwk;
exports.readPair = readPair;
exports.readSecret = readSecret;
exports.secretJwk = secretJwk;
