/*
 * node:string_decoder: text from bytes that arrive in pieces, never splitting a character.
 */

const { Buffer } = require("node:buffer");
const { BASE64, BASE64URL, UTF16LE, UTF8, encodingName, encodingNumber } = require("node/buffer/encodings");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_THIS, ERR_UNKNOWN_ENCODING } = require("node/errors");

const kState = Symbol("kState");

/** The bytes of a character begun, how many there are, and how many it still needs. */
class State {
  pending = Buffer.alloc(4);
  length = 0;
  missing = 0;

  constructor(number) {
    this.number = number;
  }
}

function StringDecoder(encoding = "utf8") {
  const number = encodingNumber(encoding);
  if (number === undefined) throw new ERR_UNKNOWN_ENCODING(encoding);
  this[kState] = new State(number);
  this.encoding = encodingName(encoding);
  return this;
}

function stateOf(decoder) {
  const state = decoder[kState];
  if (state === undefined) throw new ERR_INVALID_THIS("StringDecoder");
  if (!(state instanceof State)) throw new TypeError("Invalid StringDecoder");
  return state;
}

/** How long the UTF-8 sequence is that a byte begins; 0 for a byte that begins none. */
function sequenceLength(byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

/** Whether `byte` may be the second one after `lead`: no overlong forms, surrogates or values past U+10FFFF. */
function isValidSecond(lead, byte) {
  if (lead === 0xe0) return byte >= 0xa0 && byte <= 0xbf;
  if (lead === 0xed) return byte >= 0x80 && byte <= 0x9f;
  if (lead === 0xf0) return byte >= 0x90 && byte <= 0xbf;
  if (lead === 0xf4) return byte >= 0x80 && byte <= 0x8f;
  return byte >= 0x80 && byte <= 0xbf;
}

/** `[start, missing]` of a UTF-8 sequence that the end of the bytes cuts. */
function utf8Tail(bytes) {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back];
    if (byte >= 0x80 && byte <= 0xbf) continue;
    const need = sequenceLength(byte);
    if (need <= back || (back > 1 && !isValidSecond(byte, bytes[length - back + 1]))) return [length, 0];
    return [length - back, need - back];
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
  if (!ArrayBuffer.isView(chunk)) {
    throw new ERR_INVALID_ARG_TYPE("buf", ["Buffer", "TypedArray", "DataView", "string"], chunk);
  }
  let bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (bytes.length < state.missing) {
    state.pending.set(bytes, state.length);
    state.length += bytes.length;
    state.missing -= bytes.length;
    return "";
  }
  if (state.length > 0) {
    const joined = new Uint8Array(state.length + bytes.length);
    joined.set(state.pending.subarray(0, state.length));
    joined.set(bytes, state.length);
    bytes = joined;
  }
  const { 0: end, 1: missing } = tailOf(state.number, bytes);
  state.length = bytes.length - end;
  state.missing = missing;
  state.pending.set(bytes.subarray(end));
  return end === 0 ? "" : ops.decode(bytes, state.number, 0, end);
};

StringDecoder.prototype.end = function end(chunk) {
  const state = stateOf(this);
  let text = chunk === undefined ? "" : this.write(chunk);
  if (state.length > 0) {
    // Half a UTF-16 unit is dropped; a cut UTF-8 sequence shows as U+FFFD.
    const length = state.number === UTF16LE ? state.length & ~1 : state.length;
    text += ops.decode(state.pending, state.number, 0, length);
  }
  state.length = 0;
  state.missing = 0;
  return text;
};

StringDecoder.prototype.text = function text(chunk, offset) {
  const state = stateOf(this);
  state.length = 0;
  state.missing = 0;
  return this.write(chunk.slice(offset));
};

for (const [name, read] of [
  ["lastChar", (state) => state.pending.subarray(0, 4)],
  ["lastNeed", (state) => state.missing],
  ["lastTotal", (state) => state.length + state.missing],
]) {
  Object.defineProperty(StringDecoder.prototype, name, {
    __proto__: null,
    enumerable: true,
    configurable: true,
    get() {
      return read(stateOf(this));
    },
  });
}

Object.assign(exports, { StringDecoder, default: { StringDecoder } });
