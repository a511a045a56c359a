/* Responses to `data:` URLs, by the Fetch standard's data: URL processor. */
const {
  PromiseReject,
  PromiseResolve,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeTrim,
  TypeError,
} = primordials;
const { cannotLoad } = require("fetch/request");
const { Response } = require("fetch/response");
const { MIMEType } = require("mime");

const BASE64 = /;[ ]*base64$/i;

/** A promise of the response. */
function fetchData(url) {
  const comma = StringPrototypeIndexOf(url, ",");
  if (comma === -1) return PromiseReject(new TypeError(cannotLoad(url)));
  let type = StringPrototypeTrim(StringPrototypeSlice(url, 5, comma));
  const hash = StringPrototypeIndexOf(url, "#");
  const body = StringPrototypeSlice(url, comma + 1, hash === -1 ? undefined : hash);
  const match = RegExpPrototypeExec(BASE64, type);
  if (match !== null) type = StringPrototypeSlice(type, 0, match.index);
  let bytes = ops.percentDecode(body);
  if (match !== null) {
    bytes = ops.decodeBase64(bytes);
    if (bytes === null) return PromiseReject(new TypeError("Invalid base64 in data URL."));
  }
  if (StringPrototypeStartsWith(type, ";")) type = `text/plain${type}`;
  try {
    type = `${new MIMEType(type)}`;
  } catch {
    type = "text/plain;charset=US-ASCII";
  }
  const headers = { __proto__: null, "content-type": type };
  return PromiseResolve(new Response(bytes, { __proto__: null, statusText: "OK", headers }));
}

exports.fetchData = fetchData;
