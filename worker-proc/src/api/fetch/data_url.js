/* Responses to `data:` URLs, by the Fetch standard's data: URL processor. */
"use strict";
const { PromiseReject, PromiseResolve, TypeError } = primordials;
const { Response } = require("fetch/response");
const { decodeDataUrl } = require("url");

/** A promise of the response. */
function fetchData(url) {
  const parsed = decodeDataUrl(url);
  if (parsed === undefined) return PromiseReject(new TypeError("Invalid data: URL"));
  return PromiseResolve(new Response(parsed.bytes, { headers: { __proto__: null, "content-type": parsed.type } }));
}

exports.fetchData = fetchData;
