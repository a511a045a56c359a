/*
 * node:stream/web: the web's stream classes.
 */

const names = [
  "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest",
  "ReadableByteStreamController", "ReadableStreamDefaultController", "TransformStream",
  "TransformStreamDefaultController", "WritableStream", "WritableStreamDefaultWriter",
  "WritableStreamDefaultController", "ByteLengthQueuingStrategy", "CountQueuingStrategy", "TextEncoderStream",
  "TextDecoderStream", "CompressionStream", "DecompressionStream",
];
const web = {};
for (const name of names) web[name] = globalThis[name];

Object.assign(exports, web, { default: web });
