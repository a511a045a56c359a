/*
 * Keys from passwords and secrets: pbkdf2, hkdf and scrypt of node:crypto.
 */

const {
  ArrayBufferIsView,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  ArrayPrototypeUnshift,
  MathAbs,
  MathLog2,
  NumberIsInteger,
  ObjectAssign,
  RangeError,
  ReflectApply,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeMap,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE } = require("node/common/errors");
const { isKeyObject } = require("node/common/types");
const { validateFunction, validateInt32, validateInteger, validateString, validateUint32 } =
  require("node/common/validators");
const { callBack, isBytes, toBytes } = require("node/crypto/util");

const MAX_LENGTH = 2147483647;
const MAX_INFO_BYTES = 1024;

const asBuffer = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function pbkdf2Arguments(password, salt, iterations, length, digest) {
  validateString(digest, "digest");
  const secret = toBytes(password, "password");
  const grains = toBytes(salt, "salt");
  validateInt32(iterations, "iterations", 1);
  validateInt32(length, "keylen", 0);
  return ["pbkdf2", secret, grains, length, digest, iterations];
}

const failure = (Base, code, message) => ObjectAssign(new Base(message), { code });

// No more than this many digests in one key.
const MAX_DIGESTS = 255;
// N * r * p: what one derivation may cost.
const MAX_SCRYPT_COST = 2 ** 20;

