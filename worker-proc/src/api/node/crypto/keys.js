/*
 * KeyObject of node:crypto: secret, public and private keys, whose bytes scripts see only by `export`.
 */

// own: bytes, handle (Buffers)
const {
  ArrayPrototypeIncludes,
  BigInt,
  Error,
  ObjectAssign,
  ReflectApply,
  SafeMap,
  Symbol,
  SymbolFor,
  SymbolToStringTag,
  TypeError,
  Uint8Array,
} = primordials;
const { inspect } = require("console/inspect");
const { Buffer } = require("node:buffer");
const { importKey } = require("crypto/import_export");
const { isKey, keyOf } = require("crypto/keys");
const { toAlgorithm } = require("crypto/algorithms");
const { ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS, ERR_INVALID_ARG_TYPE } = require("node/common/errors");
const { isKeyObject, markKeyObject } = require("node/common/key_mark");
const { setLength } = require("node/common/unsupported");
const { validateObject, validateOneOf } = require("node/common/validators");
const { asBuffer, isBytes, toBytes, viewOf } = require("node/crypto/util");

const kCreate = Symbol("kCreate");
const kInspect = SymbolFor("nodejs.util.inspect.custom");
const KEY_TYPES = ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView", "Object"];
const CURVES = new SafeMap([
  ["P-224", "secp224r1"],
  ["P-256", "prime256v1"],
  ["P-384", "secp384r1"],
  ["P-521", "secp521r1"],
]);
const TYPES = new SafeMap([
  ["RSA", "rsa"],
  ["Ed25519", "ed25519"],
  ["X25519", "x25519"],
  ["dh", "dh"],
  // Of kinds that Web Crypto has not, libcrypto reads this one.
  ["", "dsa"],
]);

let keyIn;
function inEncoding(array, encoding) {
  const bytes = asBuffer(array);
  return bytes.toString(encoding);
}
const base64url = (array) => inEncoding(array, "base64url");

class KeyObject {
  #key;

  constructor(mark, key) {
    if (mark !== kCreate) throw new Error("Illegal constructor");
    this.#key = key;
    markKeyObject(this);
  }

  static {
    keyIn = (object) => object.#key;
  }

  /** The key of Web Crypto as one of node:crypto. */
  static from(key) {
    if (!isKey(key)) throw new ERR_INVALID_ARG_TYPE("key", "CryptoKey", key);
    const { type, handle, algorithm, extractable, usages } = keyOf(key);
    return make({ type, handle: type === "secret" ? asBuffer(handle) : handle, algorithm, extractable, usages });
  }

  export(options = {}) {
    return exportKey(this, options);
  }

  equals(other) {
    if (this === other) return true;
    if (!isKeyObject(other) || other.type !== this.type) return false;
    return ops.compareBytes(identity(this), identity(other)) === 0;
  }

  toCryptoKey(algorithm, extractable, usages) {
    const format = { secret: "raw", public: "spki", private: "pkcs8" }[this.type];
    const bytes = this.type === "secret" ? this.#key.handle : written(this, format, false, "", Buffer.alloc(0));
    const wanted = toAlgorithm(algorithm, "ImportKeyAlgorithm");
    return importKey(format, new Uint8Array(bytes), false, wanted, extractable, usages);
  }

  get [SymbolToStringTag]() {
    return "KeyObject";
  }
}

/** How a key is shown: its class, and what may be known of it. */
function shown(key, facts, depth, options) {
  if (depth < 0) return key;
  const { depth: most } = options;
  return `${key.constructor.name} ${inspect(facts, { ...options, depth: most === null || most === undefined ? null : most - 1 })}`;
}

class AsymmetricKeyObject extends KeyObject {
  [kInspect](depth, options) {
    return shown(this, { type: this.asymmetricKeyType, details: this.asymmetricKeyDetails }, depth, options);
  }

