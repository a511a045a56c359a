/* URLs as strings, for the request path: no URL object is kept. */
"use strict";
const { StringPrototypeToWellFormed } = primordials;
const { hrefOf, parseURL } = require("url");

/** The serialised URL, or undefined where the text is none. */
function parseHref(text) {
  const url = parseURL(StringPrototypeToWellFormed(text), undefined);
  return url === null ? undefined : hrefOf(url);
}

/** `text` as seen from `base`. */
function joinHref(text, base) {
  const url = parseURL(StringPrototypeToWellFormed(text), base);
  return url === null ? undefined : hrefOf(url);
}

/** The origin of a URL that has been parsed before. */
const originOf = (href) => parseURL(href, undefined)?.origin;

exports.parseHref = parseHref;
exports.joinHref = joinHref;
exports.originOf = originOf;
