/*
 * node:string_decoder: text from bytes that arrive in pieces, never splitting a character.
 */

// own: chunk (what the caller gives)
const {
  ArrayBufferIsView,
  MathMin,
  ObjectAssign,
  ObjectDefineProperty,
  Symbol,
  TypeError,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { Buffer } = require("node:buffer");
const { BASE64, BASE64URL, UTF16LE, UTF8, encodingName, encodingNumber } = require("node/buffer/encodings");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_THIS, ERR_UNKNOWN_ENCODING } = require("node/common/errors");

const kState = Symbol("kState");

// The state is seven bytes: up to four of a character begun, how many are missing, how many are there, the encoding.
const MISSING = 4;
const BUFFERED = 5;
const ENCODING = 6;
const STATE_BYTES = 7;

function StringDecoder(encoding = "utf8") {
  const number = encodingNumber(encoding);
  if (number === undefined) throw new ERR_UNKNOWN_ENCODING(encoding);
  this[kState] = Buffer.alloc(STATE_BYTES);
  this[kState][ENCODING] = number;
  this.encoding = encodingName(encoding);
  return this;
}

function stateOf(decoder) {
  const state = decoder[kState];
  if (state === undefined) throw new ERR_INVALID_THIS("StringDecoder");
  if (!(state instanceof Buffer) || state.length !== STATE_BYTES) throw new TypeError("Invalid StringDecoder");
  const isConsistent = state[ENCODING] <= BASE64URL && state[BUFFERED] + state[MISSING] <= 4;
  if (!isConsistent && state[BUFFERED] <= 4 && state[MISSING] <= 4) throw new TypeError("Invalid StringDecoder state");
  if (state[BUFFERED] > 4) throw new TypeError("Buffered bytes cannot exceed 4");
  if (state[MISSING] > 4) throw new TypeError("Missing bytes cannot exceed 4");
  return state;
}

/** How long the UTF-8 sequence is that a byte begins; 0 for a byte that begins none. */
function sequenceLength(byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xc0 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf7 ? 4 : 0;
}

/** `[start, missing]` of a UTF-8 sequence that the end of the bytes cuts. */
function utf8Tail(bytes) {
  const { length } = bytes;
  for (let back = 1; back <= MathMin(3, length); back++) {
    const byte = bytes[length - back];
    if (byte >= 0x80 && byte <= 0xbf) continue;
    const need = sequenceLength(byte);
    return need <= back ? [length, 0] : [length - back, need - back];
  }
  return [length, 0];
}

function utf16Tail(bytes) {
  const { length } = bytes;
  // With an odd byte at the end, a high surrogate before it goes out alone.
  if (length % 2 === 1) return [length - 1, 1];
  const last = bytes[length - 1];
  return length > 0 && last >= 0xd8 && last <= 0xdb ? [length - 2, 2] : [length, 0];
}

function base64Tail(bytes) {
  const rest = bytes.length % 3;
  return [bytes.length - rest, rest === 0 ? 0 : 3 - rest];
}

function tailOf(number, bytes) {
  if (number === UTF8) return utf8Tail(bytes);
  if (number === UTF16LE) return utf16Tail(bytes);
  return number === BASE64 || number === BASE64URL ? base64Tail(bytes) : [bytes.length, 0];
}

StringDecoder.prototype.write = function write(chunk) {
  const state = stateOf(this);
  if (typeof chunk === "string") return chunk;
  if (!ArrayBufferIsView(chunk)) {
    throw new ERR_INVALID_ARG_TYPE("buf", ["Buffer", "TypedArray", "DataView", "string"], chunk);
  }
  let bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const number = state[ENCODING];
  const buffered = state[BUFFERED];
  if (number === UTF16LE && bytes.length < state[MISSING]) {
    TypedArrayPrototypeSet(state, bytes, buffered);
    state[BUFFERED] += bytes.length;
    state[MISSING] -= bytes.length;
    return "";
  }
  if (buffered > 0) {
    const joined = new Uint8Array(buffered + bytes.length);
    TypedArrayPrototypeSet(joined, TypedArrayPrototypeSubarray(state, 0, buffered));
    TypedArrayPrototypeSet(joined, bytes, buffered);
    bytes = joined;
  }
  const { 0: end, 1: missing } = tailOf(number, bytes);
  state[BUFFERED] = bytes.length - end;
  state[MISSING] = missing;
  TypedArrayPrototypeSet(state, TypedArrayPrototypeSubarray(bytes, end));
  return end === 0 ? "" : ops.decode(bytes, number, 0, end);
};

StringDecoder.prototype.end = function end(chunk) {
  const state = stateOf(this);
  let text = chunk === undefined ? "" : this.write(chunk);
  if (state[BUFFERED] > 0) {
    // Half a UTF-16 unit is dropped; a cut UTF-8 sequence shows as U+FFFD.
    const length = state[ENCODING] === UTF16LE ? state[BUFFERED] & ~1 : state[BUFFERED];
    text += ops.decode(state, state[ENCODING], 0, length);
  }
  state[BUFFERED] = 0;
  state[MISSING] = 0;
  return text;
};

StringDecoder.prototype.text = function text(chunk, offset) {
  const state = stateOf(this);
  state[BUFFERED] = 0;
  state[MISSING] = 0;
  return this.write(chunk.slice(offset));
};

for (
  let i = 0,
    entries = [
      ["lastChar", (state) => TypedArrayPrototypeSubarray(state, 0, 4)],
      ["lastNeed", (state) => state[MISSING]],
      ["lastTotal", (state) => state[BUFFERED] + state[MISSING]],
    ];
  i < entries.length;
  i++
) {
  const { 0: name, 1: read } = entries[i];
  ObjectDefineProperty(StringDecoder.prototype, name, {
    __proto__: null,
    enumerable: true,
    configurable: true,
    get() {
      return read(stateOf(this));
    },
  });
}

ObjectAssign(exports, { StringDecoder, default: { StringDecoder } });