  get asymmetricKeyDetails() {
    const { handle, kind } = keyIn(this);
    const details = {
      modulusLength: undefined,
      publicExponent: undefined,
      divisorLength: undefined,
      namedCurve: CURVES.get(kind),
    };
    if (kind === "") {
      const { 0: modulusLength, 1: divisorLength } = ops.dsaBits(handle);
      ObjectAssign(details, { modulusLength, divisorLength });
    } else if (kind === "RSA") {
      const { 0: n, 1: e } = ops.exportKey("public numbers", handle);
      let modulusLength = n.length * 8;
      for (let top = n[0]; top < 0x80; top <<= 1) modulusLength--;
      ObjectAssign(details, { modulusLength, publicExponent: BigInt(`0x${inEncoding(e, "hex")}`) });
    }
    return details;
  }

  get asymmetricKeyType() {
    const { kind } = keyIn(this);
    return TYPES.get(kind) ?? "ec";
  }
}

class PublicKeyObject extends AsymmetricKeyObject {
  export(options) {
    return exportKey(this, options);
  }

  get type() {
    return "public";
  }
}

class PrivateKeyObject extends AsymmetricKeyObject {
  export(options) {
    return exportKey(this, options);
  }

  get type() {
    return "private";
  }
}

class SecretKeyObject extends KeyObject {
  [kInspect](depth, options) {
    return shown(this, { size: this.symmetricKeySize }, depth, options);
  }

  get symmetricKeySize() {
    return keyIn(this).handle.byteLength;
  }

  export(options) {
    return exportKey(this, options);
  }

  get type() {
    return "secret";
  }
}

/** An object for `key`: its type and handle, and of a key of Web Crypto what it may do. */
function make(key) {
  if (key.type === "secret") return new SecretKeyObject(kCreate, key);
  const kind = key.kind ?? ops.keyKind(key.handle);
  const Class = key.type === "public" ? PublicKeyObject : PrivateKeyObject;
  return new Class(kCreate, { ...key, kind });
}

/** Bytes that keys of one type share only if they are the same. */
function identity(object) {
  const { type, handle, kind, number } = keyIn(object);
  if (type === "secret") return handle;
  if (kind === "dh") return Buffer.concat([number, handle.prime, handle.generator]);
  return written(object, type === "public" ? "spki" : "pkcs8", false, "", Buffer.alloc(0));
}

function written(object, form, pem, cipher, passphrase) {
  const { type, handle, kind } = keyIn(object);
  const bytes = kind === "dh" ? undefined : ops.writeKey(handle, type === "private", form, pem, cipher, passphrase);
  if (bytes === undefined) throw new Error("Failed to export key");
  return asBuffer(bytes);
}

