/* The module `cloudflare-internal:streaming-base64`: streams that bring bytes into base64, and back. */
const {
  Error,
  MathMin,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { decodeArray, encodeArray } = require("cloudflare-internal:base64").default;
const { internal, noop, typeError } = require("streams/common");
const { bytesIn } = require("streams/native");
const { Transform, TransformStream, kPair } = require("streams/transform");

/** The bytes that make one block of characters, and those characters. */
const BYTES = 3;
const CHARACTERS = 4;
const PADDING = 0x3d;
/** The most that is converted at once. */
const MAX_BLOCKS = 8192;

const STRATEGY = { __proto__: null, highWaterMark: 1, size: undefined };

/** Converts whole blocks as they come; what begins one waits for its rest. */
class Blocks {
  constructor(machine, blockBytes, maxChunkBytes, convert) {
    this.machine = machine;
    this.blockBytes = blockBytes;
    this.maxChunkBytes = maxChunkBytes;
    this.convert = convert;
    this.rest = new Uint8Array(0);
  }

  get restBytes() {
    return TypedArrayPrototypeGetByteLength(this.rest);
  }

  take(bytes) {
    const all = joined(this.rest, bytes);
    const length = TypedArrayPrototypeGetByteLength(all);
    const end = length - (length % this.blockBytes);
    for (let at = 0; at < end; at += this.maxChunkBytes) {
      this.put(TypedArrayPrototypeSubarray(all, at, MathMin(end, at + this.maxChunkBytes)));
    }
    // The chunk may be its writer's to use again.
    this.rest = TypedArrayPrototypeSlice(all, end);
  }

  put(bytes) {
    this.machine.enqueue(new Uint8Array(this.convert(bytes)));
  }
}
internal(Blocks);

function joined(first, second) {
  const length = TypedArrayPrototypeGetByteLength(first);
  if (length === 0) return second;
  const all = new Uint8Array(length + TypedArrayPrototypeGetByteLength(second));
  TypedArrayPrototypeSet(all, first);
  TypedArrayPrototypeSet(all, second, length);
  return all;
}

function requireBytes(chunk) {
  const bytes = bytesIn(chunk);
  if (bytes === undefined) throw typeError("A base64 stream takes bytes.");
  return bytes;
}

class Encoder {
  constructor(blocks) {
    this.blocks = blocks;
  }

  transform(chunk) {
    this.blocks.take(requireBytes(chunk));
  }

  flush() {
    if (this.blocks.restBytes > 0) this.blocks.put(this.blocks.rest);
  }

  cancel() {}
}
internal(Encoder);

class Decoder {
  constructor(blocks) {
    this.blocks = blocks;
    this.isPadded = false;
  }

  transform(chunk) {
    try {
      const bytes = requireBytes(chunk);
      const length = TypedArrayPrototypeGetByteLength(bytes);
      if (this.isPadded && length > 0) throw new Error("Padding already seen, no further chunks allowed");
      this.isPadded ||= length > 0 && bytes[length - 1] === PADDING;
      this.blocks.take(bytes);
    } catch (error) {
      throw base64Error(error);
    }
  }

  flush() {
    if (this.blocks.restBytes > 0) throw base64Error(new Error("Bytes left over when flushing controller"));
  }

  cancel() {}
}
internal(Decoder);

const base64Error = (cause) =>
  cause instanceof Error
    ? new Error(`base64 error: ${cause.message}`, { __proto__: null, cause })
    : new Error("unknown base64 error");

function streamOf(Kind, blockBytes, maxChunkBytes, convert) {
  const machine = new Transform(STRATEGY, { ...STRATEGY, highWaterMark: 0 }, noop);
  machine.transformer = new Kind(new Blocks(machine, blockBytes, maxChunkBytes, convert));
  machine.start(undefined);
  return new TransformStream(kPair, machine);
}

function createBase64EncoderTransformStream(maxEncodeChunkSize = MAX_BLOCKS * BYTES) {
  if (!(maxEncodeChunkSize > 0) || maxEncodeChunkSize % BYTES !== 0) throw new Error("maxChunkSize must be a multiple of 3");
  return streamOf(Encoder, BYTES, maxEncodeChunkSize, encodeArray);
}

function createBase64DecoderTransformStream(maxChunkSize = MAX_BLOCKS * CHARACTERS) {
  if (!(maxChunkSize > 0) || maxChunkSize % CHARACTERS !== 0) {
    throw new Error("maxChunkSize must be a positive multiple of 4.");
  }
  return streamOf(Decoder, CHARACTERS, maxChunkSize, decodeArray);
}

exports.createBase64DecoderTransformStream = createBase64DecoderTransformStream;
exports.createBase64EncoderTransformStream = createBase64EncoderTransformStream;
