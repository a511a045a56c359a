/*
 * X509Certificate and Certificate (SPKAC) of node:crypto.
 */

// own: bytes (a Buffer)
const {
  ArrayBufferIsView,
  ArrayIsArray,
  ArrayPrototypePush,
  BigIntPrototypeToString,
  Error,
  JSONParse,
  ObjectAssign,
  ObjectHasOwn,
  SafeMap,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToUpperCase,
} = primordials;
const { Buffer } = require("node:buffer");
const { warnOnce } = require("trace/record");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateBoolean, validateObject, validateString } = require("node/common/validators");
const { createHash } = require("node/crypto/hash");
const { PrivateKeyObject, PublicKeyObject, keyIn, make } = require("node/crypto/keys");
const { asBuffer, toBytes } = require("node/crypto/util");

const MD5_WARNING =
  "The verifySpkac function is currently of limited value in workers because the SPKAC signature verification uses MD5, " +
  "which is not supported in FIPS mode. All workers run in FIPS mode. Accordingly, this method will currently always " +
  "return false even if the SPKAC signature is valid. This is a known limitation.";

const CURVE_BITS = new SafeMap([
  ["P-224", 224],
  ["P-256", 256],
  ["P-384", 384],
  ["P-521", 521],
]);

const hexOf = (array) => {
  const bytes = asBuffer(array);
  return StringPrototypeToUpperCase(bytes.toString("hex"));
};

function fingerprint(hash, raw) {
  const digest = createHash(hash);
  const hex = hexOf(digest.update(raw).digest());
  let text = StringPrototypeSlice(hex, 0, 2);
  for (let i = 2; i < hex.length; i += 2) text += `:${StringPrototypeSlice(hex, i, i + 2)}`;
  return text;
}

/** A name as an object of its parts; a part that is there several times has an array. */
function partsOf(handle, isIssuer) {
  const pairs = ops.certificateName(handle, isIssuer) ?? [];
  const name = {};
  for (let i = 0; i < pairs.length; i += 2) {
    const key = pairs[i];
    const value = pairs[i + 1];
    if (!ObjectHasOwn(name, key)) name[key] = value;
    else if (ArrayIsArray(name[key])) ArrayPrototypePush(name[key], value);
    else name[key] = [name[key], value];
  }
  return name;
}

/** The lines of `infoAccess` as an object of arrays. */
function accessOf(text) {
  const access = {};
  const lines = StringPrototypeSplit(text, "\n");
  for (let i = 0; i < lines.length; i++) {
    const colon = StringPrototypeIndexOf(lines[i], ":");
    if (colon < 0) continue;
    const key = StringPrototypeSlice(lines[i], 0, colon);
    const value = StringPrototypeSlice(lines[i], colon + 1);
    if (!ObjectHasOwn(access, key)) access[key] = [];
    ArrayPrototypePush(access[key], StringPrototypeStartsWith(value, '"') ? JSONParse(value) : value);
  }
  return access;
}

/** What the older form of a certificate says of its key. */
function keyParts(handle) {
  const kind = ops.keyKind(handle);
  if (kind === "RSA") {
    const { 0: modulus } = ops.exportKey("public numbers", handle);
    const { modulusLength: bits, publicExponent } = make({ type: "public", handle }).asymmetricKeyDetails;
    const shown = BigIntPrototypeToString(publicExponent, 16);
    return { modulus: hexOf(modulus), bits, exponent: `0x${shown}`, pubkey: asBuffer(ops.exportKey("spki", handle)[0]) };
  }
  if (!CURVE_BITS.has(kind)) return {};
  const { namedCurve: asn1Curve } = make({ type: "public", handle }).asymmetricKeyDetails;
  const pubkey = asBuffer(ops.exportKey("raw", handle)[0]);
  return { bits: CURVE_BITS.get(kind), pubkey, asn1Curve, nistCurve: kind };
}

function checkOptions(options) {
  if (options === undefined || options === null) return;
  validateObject(options, "options");
  for (let i = 0, names = ["multiLabelWildcards", "partialWildcards", "singleLabelSubdomains", "wildcards"]; i < 4; i++) {
    const name = names[i];
    if (options[name] !== undefined) validateBoolean(options[name], `options.${name}`);
  }
  if (options.subject !== undefined) validateString(options.subject, "options.subject");
}

class X509Certificate {
  #handle;
  #kept = new SafeMap();

  constructor(buffer) {
    const bytes = typeof buffer === "string" ? Buffer.from(buffer) : buffer;
    if (!ArrayBufferIsView(bytes)) {
      throw new ERR_INVALID_ARG_TYPE("buffer", ["string", "Buffer", "TypedArray", "DataView"], bytes);
    }
    this.#handle = ops.readCertificate(bytes);
    if (this.#handle === undefined) throw new ERR_INVALID_ARG_VALUE("buffer", bytes, "is not a valid certificate");
  }

  /** A property, worked out once. */
  #keep(name, read) {
    if (!this.#kept.has(name)) this.#kept.set(name, read(this.#handle));
    return this.#kept.get(name);
  }

  #text(name) {
    return this.#keep(name, (handle) => ops.certificateText(handle, name));
  }

