/*
 * `crypto` (Web Cryptography API): random values, and DigestStream, which is the runtime's own.
 * Relies on `encoding` for reading buffers and on `streams` for DigestStream.
 */

const {
  ArrayBufferIsView,
  BigInt,
  ObjectDefineProperty,
  PromiseWithResolvers,
  SymbolDispose,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypeError,
  markPromiseHandled,
} = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { DOMException } = require("dom_exception");
const { byteLengthOf, encodeUtf8, toBufferSource } = require("encoding");
const { toAlgorithm, unknownHash } = require("crypto/algorithms");
const { subtle } = require("crypto/subtle");
const { DefaultWritable } = require("streams/sink");
const { WritableStream, kWrap } = require("streams/writable");

const kCreate = { __proto__: null };

let checkCrypto;

class Crypto {
  #brand;
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  static {
    checkCrypto = (value) => {
      if (!isObject(value) || !(#brand in value)) throw illegalInvocation();
    };
  }

  get subtle() {
    checkCrypto(this);
    return subtle;
  }

  getRandomValues(view) {
    checkCrypto(this);
    if (!ArrayBufferIsView(view)) throw argumentError("Crypto", "getRandomValues", 1, "ArrayBufferView");
    switch (TypedArrayPrototypeGetSymbolToStringTag(view)) {
      case undefined:
      case "Float16Array":
      case "Float32Array":
      case "Float64Array":
        throw new DOMException(
          "ArrayBufferView argument to getRandomValues() must be an integer-typed view.",
          "TypeMismatchError",
        );
    }
    const length = byteLengthOf(view);
    if (length > 65536) {
      throw new DOMException(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${length} bytes.`,
        "QuotaExceededError",
      );
    }
    ops.getRandomValues(view);
    return view;
  }

  randomUUID() {
    checkCrypto(this);
    return ops.randomUUID();
  }
}

// DigestStream.

let stateOfStream;

class DigestStream extends WritableStream {
  #state;

  constructor(algorithm) {
    const summer = ops.newSummer(toAlgorithm(algorithm, "HashAlgorithm").name);
    if (summer === undefined) throw unknownHash();
    const state = {
      __proto__: null,
      summer,
      bytesWritten: 0,
      digest: PromiseWithResolvers(),
      writable: null,
    };
    markPromiseHandled(state.digest.promise);
    state.writable = new DefaultWritable(
      new DigestSink(state),
      1,
      () => 1,
      () => {},
    );
    state.writable.started();
    super(kWrap, state.writable);
    this.#state = state;
  }

  static {
    stateOfStream = (stream) => {
      try {
        return stream.#state;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get digest() {
    return stateOfStream(this).digest.promise;
  }
  get bytesWritten() {
    return BigInt(stateOfStream(this).bytesWritten);
  }
}

/** The sink of a DigestStream; see streams/sink for its contract. */
class DigestSink {
  constructor(state) {
    this.state = state;
  }

  write(chunk) {
    const { state } = this;
    const bytes = typeof chunk === "string" ? encodeUtf8(chunk) : toBufferSource(chunk);
    if (bytes === undefined) {
      throw new TypeError(
        "DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its " +
          "writable side.",
      );
    }
    ops.update(state.summer, bytes);
    state.bytesWritten += byteLengthOf(bytes);
  }

  close() {
    this.state.digest.resolve(ops.finish(this.state.summer));
  }

  abort(reason) {
    this.state.digest.reject(reason);
  }
}

/** Gives up a digest that is not done. */
function disposeStream() {
  const { writable, digest } = stateOfStream(this);
  const error = new TypeError("The DigestStream was disposed.");
  digest.reject(error);
  markPromiseHandled(writable.abort(error));
}

defineInterface(Crypto);
defineInterface(DigestStream);
ObjectDefineProperty(DigestStream.prototype, SymbolDispose, {
  __proto__: null,
  value: disposeStream,
  writable: true,
  enumerable: false,
  configurable: true,
});

const crypto = new Crypto(kCreate);
Crypto.prototype.DigestStream = DigestStream;

exports.crypto = crypto;
exports.globals = { Crypto, crypto };