/** The members that every JSON Web Key shows, in their order. */
function jwkOf(members) {
  const jwk = {};
  const names = ["kty", "use", "key_ops", "alg", "ext", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth"];
  for (let i = 0; i < names.length; i++) jwk[names[i]] = members[names[i]];
  jwk.k = members.k;
  jwk.pub = undefined;
  jwk.priv = undefined;
  return jwk;
}

function asymmetricJwk(object) {
  const { type, handle, kind } = keyIn(object);
  const isPrivate = type === "private";
  if (kind === "RSA") {
    const parts = ops.exportKey(isPrivate ? "numbers" : "public numbers", handle);
    const members = { kty: "RSA" };
    const names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    for (let i = 0; i < parts.length; i++) members[names[i]] = base64url(parts[i]);
    return jwkOf(members);
  }
  if (kind === "Ed25519" || kind === "X25519") {
    const members = { kty: "OKP", crv: kind, x: base64url(ops.exportKey("raw", handle)[0]) };
    if (kind === "Ed25519") members.alg = "EdDSA";
    if (isPrivate) members.d = base64url(ops.exportKey("private", handle)[0]);
    return jwkOf(members);
  }
  if (!CURVES.has(kind)) throw new Error("Key type is invalid for JWK export");
  const { 0: x, 1: y, 2: d } = ops.exportKey(isPrivate ? "numbers" : "public numbers", handle);
  return jwkOf({ kty: "EC", crv: kind, x: base64url(x), y: base64url(y), d: d && base64url(d) });
}

function exportSecret(object, format) {
  const { handle, algorithm, usages } = keyIn(object);
  if (format === "buffer") return Buffer.from(handle);
  if (format !== "jwk") throw new TypeError(`Invalid format for secret key export: ${format}`);
  const alg =
    algorithm?.name === "HMAC" ? { "SHA-1": "HS1", "SHA-256": "HS256", "SHA-384": "HS384", "SHA-512": "HS512" } : {};
  return jwkOf({
    kty: "oct",
    key_ops: usages,
    alg: alg[algorithm?.hash?.name],
    ext: true,
    k: handle.toString("base64url"),
  });
}

/** Checks what `export` is told of an asymmetric key. */
function validateExport(options, type, name = "options") {
  validateObject(options, name);
  const { cipher, passphrase, encoding } = options;
  if (type !== "private" || cipher === undefined) return;
  if (typeof passphrase !== "string" && !isBytes(passphrase)) {
    throw new ERR_INVALID_ARG_TYPE(`${name}.passphrase`, ["string", "Uint8Array"], passphrase);
  }
  if (encoding !== undefined && typeof encoding !== "string") {
    throw new ERR_INVALID_ARG_TYPE(`${name}.encoding`, "string", encoding);
  }
}

function exportKey(object, options = {}) {
  validateObject(options, "options");
  const { type, kind, extractable } = keyIn(object);
  if (extractable === false) throw new TypeError("Unable to export non-extractable key");
  if (type === "secret") return exportSecret(object, options.format ?? "buffer");
  validateExport(options, type);
  const { format, type: form, cipher, passphrase, encoding } = options;
  if (type === "private") {
    if (form === "pkcs1" && kind !== "RSA") {
      throw new ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS("pkcs1", "can only be used for RSA keys");
    }
    if (form === "sec1" && !CURVES.has(kind)) {
      throw new ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS("sec1", "can only be used for EC keys");
    }
  }
  if (passphrase !== undefined && (type === "public" || cipher === undefined)) {
    throw new TypeError(
      "Incorrect type for the 'passphrase' field on 'KeyExportOptions': the provided value is not of type 'BufferSource'.",
    );
  }
  if (format === "jwk") return asymmetricJwk(object);
  if (form === undefined) throw new TypeError("Missing type option");
  if (format !== "pem" && format !== "der") throw new Error("Invalid key format");
  if (type === "public" && form === "pkcs1" && kind !== "RSA") throw new Error("PKCS1 can only be used for RSA keys");
  if (type === "public" && form === "sec1" && !CURVES.has(kind)) throw new Error("SEC1 can only be used for EC keys");
  const isHidden = type === "private" && cipher !== undefined;
  if (isHidden && ops.cipherInfo(cipher) === undefined) throw new Error(`Unknown cipher: ${cipher}`);
  const secret = isHidden ? toBytes(passphrase, "passphrase", encoding) : Buffer.alloc(0);
  const bytes = written(object, form, format === "pem", isHidden ? cipher : "", secret);
  return format === "pem" ? bytes.toString() : bytes;
}

function createSecretKey(key, encoding) {
  const bytes = typeof key === "string" ? toBytes(key, "key", encoding) : key;
  if (!isBytes(bytes)) {
    throw new ERR_INVALID_ARG_TYPE("key", ["string", "ArrayBuffer", "TypedArray", "DataView"], key);
  }
  return make({ type: "secret", handle: Buffer.from(viewOf(bytes)) });
}

/** A member of a JSON Web Key as bytes; one that is missing is an error. */
function part(jwk, family, name) {
  if (typeof jwk[name] !== "string") throw new Error(`${family} JWK missing ${name} parameter`);
  return new Uint8Array(Buffer.from(jwk[name], "base64url"));
}

/** The native key of a JSON Web Key. */
function fromJwk(jwk, isPrivate) {
  const unknown = () => new Error(`JWK ${isPrivate ? "private" : "public"} key import is not implemented for this key type`);
  const { kty, crv } = jwk;
  let handle;
  if (kty === "RSA") {
    const parts = [part(jwk, kty, "n"), part(jwk, kty, "e")];
    const names = isPrivate ? ["d", "p", "q", "dp", "dq", "qi"] : [];
    for (let i = 0; i < names.length; i++) parts[i + 2] = part(jwk, kty, names[i]);
    handle = ops.importKey("numbers", "RSA", parts);
  } else if (kty === "EC" || kty === "OKP") {
    if (typeof crv !== "string") throw new Error(`${kty} JWK missing crv parameter`);
    const isKnown = kty === "EC" ? CURVES.has(crv) : ArrayPrototypeIncludes(["Ed25519", "X25519"], crv);
    if (!isKnown) throw new Error(`${kty} JWK unsupported crv parameter`);
    const x = part(jwk, kty, "x");
    if (kty === "OKP") {
      handle = isPrivate ? ops.importKey("private", crv, [part(jwk, kty, "d")]) : ops.importKey("raw", crv, [x]);
    } else {
      const parts = [x, part(jwk, kty, "y")];
      if (ops.importKey("numbers", crv, parts) === null) throw new Error("EC JWK invalid public key");
      if (isPrivate) parts[2] = part(jwk, kty, "d");
      handle = ops.importKey("numbers", crv, parts);
    }
  }
  if (handle === undefined || handle === null) throw unknown();
  return handle;
}

/** What users give for an asymmetric key: its data, and how it is to be read. */
function source(key, forms) {
  const isPlain = typeof key === "string" || isBytes(key);
  if (key === null || key === undefined) throw new ERR_INVALID_ARG_TYPE("key", KEY_TYPES, key);
  const data = isPlain ? key : key.key;
  if (!isPlain && (data === undefined || data === null || isKeyObject(data) || isKey(data))) {
    throw new ERR_INVALID_ARG_TYPE("options.key", KEY_TYPES, data);
  }
  if (typeof data !== "string" && !isBytes(data)) {
    if (typeof data !== "object") throw new ERR_INVALID_ARG_TYPE("key", KEY_TYPES, key);
    return { jwk: data };
  }
  const { format = "pem", type, passphrase, encoding } = isPlain ? {} : key;
  validateOneOf(format, "format", ["pem", "der"]);
  if (format === "der" && type !== undefined) validateOneOf(type, "type", forms);
  const secret = passphrase === undefined || passphrase === null ? undefined : toBytes(passphrase, "passphrase", encoding);
  return { bytes: toBytes(data, "key", encoding), form: format === "pem" ? "" : type, passphrase: secret };
}

/** Reads with one of the two ops; DER without a form is nothing. */
function read(op, { bytes, form, passphrase }, what) {
  const handle = form === undefined ? undefined : ReflectApply(op, undefined, [bytes, form, passphrase]);
  if (handle === undefined) throw new Error(`Failed to parse ${what} key`);
  return handle;
}

function createPrivateKey(key) {
  const from = source(key, ["pkcs1", "pkcs8", "sec1"]);
  const handle = from.jwk ? fromJwk(from.jwk, true) : read(ops.readPrivateKey, from, "private");
  return make({ type: "private", handle });
}

function createPublicKey(key) {
  if (isKeyObject(key) || isKey(key)) {
    if (key.type !== "private") throw new ERR_INVALID_ARG_TYPE("key", "PrivateKeyObject", key);
    const { handle, kind, publicNumber } = isKeyObject(key) ? keyIn(key) : keyOf(key);
    return make({ type: "public", handle, kind, number: publicNumber });
  }
  const from = source(key, ["pkcs1", "spki"]);
  const handle = from.jwk ? fromJwk(from.jwk, false) : read(ops.readPublicKey, from, "public");
  return make({ type: "public", handle });
}

setLength([KeyObject], 0);

ObjectAssign(exports, {
  KeyObject,
  PrivateKeyObject,
  PublicKeyObject,
  SecretKeyObject,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  keyIn,
  make,
  validateExport,
});
