/*
 * The arguments of SubtleCrypto: algorithms' names, the dictionaries that describe them, JSON Web Keys. Every member is
 * read here, once and in the order that the published runtime reads them: users' getters run before anything is
 * looked at that they might change. Relies on `webidl` and on `encoding` for buffers.
 */

const { ReflectOwnKeys, StringPrototypeToLowerCase, StringPrototypeToUpperCase, TypeError } = primordials;
const { elementError, fieldError, isObject, toArray, toDOMString, toInt32 } = require("webidl");
const { DOMException } = require("dom_exception");
const { toBufferSource } = require("encoding");

const domError = (name, message) => new DOMException(message, name);
const missingField = (field, dictionary = "algorithm") => new TypeError(`Missing field "${field}" in "${dictionary}".`);

/** What each algorithm's secret (or public and private) keys may be used for. */
const CIPHER = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
const algorithms = {
  __proto__: null,
  "AES-CTR": { __proto__: null, family: "AES", secret: CIPHER },
  "AES-CBC": { __proto__: null, family: "AES", secret: CIPHER },
  "AES-GCM": { __proto__: null, family: "AES", secret: CIPHER },
  "AES-KW": { __proto__: null, family: "AES", secret: ["wrapKey", "unwrapKey"] },
  HMAC: { __proto__: null, family: "HMAC", secret: ["sign", "verify"] },
  HKDF: { __proto__: null, family: "KDF", secret: ["deriveKey", "deriveBits"] },
  PBKDF2: { __proto__: null, family: "KDF", secret: ["deriveKey", "deriveBits"] },
  "RSASSA-PKCS1-v1_5": { __proto__: null, family: "RSA", public: ["verify"], private: ["sign"] },
  "RSA-PSS": { __proto__: null, family: "RSA", public: ["verify"], private: ["sign"] },
  "RSA-OAEP": { __proto__: null, family: "RSA", public: ["encrypt", "wrapKey"], private: ["decrypt", "unwrapKey"] },
  // The runtime's own: signs numbers as they are, for blind signatures. Its keys are imported only.
  "RSA-RAW": { __proto__: null, family: "RSA", public: ["verify"], private: ["sign"] },
  ECDSA: { __proto__: null, family: "EC", public: ["verify"], private: ["sign"] },
  ECDH: { __proto__: null, family: "EC", public: [], private: ["deriveKey", "deriveBits"] },
  Ed25519: { __proto__: null, family: "OKP", public: ["verify"], private: ["sign"] },
  "NODE-ED25519": { __proto__: null, family: "OKP", public: ["verify"], private: ["sign"] },
  X25519: { __proto__: null, family: "OKP", public: [], private: ["deriveKey", "deriveBits"] },
};

const byUpperCase = { __proto__: null };
for (let i = 0, names = ReflectOwnKeys(algorithms); i < names.length; i++) {
  const name = names[i];
  byUpperCase[StringPrototypeToUpperCase(name)] = name;
}

/** The algorithm's name as the standard spells it, or as given where there is none of that name. Case is ASCII's. */
function canonicalName(name) {
  const found = byUpperCase[StringPrototypeToUpperCase(name)];
  if (found === undefined || StringPrototypeToLowerCase(found) !== StringPrototypeToLowerCase(name)) return name;
  return found;
}

// Members of dictionaries: each converter takes a value that is there, the dictionary's name and the member's.

/** The published runtime names the dictionary as its compiler does. */
const absent = (dictionary) =>
  new TypeError(
    `Cannot initialize N7workerd3api12SubtleCrypto${dictionary.length}${dictionary}E with required members from an ` +
      "undefined or null value.",
  );

const bytes = (value, dictionary, member) => {
  const view = toBufferSource(value);
  if (view === undefined) throw fieldError(dictionary, member, "BufferSource");
  return view;
};
const hash = (value) => {
  if (isObject(value)) return toDOMString(value.name);
  if (value === null) throw absent("HashAlgorithm");
  return toDOMString(value);
};
const number = (value) => +value;
const boolean = (value) => !!value;
let isKey;
const key = (value, dictionary, member) => {
  if (!isKey(value)) throw fieldError(dictionary, member, "CryptoKey");
  return value;
};
const strings = (value, dictionary, member) => {
  const list = toArray(value, toDOMString);
  if (list === undefined) throw fieldError(dictionary, member, "Array");
  return list;
};
const otherPrimes = (value, dictionary, member) => {
  const list = toArray(value, (prime, index) => {
    if (prime !== undefined && prime !== null && !isObject(prime)) throw elementError(index, "RsaOtherPrimesInfo");
    return prime;
  });
  if (list === undefined) throw fieldError(dictionary, member, "Array");
  return list;
};

