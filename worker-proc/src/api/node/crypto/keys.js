/*
 * KeyObject of node:crypto: secret keys, whose bytes scripts see only by `export`.
 */

// own: #bytes (a Buffer)
const { ArrayBufferIsView, ObjectAssign, Symbol, SymbolToStringTag, Uint8Array } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_ILLEGAL_CONSTRUCTOR } = require("node/common/errors");
const { markKeyObject } = require("node/crypto/key_mark");
const { validateObject, validateOneOf } = require("node/common/validators");
const { toBytes } = require("node/crypto/util");

const kCreate = Symbol("kCreate");

class KeyObject {
  #bytes;

  constructor(mark, bytes) {
    if (mark !== kCreate) throw new ERR_ILLEGAL_CONSTRUCTOR();
    this.#bytes = bytes;
    markKeyObject(this);
  }

  get type() {
    return "secret";
  }

  get symmetricKeySize() {
    return this.#bytes.length;
  }

  export(options = {}) {
    validateObject(options, "options");
    const { format = "buffer" } = options;
    validateOneOf(format, "options.format", ["buffer", "jwk"]);
    if (format === "buffer") return Buffer.from(this.#bytes);
    return { kty: "oct", k: this.#bytes.toString("base64url") };
  }

  equals(other) {
    if (!(other instanceof KeyObject)) throw new ERR_INVALID_ARG_TYPE("otherKeyObject", "KeyObject", other);
    return ops.compareBytes(this.#bytes, other.#bytes) === 0;
  }

  get [SymbolToStringTag]() {
    return "KeyObject";
  }
}

function createSecretKey(key, encoding) {
  const bytes = toBytes(key, "key", encoding);
  return new KeyObject(
    kCreate,
    Buffer.from(
      ArrayBufferIsView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes),
    ),
  );
}

ObjectAssign(exports, { KeyObject, createSecretKey });