/** Limits that the derivation itself has; functions with a callback report them there. */
function checkRequest({ 0: kind, 3: length, 4: first, 5: r, 6: p, 7: maxmem }) {
  if (kind === "scrypt") {
    const memory = 128 * r * (first + p + 2);
    const isPowerOfTwo = first >= 2 && NumberIsInteger(MathLog2(first));
    if (!isPowerOfTwo || memory > maxmem || r * p >= 2 ** 30 || first * r * p > MAX_SCRYPT_COST) {
      const why = isPowerOfTwo && memory > maxmem ? ": memory limit exceeded" : "";
      throw failure(RangeError, "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", `Invalid scrypt params${why}`);
    }
    return;
  }
  const size = MathAbs(ops.hashSize(first));
  if (size === 0) throw failure(TypeError, "ERR_CRYPTO_INVALID_DIGEST", `Invalid digest: ${first}`);
  if (length > size * MAX_DIGESTS) throw failure(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
}

// Hash functions that the native HMAC does not know.
const UNUSUAL = ["md4", "md5-sha1"];
const HMAC_BLOCK_BYTES = 64;

const viewOf = (bytes) =>
  ArrayBufferIsView(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.from(bytes);

function digestOf(name, ...parts) {
  const hash = ops.newHash(name);
  for (let i = 0; i < parts.length; i++) ops.updateHash(hash, parts[i]);
  return ops.finishHash(hash, 0);
}

function hmacOf(name, key, ...parts) {
  const block = Buffer.alloc(HMAC_BLOCK_BYTES);
  TypedArrayPrototypeSet(block, key.length > HMAC_BLOCK_BYTES ? digestOf(name, key) : key);
  const pad = (byte) => TypedArrayPrototypeMap(block, (value) => value ^ byte);
  ArrayPrototypeUnshift(parts, name, pad(0x36));
  return digestOf(name, pad(0x5c), ReflectApply(digestOf, undefined, parts));
}

/** HKDF (RFC 5869) from the hash alone. */
function hkdfByHash({ 1: key, 2: salt, 3: length, 4: name, 5: info }) {
  const secret = hmacOf(name, viewOf(salt), viewOf(key));
  const parts = [];
  let previous = Buffer.alloc(0);
  for (let counter = 1, size = 0; size < length; counter++) {
    previous = hmacOf(name, secret, previous, viewOf(info), Buffer.from([counter]));
    ArrayPrototypePush(parts, previous);
    size += previous.length;
  }
  return new Uint8Array(Buffer.concat(parts, length));
}

/** The key that a request asks for, or `later` a promise of it. */
function derive(later, request) {
  checkRequest(request);
  const { 0: kind, 1: secret, 2: salt, 3: length, 4: first, 5: second, 6: third, 7: fourth } = request;
  switch (kind) {
    case "pbkdf2":
      return ops.pbkdf2(later, secret, salt, length, first, second);
    case "hkdf":
      if (ArrayPrototypeIncludes(UNUSUAL, StringPrototypeToLowerCase(first))) return hkdfByHash(request);
      return ops.hkdf(later, secret, salt, length, first, second);
    default:
      return ops.scrypt(later, secret, salt, length, first, second, third, fourth);
  }
}

const deriveNow = (request) => derive(false, request);
const deriveLater = async (request) => derive(true, request);

function pbkdf2Sync(password, salt, iterations, length, digest) {
  return asBuffer(deriveNow(pbkdf2Arguments(password, salt, iterations, length, digest)));
}

function pbkdf2(password, salt, iterations, length, digest, callback) {
  if (typeof digest === "function") validateString(undefined, "digest");
  validateFunction(callback, "callback");
  const request = pbkdf2Arguments(password, salt, iterations, length, digest);
  callBack(deriveLater(request), callback, asBuffer);
}

function hkdfArguments(digest, key, salt, info, length) {
  if (isKeyObject(key)) key = key.export();
  validateString(digest, "digest");
  if (typeof key === "string") key = Buffer.from(key);
  if (!isBytes(key)) {
    throw new ERR_INVALID_ARG_TYPE(
      "ikm",
      ["string", "SecretKeyObject", "ArrayBuffer", "TypedArray", "DataView", "Buffer"],
      key,
    );
  }
  const source = (value, name) => {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    if (!isBytes(bytes)) {
      throw new ERR_INVALID_ARG_TYPE(name, ["string", "ArrayBuffer", "TypedArray", "DataView", "Buffer"], value);
    }
    return bytes;
  };
  salt = source(salt, "salt");
  info = source(info, "info");
  validateInteger(length, "length", 0, MAX_LENGTH);
  if (info.byteLength > MAX_INFO_BYTES) {
    throw new ERR_OUT_OF_RANGE("info", `must not contain more than ${MAX_INFO_BYTES} bytes`, info.byteLength);
  }
  return ["hkdf", key, salt, length, digest, info];
}

const asMemory = (bytes) => bytes.buffer;

function hkdfSync(digest, key, salt, info, length) {
  return asMemory(deriveNow(hkdfArguments(digest, key, salt, info, length)));
}

function hkdf(digest, key, salt, info, length, callback) {
  const request = hkdfArguments(digest, key, salt, info, length);
  validateFunction(callback, "callback");
  callBack(deriveLater(request), callback, asMemory);
}

const scryptDefaults = { N: 16384, r: 8, p: 1, maxmem: 32 << 20 };

/** An option that has two names, of which only one may be given. */
function scryptOption(options, short, long) {
  if (options[long] !== undefined) {
    if (options[short] !== undefined) throw new ERR_INVALID_ARG_VALUE(long, options[long]);
    validateUint32(options[long], long);
    return options[long] || scryptDefaults[short];
  }
  if (options[short] === undefined) return scryptDefaults[short];
  validateUint32(options[short], short);
  return options[short] || scryptDefaults[short];
}

function scryptArguments(password, salt, length, options) {
  const secret = toBytes(password, "password");
  const grains = toBytes(salt, "salt");
  if (secret.byteLength >= MAX_LENGTH) throw new ERR_INVALID_ARG_VALUE("password", secret, "is too big");
  if (grains.byteLength >= MAX_LENGTH) throw new ERR_INVALID_ARG_VALUE("salt", grains, "is too big");
  validateInteger(length, "keylen", 0, MAX_LENGTH);
  options ||= {};
  const N = scryptOption(options, "N", "cost");
  const r = scryptOption(options, "r", "blockSize");
  const p = scryptOption(options, "p", "parallelization");
  let { maxmem } = scryptDefaults;
  if (options.maxmem !== undefined) {
    validateInteger(options.maxmem, "maxmem", 0);
    maxmem = options.maxmem || maxmem;
  }
  return ["scrypt", secret, grains, length, N, r, p, maxmem];
}

function scryptSync(password, salt, length, options) {
  return asBuffer(deriveNow(scryptArguments(password, salt, length, options)));
}

function scrypt(password, salt, length, options, callback) {
  if (callback === undefined) {
    callback = options;
    options = undefined;
  }
  const request = scryptArguments(password, salt, length, options);
  validateFunction(callback, "callback");
  callBack(deriveLater(request), callback, asBuffer);
}

ObjectAssign(exports, { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync });
