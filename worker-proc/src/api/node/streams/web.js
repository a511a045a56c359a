/*
 * node:stream/web: the web's stream classes, those that are globals.
 */

const { ObjectAssign } = primordials;
const { published } = require("webidl");
const streams = require("streams").classes();
const { TextDecoderStream, TextEncoderStream } = require("streams/encoding").globals;
const { CompressionStream, DecompressionStream } = require("compression").globals;

const all = { ...streams, TextEncoderStream, TextDecoderStream, CompressionStream, DecompressionStream };
const names = [
  "ReadableStream",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest",
  "ReadableByteStreamController",
  "ReadableStreamDefaultController",
  "TransformStream",
  "TransformStreamDefaultController",
  "WritableStream",
  "WritableStreamDefaultWriter",
  "WritableStreamDefaultController",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
  "TextEncoderStream",
  "TextDecoderStream",
  "CompressionStream",
  "DecompressionStream",
];
const web = {};
for (let i = 0; i < names.length; i++) web[names[i]] = published(all[names[i]]);

ObjectAssign(exports, web, { default: web });
