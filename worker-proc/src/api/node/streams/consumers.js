/*
 * node:stream/consumers: all of a stream as one value.
 */

const { ArrayPrototypePush, JSONParse, ObjectAssign } = primordials;
const { Blob } = require("blob");
const { TextDecoder } = require("encoding");
const { Buffer } = require("node:buffer");

async function blob(stream) {
  const chunks = [];
  for await (const chunk of stream) ArrayPrototypePush(chunks, chunk);
  return new Blob(chunks);
}

async function arrayBuffer(stream) {
  return (await blob(stream)).arrayBuffer();
}

async function buffer(stream) {
  return Buffer.from(await arrayBuffer(stream));
}

async function text(stream) {
  const decoder = new TextDecoder();
  let result = "";
  for await (const chunk of stream) {
    result += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  }
  return result + decoder.decode();
}

async function json(stream) {
  return JSONParse(await text(stream));
}

const consumers = { arrayBuffer, blob, buffer, json, text };

ObjectAssign(exports, consumers, { default: consumers });
