/* The module `cloudflare-internal:base64`. */
const { ArrayBufferIsView, TypedArrayPrototypeGetBuffer } = primordials;
const { argumentError } = require("webidl");
const { isAnyArrayBuffer } = require("fetch/body");

function requireBytes(method, value) {
  if (ArrayBufferIsView(value) || isAnyArrayBuffer(value)) return value;
  throw argumentError("Base64Module", method, 1, "BufferSource");
}

const encodeArray = (bytes) => TypedArrayPrototypeGetBuffer(ops.encode(requireBytes("encodeArray", bytes)));
const encodeArrayToString = (bytes) => decodeUtf8(ops.encode(requireBytes("encodeArrayToString", bytes)));
const decodeArray = (text) => TypedArrayPrototypeGetBuffer(ops.decode(requireBytes("decodeArray", text)));

const { decodeUtf8 } = require("encoding");

exports.default = { decodeArray, encodeArray, encodeArrayToString };