  get subject() {
    return this.#text("subject");
  }

  get subjectAltName() {
    return this.#text("subjectAltName");
  }

  get issuer() {
    return this.#text("issuer");
  }

  get issuerCertificate() {
    return undefined;
  }

  get infoAccess() {
    return this.#text("infoAccess");
  }

  get validFrom() {
    return this.#text("validFrom");
  }

  get validTo() {
    return this.#text("validTo");
  }

  get fingerprint() {
    return this.#keep("fingerprint", () => fingerprint("sha1", this.raw));
  }

  get fingerprint256() {
    return this.#keep("fingerprint256", () => fingerprint("sha256", this.raw));
  }

  get fingerprint512() {
    return this.#keep("fingerprint512", () => fingerprint("sha512", this.raw));
  }

  get keyUsage() {
    return this.#keep("keyUsage", (handle) => ops.certificateUsage(handle));
  }

  get serialNumber() {
    return this.#text("serialNumber");
  }

  get raw() {
    return this.#keep("raw", (handle) => asBuffer(ops.certificateDer(handle)));
  }

  get publicKey() {
    return this.#keep("publicKey", (handle) => {
      const key = ops.certificateKey(handle);
      return key === undefined ? undefined : make({ type: "public", handle: key });
    });
  }

  toString() {
    return this.#text("pem");
  }

  toJSON() {
    return this.toString();
  }

  get ca() {
    return ops.isAuthority(this.#handle);
  }

  #names(identity, name, options) {
    checkOptions(options);
    const { wildcards = true, subject = "default" } = options ?? {};
    if (subject !== "default" && subject !== "always" && subject !== "never") throw new Error("Invalid subject option");
    return ops.certificateNames(this.#handle, identity, name, wildcards, subject !== "never");
  }

  checkHost(name, options) {
    validateString(name, "name");
    return this.#names("host", name, options);
  }

  checkEmail(email, options) {
    validateString(email, "email");
    return this.#names("email", email, options);
  }

  checkIP(ip, options) {
    validateString(ip, "ip");
    return this.#names("ip", ip, options);
  }

  checkIssued(otherCert) {
    if (!(typeof otherCert === "object" && otherCert !== null && #handle in otherCert)) {
      throw new ERR_INVALID_ARG_TYPE("otherCert", "X509Certificate", otherCert);
    }
    return ops.isIssuedBy(this.#handle, otherCert.#handle);
  }

  checkPrivateKey(pkey) {
    if (!(pkey instanceof PrivateKeyObject)) throw new ERR_INVALID_ARG_TYPE("pkey", "KeyObject", pkey);
    const { handle, kind } = keyIn(pkey);
    return kind !== "dh" && ops.fitsPrivateKey(this.#handle, handle);
  }

  verify(pkey) {
    if (!(pkey instanceof PublicKeyObject)) throw new ERR_INVALID_ARG_TYPE("pkey", "KeyObject", pkey);
    const { handle, kind } = keyIn(pkey);
    return kind !== "dh" && ops.isSignedBy(this.#handle, handle);
  }

  toLegacyObject() {
    return this.#keep("legacy", (handle) => {
      const key = ops.certificateKey(handle);
      const { modulus, bits, exponent, pubkey, asn1Curve, nistCurve } = key === undefined ? {} : keyParts(key);
      return {
        subject: partsOf(handle, false),
        subjectAltName: this.subjectAltName ?? "",
        infoAccess: accessOf(this.infoAccess ?? ""),
        issuer: partsOf(handle, true),
        ca: this.ca,
        modulus,
        bits,
        exponent,
        pubkey,
        asn1Curve,
        nistCurve,
        valid_from: this.validFrom,
        valid_to: this.validTo,
        fingerprint: this.fingerprint,
        fingerprint256: this.fingerprint256,
        fingerprint512: this.fingerprint512,
        serialNumber: this.serialNumber,
        ext_key_usage: this.keyUsage,
        raw: Buffer.from(this.raw),
      };
    });
  }
}

function verifySpkac(spkac, encoding) {
  const bytes = toBytes(spkac, "spkac", encoding);
  warnOnce(MD5_WARNING);
  return ops.isSpkacSigned(bytes);
}

const part = (bytes, isKey) => {
  const found = ops.spkacPart(bytes, isKey);
  return found === undefined ? Buffer.alloc(0) : asBuffer(found);
};

function exportPublicKey(spkac, encoding) {
  return part(toBytes(spkac, "spkac", encoding), true);
}

function exportChallenge(spkac, encoding) {
  return part(toBytes(spkac, "spkac", encoding), false);
}

function Certificate() {
  if (!(this instanceof Certificate)) return new Certificate();
}
ObjectAssign(Certificate.prototype, { verifySpkac, exportPublicKey, exportChallenge });
ObjectAssign(Certificate, { exportChallenge, exportPublicKey, verifySpkac });

ObjectAssign(exports, { Certificate, X509Certificate });
