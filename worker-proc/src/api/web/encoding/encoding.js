/*
 * TextEncoder, TextDecoder (Encoding standard), atob and btoa (HTML section 8.3). Bodies, streams and `node:buffer`
 * use `decodeUtf8` and `encodeUtf8`. Relies on the ops over encoding_rs; input in one piece needs no decoder object.
 */

const {
  ArrayBufferIsView,
  DataViewPrototypeGetByteLength,
  MathTrunc,
  RangeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
} = primordials;
const { argumentError, constructorError, defineInterface, illegalInvocation, toDOMString, toDictionary } = require("webidl");
const { DOMException } = require("dom_exception");
const flags = require("flags");

const { BUFFER, DETACHED, SHARED } = ops.BufferKind;

/** A view or buffer, shared or not, as a view that ops read; undefined for anything else. */
function toBytes(value) {
  if (ArrayBufferIsView(value)) return value;
  switch (ops.bufferKind(value)) {
    case BUFFER:
    case SHARED:
      return new Uint8Array(value);
    case DETACHED:
      return new Uint8Array(0);
    default:
      return undefined;
  }
}

/** The same for what takes views of shared memory, but not a SharedArrayBuffer itself. */
const toBufferSource = (value) => (ops.bufferKind(value) === SHARED ? undefined : toBytes(value));

/** The length in bytes of a view of any class. */
function byteLengthOf(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined
    ? DataViewPrototypeGetByteLength(view)
    : TypedArrayPrototypeGetByteLength(view);
}

const decodeUtf8 = (bytes) => ops.decodeUtf8(bytes, false, false);
const encodeUtf8 = (text) => ops.encode(text);

/** Uint8Arrays as one, in their order. */
function joinBytes(parts) {
  let size = 0;
  for (let i = 0; i < parts.length; i++) size += TypedArrayPrototypeGetByteLength(parts[i]);
  const whole = new Uint8Array(size);
  for (let i = 0, at = 0; i < parts.length; i++) {
    TypedArrayPrototypeSet(whole, parts[i], at);
    at += TypedArrayPrototypeGetByteLength(parts[i]);
  }
  return whole;
}

let stateOfDecoder;

class TextDecoder {
  #state;

  constructor(label, options) {
    const given = label === undefined ? "utf-8" : toDOMString(label);
    const members = toDictionary(options, () => constructorError("TextDecoder", 2, "ConstructorOptions"));
    const fatal = members !== undefined && !!members.fatal;
    const ignoreBOM = members !== undefined && !!members.ignoreBOM;
    const encoding = given === "utf-8" ? given : ops.nameOf(given);
    if (encoding === undefined) throw new RangeError(`"${given}" is not a valid encoding.`);
    this.#state = { __proto__: null, encoding, fatal, ignoreBOM, decoder: null };
  }

  static {
    stateOfDecoder = (decoder) => {
      try {
        return decoder.#state;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  decode(input, options) {
    const state = stateOfDecoder(this);
    const bytes = input === undefined ? new Uint8Array(0) : toBytes(input);
    if (bytes === undefined) throw argumentError("TextDecoder", "decode", 1, "Array");
    const members = toDictionary(options, () => argumentError("TextDecoder", "decode", 2, "DecodeOptions"));
    const stream = members !== undefined && !!members.stream;
    if (!stream && state.decoder === null && state.encoding === "utf-8") {
      return ops.decodeUtf8(bytes, state.fatal, state.ignoreBOM);
    }
    state.decoder ??= ops.newDecoder(state.encoding, state.fatal, state.ignoreBOM, !flags.textDecoderReplaceSurrogates);
    const decoder = state.decoder;
    if (!stream) state.decoder = null;
    return ops.decode(decoder, bytes, !stream);
  }

  get encoding() {
    return stateOfDecoder(this).encoding;
  }
  get fatal() {
    return stateOfDecoder(this).fatal;
  }
  get ignoreBOM() {
    return stateOfDecoder(this).ignoreBOM;
  }
}

let checkEncoder;

class TextEncoder {
  #brand;

  static {
    checkEncoder = (value) => {
      if (value === null || typeof value !== "object" || !(#brand in value)) throw illegalInvocation();
    };
  }

  encode(text) {
    checkEncoder(this);
    return ops.encode(text === undefined ? "" : toDOMString(text));
  }

  encodeInto(text, destination) {
    checkEncoder(this);
    if (arguments.length < 1) throw argumentError("TextEncoder", "encodeInto", 1, "String");
    text = toDOMString(text);
    if (!ArrayBufferIsView(destination) || TypedArrayPrototypeGetSymbolToStringTag(destination) !== "Uint8Array") {
      throw argumentError("TextEncoder", "encodeInto", 2, "Uint8Array");
    }
    const packed = ops.encodeInto(text, destination);
    const read = MathTrunc(packed / 4294967296);
    return { read, written: packed - read * 4294967296 };
  }

  get encoding() {
    checkEncoder(this);
    return "utf-8";
  }
}

defineInterface(TextDecoder);
defineInterface(TextEncoder);

const { atob, btoa } = {
  atob(data) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "atob", 1, "string");
    const text = ops.atob(toDOMString(data));
    if (text !== null) return text;
    throw new DOMException(
      "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two " +
        "terminal '=' signs when the input data length is divisible by 4 are allowed.)",
      "InvalidCharacterError",
    );
  },

  btoa(data) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "btoa", 1, "String");
    const text = ops.btoa(toDOMString(data));
    if (text !== null) return text;
    throw new DOMException(
      "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
      "InvalidCharacterError",
    );
  },
};

exports.TextDecoder = TextDecoder;
exports.TextEncoder = TextEncoder;
exports.atob = atob;
exports.btoa = btoa;
exports.byteLengthOf = byteLengthOf;
exports.decodeUtf8 = decodeUtf8;
exports.decodeUtf8KeepingBom = (bytes) => ops.decodeUtf8(bytes, false, true);
exports.encodeUtf8 = encodeUtf8;
exports.joinBytes = joinBytes;
/** A decoder for input in pieces: `decodeChunk(decoder, bytes, last)`. */
exports.newDecoder = (label, fatal, ignoreBOM) =>
  ops.newDecoder(label, fatal, ignoreBOM, !flags.textDecoderReplaceSurrogates);
exports.decodeChunk = (decoder, bytes, last) => ops.decode(decoder, bytes, last);
exports.toBufferSource = toBufferSource;
exports.toBytes = toBytes;
exports.globals = { TextDecoder, TextEncoder, atob, btoa };
