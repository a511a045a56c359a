/*
 * CryptoKey (Web Crypto section 13) and the algorithms' names, usages and argument checks. `crypto/subtle` and
 * `crypto/jwk` work on what `keyOf` lends: a secret's bytes or a native key, which nobody may change.
 */

const {
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ObjectDefineProperty,
  ReflectOwnKeys,
  StringPrototypeToUpperCase,
  TypeError,
} = primordials;
const { defineInterface, illegalConstructor, isObject, toDOMString } = require("webidl");
const { DOMException } = require("dom_exception");
const { toBytes } = require("encoding");

const domError = (name, message) => new DOMException(message, name);

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
  ECDSA: { __proto__: null, family: "EC", public: ["verify"], private: ["sign"] },
  ECDH: { __proto__: null, family: "EC", public: [], private: ["deriveKey", "deriveBits"] },
  Ed25519: { __proto__: null, family: "OKP", public: ["verify"], private: ["sign"] },
  "NODE-ED25519": { __proto__: null, family: "OKP", public: ["verify"], private: ["sign"] },
  X25519: { __proto__: null, family: "OKP", public: [], private: ["deriveKey", "deriveBits"] },
};

const byUpperCase = { __proto__: null };
for (const name of ReflectOwnKeys(algorithms)) byUpperCase[StringPrototypeToUpperCase(name)] = name;

/** The algorithm's name as the standard spells it, or as given where there is none of that name. */
const canonicalName = (name) => byUpperCase[StringPrototypeToUpperCase(name)] ?? name;

/** The members of each kind of algorithm argument, in the order that they are read. */
const dictionaries = {
  __proto__: null,
  HashAlgorithm: [],
  EncryptAlgorithm: ["iv", "additionalData", "tagLength", "counter", "length", "label"],
  SignAlgorithm: ["hash", "dataLength", "saltLength"],
  GenerateKeyAlgorithm: ["hash", "modulusLength", "publicExponent", "length", "namedCurve"],
  ImportKeyAlgorithm: ["hash", "length", "namedCurve", "compressed"],
  DeriveKeyAlgorithm: ["salt", "iterations", "hash", "public", "info"],
};

/**
 * An algorithm argument as an object whose `name` is canonical. Every member is read here, once: users' getters run
 * before anything is looked at that they might change.
 */
function toAlgorithm(algorithm, dictionary, error) {
  if (!isObject(algorithm)) {
    if (algorithm === undefined || algorithm === null) throw error();
    return { __proto__: null, name: canonicalName(toDOMString(algorithm)) };
  }
  const { name } = algorithm;
  if (name === undefined) throw error();
  const result = { __proto__: null, name: canonicalName(toDOMString(name)) };
  const members = dictionaries[dictionary];
  for (let i = 0; i < members.length; i++) {
    const value = algorithm[members[i]];
    if (value !== undefined) result[members[i]] = value;
  }
  return result;
}

const missingField = (field, dictionary = "algorithm") =>
  new TypeError(`Missing field "${field}" in "${dictionary}".`);

/** The name of the hash in a member `hash`. */
function hashOf(algorithm, dictionary) {
  const { hash } = algorithm;
  if (hash === undefined) throw missingField("hash", dictionary);
  const name = StringPrototypeToUpperCase(toDOMString(isObject(hash) ? hash.name : hash));
  if (!ops.isHash(name)) {
    throw domError("NotSupportedError", "Unrecognized or unimplemented digest algorithm requested.");
  }
  return name;
}

/** A member that holds bytes. */
function bytesOf(algorithm, field) {
  const value = algorithm[field];
  if (value === undefined) throw missingField(field);
  const bytes = isObject(value) ? toBytes(value) : undefined;
  if (bytes === undefined) {
    throw new TypeError(`Incorrect type for the '${field}' field on 'Algorithm': the provided value is not of type 'BufferSource'.`);
  }
  return bytes;
}

const CURVES = ["P-256", "P-384", "P-521"];

function curveOf(algorithm) {
  if (algorithm.namedCurve === undefined) throw missingField("namedCurve");
  const curve = StringPrototypeToUpperCase(toDOMString(algorithm.namedCurve));
  if (!ArrayPrototypeIncludes(CURVES, curve)) {
    throw domError("NotSupportedError", `Unrecognized or unimplemented EC curve "${algorithm.namedCurve}" requested.`);
  }
  return curve;
}

const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

/** The usages asked for, in the standard's order, each once; all must be among `allowed`. */
function checkUsages(usages, allowed, action, name) {
  for (let i = 0; i < usages.length; i++) {
    if (!ArrayPrototypeIncludes(allowed, usages[i])) {
      throw domError("SyntaxError", `Attempt to ${action} ${name} key with invalid usage "${usages[i]}".`);
    }
  }
  return among(usages, USAGES);
}

/** The members of `order` that are in `usages`. */
function among(usages, order) {
  const list = [];
  for (let i = 0; i < order.length; i++) {
    if (ArrayPrototypeIncludes(usages, order[i])) ArrayPrototypePush(list, order[i]);
  }
  return list;
}

const kCreate = { __proto__: null };
let keyOf;
let isKey;

class CryptoKey {
  #key;

  constructor(token, key) {
    if (token !== kCreate) throw illegalConstructor();
    this.#key = key;
    const fields = {
      __proto__: null,
      usages: ArrayPrototypeSlice(key.usages),
      algorithm: { ...key.algorithm },
      extractable: key.extractable,
      type: key.type,
    };
    if (key.algorithm.hash !== undefined) fields.algorithm.hash = { ...key.algorithm.hash };
    const names = ReflectOwnKeys(fields);
    for (let i = 0; i < names.length; i++) {
      ObjectDefineProperty(this, names[i], {
        __proto__: null,
        value: fields[names[i]],
        writable: false,
        enumerable: true,
        configurable: true,
      });
    }
  }

  static {
    keyOf = (object) => object.#key;
    isKey = (value) => isObject(value) && #key in value;
  }
}

defineInterface(CryptoKey);

/**
 * A key for users. `handle` is the bytes of a secret, or a native key; `algorithm` is what the property shows, by
 * which internal code goes too: the key's own copy is out of users' reach.
 */
const createKey = (type, extractable, algorithm, usages, handle) =>
  new CryptoKey(kCreate, { __proto__: null, type, extractable, algorithm, usages, handle });

/** Checks that a key is for this algorithm and use; returns what it holds. */
function keyFor(object, name, usage) {
  const key = keyOf(object);
  if (name !== key.algorithm.name) {
    throw domError(
      "InvalidAccessError",
      `Requested algorithm "${name}" does not match this CryptoKey's algorithm "${key.algorithm.name}".`,
    );
  }
  if (!ArrayPrototypeIncludes(key.usages, usage)) {
    throw domError(
      "InvalidAccessError",
      `Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`,
    );
  }
  return key;
}

exports.CryptoKey = CryptoKey;
exports.algorithms = algorithms;
exports.among = among;
exports.bytesOf = bytesOf;
exports.checkUsages = checkUsages;
exports.createKey = createKey;
exports.curveOf = curveOf;
exports.domError = domError;
exports.hashOf = hashOf;
exports.isKey = isKey;
exports.keyFor = keyFor;
exports.keyOf = keyOf;
exports.missingField = missingField;
exports.toAlgorithm = toAlgorithm;
exports.globals = { CryptoKey };
