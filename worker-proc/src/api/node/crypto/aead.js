/*
 * Ciphers of node:crypto that take a message in one piece (RFC 5116).
 */

const { ArrayPrototypeIncludes, Error, ObjectFreeze, SafeMap, StringPrototypeToLowerCase, Uint8Array } = primordials;
const { DOMException } = require("dom_exception");

const GCM_TAGS = ObjectFreeze([4, 8, 12, 13, 14, 15, 16]);
const MAX_CCM_BYTES = 65535;

/** Mode, and lengths of IV and key in bytes, and of the tag where nobody says it. */
const CIPHERS = new SafeMap([
  ["aes-128-ccm-bluetooth", { mode: "ccm", ivLength: 13, keyLength: 16 }],
  ["aes-128-ccm-bluetooth-8", { mode: "ccm", ivLength: 13, keyLength: 16 }],
  ["aes-128-ccm-matter", { mode: "ccm", ivLength: 13, keyLength: 16 }],
  ["aes-128-ctr-hmac-sha256", { mode: "ctr", ivLength: 12, keyLength: 48 }],
  ["aes-256-ctr-hmac-sha256", { mode: "ctr", ivLength: 12, keyLength: 64 }],
  ["aes-128-eax", { mode: "stream", ivLength: 16, keyLength: 16 }],
  ["aes-256-eax", { mode: "stream", ivLength: 16, keyLength: 32 }],
  ["aes-128-gcm-randnonce", { mode: "gcm", ivLength: 0, keyLength: 16, tagLength: 28 }],
  ["aes-256-gcm-randnonce", { mode: "gcm", ivLength: 0, keyLength: 32, tagLength: 28 }],
  ["aes-128-gcm-siv", { mode: "gcm", ivLength: 12, keyLength: 16, tagLength: 16 }],
  ["aes-256-gcm-siv", { mode: "gcm", ivLength: 12, keyLength: 32, tagLength: 16 }],
  ["chacha20-poly1305", { mode: "stream", ivLength: 12, keyLength: 32, tagLength: 16, nid: 950 }],
  ["xchacha20-poly1305", { mode: "stream", ivLength: 24, keyLength: 32 }],
]);

/** What `getCipherInfo` tells of such a cipher, whose lengths it does not check. */
exports.aeadInfo = function (name) {
  const cipher = CIPHERS.get(StringPrototypeToLowerCase(name));
  if (cipher === undefined) return undefined;
  const { nid = 0, ivLength, keyLength, mode } = cipher;
  return { name, nid, blockSize: 1, ivLength, keyLength, mode };
};

/** One message; key, IV, data to authenticate and tag are copies. */
class Aead {
  #name;
  #key;
  #iv;
  #mode;
  #encrypts;
  #tagLength;
  #seen = new Uint8Array(0);
  #tag;
  #isUpdated = false;
  #isFinal = false;

  constructor(name, key, iv, encrypts, tagLength) {
    const { ivLength, mode, tagLength: usual } = CIPHERS.get(StringPrototypeToLowerCase(name));
    if (iv.byteLength !== ivLength) throw new Error("Invalid initialization vector");
    this.#name = StringPrototypeToLowerCase(name);
    this.#key = new Uint8Array(key);
    this.#iv = new Uint8Array(iv);
    this.#mode = mode;
    this.#encrypts = encrypts;
    this.#tagLength = tagLength ?? usual;
    const length = this.#tagLength ?? GCM_TAGS[GCM_TAGS.length - 1];
    const isGood = this.#tagLength === 0 || this.#seal(new Uint8Array(0), length) !== undefined;
    if (!isGood && (tagLength !== undefined || !this.#takesKey())) {
      throw new Error("Failed to initialize AEAD cipher/decipher context");
    }
    if (this.#tagLength === undefined) throw new Error(`The auth tag length is required for cipher ${name}`);
    const isOdd = mode === "gcm" && tagLength !== undefined && !ArrayPrototypeIncludes(GCM_TAGS, tagLength);
    if (this.#tagLength === 0 || isOdd) throw new Error("Invalid authentication tag length");
  }

  #takesKey() {
    return this.#key.length === CIPHERS.get(this.#name).keyLength;
  }

  #seal(data, tagLength) {
    return ops.sealAead(this.#name, this.#key, this.#iv, this.#seen, data, tagLength);
  }

  #check() {
    if (this.#isFinal) throw new Error("Cipher/decipher context has already been finalized");
  }

  update(data) {
    if (this.#isUpdated) throw new Error("update() can only be invoked once on an AEAD");
    this.#check();
    if (this.#mode === "ccm" && data.byteLength > MAX_CCM_BYTES) throw new Error("Invalid message length");
    let output;
    if (this.#encrypts) {
      const sealed = this.#seal(data, this.#tagLength);
      if (sealed === undefined) throw new Error("Data too large");
      output = sealed[0];
      this.#tag = sealed[1];
    } else {
      if (this.#tag === undefined) throw new Error("No auth tag provided");
      output = ops.openAead(this.#name, this.#key, this.#iv, this.#seen, data, this.#tag);
      if (output === undefined) {
        const message = "Decryption failed: Incorrect key/IV or corrupted ciphertext/authentication tag provided.";
        throw new DOMException(message, "OperationError");
      }
    }
    this.#isUpdated = true;
    return output;
  }

  final() {
    this.#check();
    this.#isFinal = true;
    return new Uint8Array(0);
  }

  setAAD(bytes, plaintextLength) {
    this.#check();
    if (this.#mode === "ccm") {
      if (plaintextLength === undefined) {
        throw new Error("options.plaintextLength is required for CCM mode with AAD");
      }
      if (plaintextLength > MAX_CCM_BYTES) throw new Error("Data too large");
    }
    this.#seen = new Uint8Array(bytes);
  }

  setAutoPadding() {
    this.#check();
    throw new Error("Setting autopadding is not supported on AEADs");
  }

  setAuthTag(bytes) {
    this.#check();
    if (this.#tag !== undefined) throw new Error("Auth tag is already set");
    if (bytes.byteLength !== this.#tagLength) throw new Error("Invalid authentication tag length");
    this.#tag = new Uint8Array(bytes);
  }

  getAuthTag() {
    if (!this.#isFinal) throw new Error("Auth tag is only available once cipher context has been finalized");
    const tag = this.#tag ?? new Uint8Array(0);
    this.#tag = undefined;
    return tag;
  }
}

exports.Aead = Aead;
