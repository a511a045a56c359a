/* URLs as strings, for the request path: no URL object is kept. */
const {
  RegExpPrototypeExec,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  StringPrototypeToWellFormed,
} = primordials;
const flags = require("flags");
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

const PARTS = /^(https?:\/\/)([^/?#]*)([^?#]*)(\?[^#]*)?/i;

/** Neither a service nor a response is told of it. */
function cutFragment(url) {
  const hash = StringPrototypeIndexOf(url, "#");
  return hash === -1 ? url : StringPrototypeSlice(url, 0, hash);
}

/** What `fetch` makes of a request's URL: no fragment. Before the flag for it URLs are no more standardised than this. */
function withoutFragment(url) {
  if (flags.fetchStandardUrl) return cutFragment(url);
  const match = RegExpPrototypeExec(PARTS, url);
  if (match === null) return url;
  const path =
    RegExpPrototypeExec(/\/\.\.?(\/|$)/, match[3]) === null
      ? match[3]
      : StringPrototypeSlice(parseHref(`http://x${match[3]}`), 8);
  return `${StringPrototypeToLowerCase(match[1])}${StringPrototypeToLowerCase(match[2])}${path}${match[4] ?? ""}`;
}

/** What is asked of the service: no credentials, no spaces. */
function targetOf(url) {
  if (StringPrototypeIncludes(url, "@")) {
    const match = RegExpPrototypeExec(/^(https?:\/\/)[^/?#]*@(.*)$/i, url);
    if (match !== null) url = match[1] + match[2];
  }
  return StringPrototypeIncludes(url, " ") ? StringPrototypeReplaceAll(url, " ", "%20") : url;
}

exports.cutFragment = cutFragment;
exports.parseHref = parseHref;
exports.joinHref = joinHref;
exports.originOf = originOf;
exports.targetOf = targetOf;
exports.withoutFragment = withoutFragment;
