/*
 * CryptoKey (Web Crypto section 13) and the uses of keys. `crypto/subtle` and `crypto/import_export` work on what `keyOf`
 * lends: a secret's bytes or a native key, which nobody may change.
 */

const { ArrayPrototypeIncludes, ArrayPrototypePush, ArrayPrototypeSlice, ObjectDefineProperty, ReflectOwnKeys } =
  primordials;
const { defineInterface, illegalConstructor, isObject } = require("webidl");
const { domError, setIsKey } = require("crypto/algorithms");

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
    setIsKey(isKey);
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
function keyFor(object, algorithm, usage) {
  const key = keyOf(object);
  if (algorithm.canonical !== key.algorithm.name) {
    throw domError(
      "InvalidAccessError",
      `Requested algorithm "${algorithm.name}" does not match this CryptoKey's algorithm "${key.algorithm.name}".`,
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
exports.among = among;
exports.checkUsages = checkUsages;
exports.createKey = createKey;
exports.isKey = isKey;
exports.keyFor = keyFor;
exports.keyOf = keyOf;
exports.globals = { CryptoKey };
