/* Bodies in the form that `Content-Encoding` names. Used by fetch, once it meets one. */
const { ArrayBufferIsView } = primordials;
const { encodeUtf8 } = require("encoding");

/** The number of a native body that is the decoded form of that one. */
const decode = (number, coding) => ops.codeContent(number, coding, false);

/** The coded form of what the ops of fetch take: a string, bytes, or a native body's number. */
function encode(content, coding) {
  if (typeof content === "number") return ops.codeContent(content, coding, true);
  return ops.encodeContent(ArrayBufferIsView(content) ? content : encodeUtf8(content), coding);
}

exports.decode = decode;
exports.encode = encode;