const dictionaries = {
  __proto__: null,
  HashAlgorithm: [],
  EncryptAlgorithm: [
    ["iv", bytes],
    ["additionalData", bytes],
    ["tagLength", number],
    ["counter", bytes],
    ["length", toInt32],
    ["label", bytes],
  ],
  SignAlgorithm: [
    ["hash", hash],
    ["dataLength", toInt32],
    ["saltLength", toInt32],
    ["context", bytes],
  ],
  GenerateKeyAlgorithm: [
    ["hash", hash],
    ["modulusLength", toInt32],
    ["publicExponent", bytes],
    ["length", toInt32],
    ["namedCurve", toDOMString],
  ],
  ImportKeyAlgorithm: [
    ["hash", hash],
    ["length", toInt32],
    ["namedCurve", toDOMString],
    ["compressed", boolean],
  ],
  DeriveKeyAlgorithm: [
    ["salt", bytes],
    ["iterations", toInt32],
    ["hash", hash],
    ["public", key],
    ["info", bytes],
  ],
};

const text = toDOMString;
const JWK_MEMBERS = [
  ["use", text],
  ["key_ops", strings],
  ["alg", text],
  ["ext", boolean],
  ["crv", text],
  ["x", text],
  ["y", text],
  ["d", text],
  ["n", text],
  ["e", text],
  ["p", text],
  ["q", text],
  ["dp", text],
  ["dq", text],
  ["qi", text],
  ["oth", otherPrimes],
  ["k", text],
  ["pub", text],
  ["priv", text],
];

function readMembers(result, object, members, dictionary) {
  for (let i = 0; i < members.length; i++) {
    const member = members[i][0];
    const value = object[member];
    if (value !== undefined) result[member] = members[i][1](value, dictionary, member);
  }
  return result;
}

/** An algorithm argument as an object with its `name` as given, and as the standard has it in `canonical`. */
function toAlgorithm(value, dictionary) {
  if (value === undefined || value === null) throw absent(dictionary);
  const name = toDOMString(isObject(value) ? value.name : value);
  const result = { __proto__: null, name, canonical: canonicalName(name) };
  return isObject(value) ? readMembers(result, value, dictionaries[dictionary], dictionary) : result;
}

/** A JSON Web Key; undefined for a value that cannot be one. */
function toJwk(value) {
  if (value === undefined || value === null) throw absent("JsonWebKey");
  if (!isObject(value)) return undefined;
  return readMembers({ __proto__: null, kty: toDOMString(value.kty) }, value, JWK_MEMBERS, "JsonWebKey");
}

const unknownHash = () => domError("NotSupportedError", "Unrecognized or unimplemented digest algorithm requested.");

/** The standard's spelling of a hash's name. */
function hashByName(name) {
  if (!ops.isHash(name)) throw unknownHash();
  return StringPrototypeToUpperCase(name);
}

/** A member that must be there. */
function required(algorithm, field, dictionary) {
  const value = algorithm[field];
  if (value === undefined) throw missingField(field, dictionary);
  return value;
}

/** The hash in a member `hash`. */
const hashOf = (algorithm, dictionary) => hashByName(required(algorithm, "hash", dictionary));

const CURVES = { __proto__: null, "P-256": "P-256", "P-384": "P-384", "P-521": "P-521" };

function curveOf(algorithm) {
  const given = required(algorithm, "namedCurve");
  const curve = CURVES[StringPrototypeToUpperCase(given)];
  if (curve === undefined) {
    throw domError("NotSupportedError", `Unrecognized or unimplemented EC curve "${given}" requested.`);
  }
  return curve;
}

exports.JWK_MEMBERS = JWK_MEMBERS;
exports.algorithms = algorithms;
exports.curveOf = curveOf;
exports.domError = domError;
exports.hashByName = hashByName;
exports.hashOf = hashOf;
exports.required = required;
exports.toAlgorithm = toAlgorithm;
exports.toJwk = toJwk;
exports.unknownHash = unknownHash;
/** Given by `crypto/keys`, which needs this module to define the class. */
exports.setIsKey = (test) => {
  isKey = test;
};
