/*
 * The legacy URL functions of node:url: `parse`, `format`, `resolve` and the class Url. They take
 * what browsers of old took, and keep relative references relative.
 */

const {
  ArrayPrototypeConcat,
  ArrayPrototypeFlatMap,
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeUnshift,
  Boolean,
  FunctionPrototypeCall,
  NumberPrototypeToString,
  ObjectAssign,
  ObjectKeys,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  RegExpPrototypeSymbolSearch,
  RegExpPrototypeSymbolSplit,
  SafeSet,
  StringPrototypeCharCodeAt,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeLastIndexOf,
  StringPrototypePadStart,
  StringPrototypeReplace,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  StringPrototypeToUpperCase,
  decodeURIComponent,
  encodeURIComponent,
} = primordials;
const { currentURL } = require("url");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_URL } = require("node/common/errors");
const { validateObject, validateString } = require("node/common/validators");
const querystring = require("node:querystring");

const MAX_HOST_CHARS = 255;

const hostless = new SafeSet(["javascript", "javascript:"]);
const slashed = new SafeSet(
  ArrayPrototypeFlatMap(["http", "https", "ftp", "gopher", "file", "ws", "wss"], (name) => [name, `${name}:`]),
);

const forbiddenInHost = /[\0\t\n\r #%/:<>?@[\\\]^|]/;
const forbiddenInIpv6 = /[\0\t\n\r #%/<>?@\\^|]/;

// Characters that are always escaped in what follows the host.
const autoEscape = /[\t\n\r "'<>\\^`{|}]/g;
const escapeChar = (char) =>
  `%${StringPrototypePadStart(StringPrototypeToUpperCase(NumberPrototypeToString(StringPrototypeCharCodeAt(char, 0), 16)), 2, "0")}`;

const isURL = (value) => Boolean(value?.href && value.protocol && value.auth === undefined && value.path === undefined);

const FIELDS = [
  "protocol",
  "slashes",
  "auth",
  "host",
  "port",
  "hostname",
  "hash",
  "search",
  "query",
  "pathname",
  "path",
  "href",
];

function Url() {
  for (let i = 0; i < FIELDS.length; i++) this[FIELDS[i]] = null;
}

/** Trims blanks, and turns backslashes before the query into slashes. */
function clean(text) {
  const trimmed = RegExpPrototypeSymbolReplace(/^[\0-\x20\u00a0\ufeff]+|[\0-\x20\u00a0\ufeff]+$/g, text, "");
  const end = RegExpPrototypeSymbolSearch(/[?#]/, trimmed);
  if (end === -1) return StringPrototypeReplaceAll(trimmed, "\\", "/");
  return StringPrototypeReplaceAll(StringPrototypeSlice(trimmed, 0, end), "\\", "/") + StringPrototypeSlice(trimmed, end);
}

/** Splits what follows "//" into credentials, host and the rest. */
function splitHost(rest) {
  let hostEnd = RegExpPrototypeSymbolSearch(/[#/?]/, rest);
  if (hostEnd === -1) hostEnd = rest.length;
  // Tabs and line breaks vanish from the authority.
  const authority = RegExpPrototypeSymbolReplace(/[\t\n\r]/g, StringPrototypeSlice(rest, 0, hostEnd), "");
  const at = StringPrototypeLastIndexOf(authority, "@");
  const afterAt = StringPrototypeSlice(authority, at + 1);
  const bad = RegExpPrototypeSymbolSearch(/[ "%';<>\\^`{|}]/, afterAt);
  const host = bad === -1 ? afterAt : StringPrototypeSlice(afterAt, 0, bad);
  return {
    auth: at === -1 ? null : decodeURIComponent(StringPrototypeSlice(authority, 0, at)),
    host,
    rest: (bad === -1 ? "" : StringPrototypeSlice(afterAt, bad)) + StringPrototypeSlice(rest, hostEnd),
  };
}

function toASCII(host) {
  if (RegExpPrototypeExec(/^[\x00-\x7f]*$/, host) !== null) return host;
  try {
    const url = new (currentURL())("ws://x");
    url.hostname = host;
    return url.hostname === "x" ? "" : url.hostname;
  } catch {
    return "";
  }
}

Url.prototype.parse = function parse(url, parseQuery, slashesDenoteHost) {
  validateString(url, "url");
  let rest = clean(url);
  const hasHash = StringPrototypeIncludes(rest, "#");
  const hasAt = StringPrototypeIncludes(RegExpPrototypeSymbolSplit(/[?#]/, rest, 1)[0], "@");

  if (!slashesDenoteHost && !hasHash && !hasAt) {
    const simple = RegExpPrototypeExec(/^(\/\/?(?!\/)[^?\s]*)(\?[^\s]*)?$/, rest);
    if (simple) {
      this.path = rest;
      this.href = rest;
      this.pathname = simple[1];
      if (simple[2]) {
        this.search = simple[2];
        this.query = parseQuery
          ? querystring.parse(StringPrototypeSlice(this.search, 1))
          : StringPrototypeSlice(this.search, 1);
      } else if (parseQuery) {
        this.search = null;
        this.query = { __proto__: null };
      }
      return this;
    }
  }

  const scheme = RegExpPrototypeExec(/^[a-z0-9.+-]+:/i, rest)?.[0];
  const protocol = scheme && StringPrototypeToLowerCase(scheme);
  if (scheme) {
    this.protocol = protocol;
    rest = StringPrototypeSlice(rest, scheme.length);
  }

  let slashes = false;
  if (slashesDenoteHost || scheme || RegExpPrototypeExec(/^\/\/[^@/]+@[^@/]+/, rest) !== null) {
    slashes = StringPrototypeStartsWith(rest, "//");
    if (slashes && !hostless.has(protocol)) {
      rest = StringPrototypeSlice(rest, 2);
      this.slashes = true;
    }
  }

  if (!hostless.has(protocol) && (slashes || (scheme && !slashed.has(scheme)))) {
    const parts = splitHost(rest);
    this.auth = parts.auth;
    this.host = parts.host;
    rest = setHost(this, parts.rest, url);
  }

  if (!hostless.has(protocol)) rest = RegExpPrototypeSymbolReplace(autoEscape, rest, escapeChar);

  const hash = StringPrototypeIndexOf(rest, "#");
  if (hash !== -1) {
    this.hash = StringPrototypeSlice(rest, hash);
    rest = StringPrototypeSlice(rest, 0, hash);
  }
  const question = StringPrototypeIndexOf(rest, "?");
  if (question !== -1) {
    this.search = StringPrototypeSlice(rest, question);
    this.query = parseQuery
      ? querystring.parse(StringPrototypeSlice(rest, question + 1))
      : StringPrototypeSlice(rest, question + 1);
    rest = StringPrototypeSlice(rest, 0, question);
  } else if (parseQuery) {
    this.search = null;
    this.query = { __proto__: null };
  }
  if (rest.length > 0) this.pathname = rest;
  if (slashed.has(protocol) && this.hostname && !this.pathname) this.pathname = "/";
  if (this.pathname || this.search) this.path = (this.pathname || "") + (this.search || "");
  this.href = this.format();
  return this;
};

/** Checks and normalises the host that `parse` found; returns the rest, with what is no host in front. */
function setHost(target, rest, url) {
  target.parseHost();
  if (typeof target.hostname !== "string") target.hostname = "";
  const isIpv6 = StringPrototypeStartsWith(target.hostname, "[") && StringPrototypeEndsWith(target.hostname, "]");
  if (!isIpv6) {
    const bad = RegExpPrototypeSymbolSearch(/[/\\#?:]/, target.hostname);
    if (bad !== -1) {
      rest = `/${StringPrototypeSlice(target.hostname, bad)}${rest}`;
      target.hostname = StringPrototypeSlice(target.hostname, 0, bad);
    }
  }
  target.hostname = target.hostname.length > MAX_HOST_CHARS ? "" : StringPrototypeToLowerCase(target.hostname);
  if (target.hostname !== "") {
    if (isIpv6) {
      if (RegExpPrototypeExec(forbiddenInIpv6, target.hostname) !== null) throw new ERR_INVALID_URL(url);
    } else {
      target.hostname = toASCII(target.hostname);
      if (target.hostname === "" || RegExpPrototypeExec(forbiddenInHost, target.hostname) !== null)
        throw new ERR_INVALID_URL(url);
    }
  }
  target.host = target.hostname + (target.port ? `:${target.port}` : "");
  if (isIpv6) {
    target.hostname = StringPrototypeSlice(target.hostname, 1, -1);
    if (rest[0] !== "/") rest = `/${rest}`;
  }
  return rest;
}

Url.prototype.parseHost = function parseHost() {
  let host = this.host;
  const port = RegExpPrototypeExec(/:[0-9]*$/, host)?.[0];
  if (port !== undefined) {
    if (port !== ":") this.port = StringPrototypeSlice(port, 1);
    host = StringPrototypeSlice(host, 0, host.length - port.length);
  }
  if (host) this.hostname = host;
};

const escapeAuth = (auth) =>
  RegExpPrototypeSymbolReplace(/[!'()*]/g, StringPrototypeReplaceAll(encodeURIComponent(auth), "%3A", ":"), (char) => char);

Url.prototype.format = function format() {
  const auth = this.auth ? `${escapeAuth(this.auth)}@` : "";
  let protocol = this.protocol || "";
  let pathname = this.pathname || "";
  let hash = this.hash || "";
  let host = "";
  if (this.host) {
    host = auth + this.host;
  } else if (this.hostname) {
    const isBare = StringPrototypeIncludes(this.hostname, ":") && RegExpPrototypeExec(/^\[.*\]$/, this.hostname) === null;
    host = auth + (isBare ? `[${this.hostname}]` : this.hostname) + (this.port ? `:${this.port}` : "");
  }
  const query = this.query !== null && typeof this.query === "object" ? querystring.stringify(this.query) : "";
  let search = this.search || (query && `?${query}`) || "";

  if (protocol && !StringPrototypeEndsWith(protocol, ":")) protocol += ":";
  pathname = RegExpPrototypeSymbolReplace(/[#?]/g, pathname, escapeChar);
  // Only these schemes get "//"; others, as mailto:, have none.
  if (this.slashes || slashed.has(protocol)) {
    if (this.slashes || host) {
      if (pathname && pathname[0] !== "/") pathname = `/${pathname}`;
      host = `//${host}`;
    } else if (StringPrototypeStartsWith(protocol, "file")) {
      host = "//";
    }
  }
  search = StringPrototypeReplaceAll(search, "#", "%23");
  if (hash && hash[0] !== "#") hash = `#${hash}`;
  if (search && search[0] !== "?") search = `?${search}`;
  return protocol + host + pathname + search + hash;
};

Url.prototype.resolve = function resolve(relative) {
  return this.resolveObject(parse(relative, false, true)).format();
};

const copyOf = (source) => ObjectAssign(new Url(), source);

/** Removes "." and ".." from path segments; ".." at the start stays only if it may. */
function resolveDots(segments, mayClimb) {
  const result = [];
  let up = 0;
  for (let i = segments.length - 1; i >= 0; i--) {
    if (segments[i] === ".") continue;
    if (segments[i] === "..") up++;
    else if (up > 0) up--;
    else ArrayPrototypeUnshift(result, segments[i]);
  }
  if (mayClimb) while (up-- > 0) ArrayPrototypeUnshift(result, "..");
  return result;
}

Url.prototype.resolveObject = function resolveObject(relative) {
  if (typeof relative === "string") relative = new Url().parse(relative, false, true);
  const result = copyOf(this);
  // The fragment is always the reference's own.
  result.hash = relative.hash;
  if (relative.href === "") {
    result.href = result.format();
    return result;
  }

  if (relative.slashes && !relative.protocol) {
    // "//host/path": all but the scheme.
    for (let i = 0, list = ObjectKeys(relative); i < list.length; i++) {
      const key = list[i];
      if (key !== "protocol") result[key] = relative[key];
    }
    if (slashed.has(result.protocol) && result.hostname && !result.pathname) {
      result.path = "/";
      result.pathname = "/";
    }
    result.href = result.format();
    return result;
  }

  if (relative.protocol && relative.protocol !== result.protocol) return otherScheme(result, relative);

  const isSourceAbsolute = Boolean(result.pathname && result.pathname[0] === "/");
  const isReferenceAbsolute = Boolean(relative.host || (relative.pathname && relative.pathname[0] === "/"));
  let mustBeAbsolute = isReferenceAbsolute || isSourceAbsolute || Boolean(result.host && relative.pathname);
  const removeAllDots = mustBeAbsolute;
  let source = (result.pathname && StringPrototypeSplit(result.pathname, "/")) || [];
  const reference = (relative.pathname && StringPrototypeSplit(relative.pathname, "/")) || [];
  const hasNoHost = result.protocol && !slashed.has(result.protocol);

  if (hasNoHost) {
    // The first segment plays the host.
    result.hostname = "";
    result.port = null;
    if (result.host) {
      if (source[0] === "") source[0] = result.host;
      else ArrayPrototypeUnshift(source, result.host);
    }
    result.host = "";
    if (relative.protocol) {
      relative.hostname = null;
      relative.port = null;
      result.auth = null;
      if (relative.host) {
        if (reference[0] === "") reference[0] = relative.host;
        else ArrayPrototypeUnshift(reference, relative.host);
      }
      relative.host = null;
    }
    mustBeAbsolute = mustBeAbsolute && (reference[0] === "" || source[0] === "");
  }

  if (isReferenceAbsolute) {
    if (relative.host || relative.host === "") {
      if (result.host !== relative.host) result.auth = null;
      result.host = relative.host;
      result.port = relative.port;
    }
    if (relative.hostname || relative.hostname === "") {
      if (result.hostname !== relative.hostname) result.auth = null;
      result.hostname = relative.hostname;
    }
    result.search = relative.search;
    result.query = relative.query;
    source = reference;
  } else if (reference.length > 0) {
    ArrayPrototypePop(source);
    source = ArrayPrototypeConcat(source, reference);
    result.search = relative.search;
    result.query = relative.query;
  } else if (relative.search !== null && relative.search !== undefined) {
    // Only a query: the path stays.
    if (hasNoHost) takeHostFrom(result, ArrayPrototypeShift(source));
    result.search = relative.search;
    result.query = relative.query;
    setPath(result);
    result.href = result.format();
    return result;
  }

  if (source.length === 0) {
    result.pathname = null;
    result.path = result.search ? `/${result.search}` : null;
    result.href = result.format();
    return result;
  }

  const last = source[source.length - 1];
  const endsInFolder =
    ((result.host || relative.host || source.length > 1) && (last === "." || last === "..")) || last === "";
  source = resolveDots(source, !mustBeAbsolute && !removeAllDots);
  if (mustBeAbsolute && source[0] !== "" && (!source[0] || source[0][0] !== "/")) ArrayPrototypeUnshift(source, "");
  if (endsInFolder && !StringPrototypeEndsWith(ArrayPrototypeJoin(source, "/"), "/")) ArrayPrototypePush(source, "");
  const isAbsolute = source[0] === "" || Boolean(source[0] && source[0][0] === "/");
  if (hasNoHost) {
    takeHostFrom(result, isAbsolute ? "" : source.length > 0 ? ArrayPrototypeShift(source) : "");
  }
  mustBeAbsolute = mustBeAbsolute || Boolean(result.host && source.length > 0);
  if (mustBeAbsolute && !isAbsolute) ArrayPrototypeUnshift(source, "");
  if (source.length === 0) {
    result.pathname = null;
    result.path = null;
  } else {
    result.pathname = ArrayPrototypeJoin(source, "/");
  }
  if (result.pathname !== null || result.search !== null) setPath(result);
  result.auth = relative.auth || result.auth;
  result.slashes = result.slashes || relative.slashes;
  result.href = result.format();
  return result;
};

function setPath(result) {
  if (result.pathname !== null || result.search !== null) {
    result.path = (result.pathname ?? "") + (result.search ?? "");
  }
}

/** For schemes without "//": a segment is the host, with credentials if it has an "@". */
function takeHostFrom(result, segment) {
  result.hostname = segment;
  result.host = segment;
  const at = segment && StringPrototypeIndexOf(segment, "@") > 0 ? StringPrototypeSplit(segment, "@") : undefined;
  if (at) {
    result.auth = ArrayPrototypeShift(at);
    result.host = ArrayPrototypeShift(at);
    result.hostname = result.host;
  }
}

/** A reference with another scheme: it replaces nearly everything. */
function otherScheme(result, relative) {
  if (!slashed.has(relative.protocol)) {
    ObjectAssign(result, relative);
    result.href = result.format();
    return result;
  }
  result.protocol = relative.protocol;
  if (!relative.host && RegExpPrototypeExec(/^file:?$/, relative.protocol) === null && !hostless.has(relative.protocol)) {
    const segments = StringPrototypeSplit(relative.pathname || "", "/");
    while (segments.length > 0 && !(relative.host = ArrayPrototypeShift(segments)));
    relative.host ||= "";
    relative.hostname ||= "";
    if (segments[0] !== "") ArrayPrototypeUnshift(segments, "");
    if (segments.length < 2) ArrayPrototypeUnshift(segments, "");
    result.pathname = ArrayPrototypeJoin(segments, "/");
  } else {
    result.pathname = relative.pathname;
  }
  result.search = relative.search;
  result.query = relative.query;
  result.host = relative.host || "";
  result.auth = relative.auth;
  result.hostname = relative.hostname || relative.host;
  result.port = relative.port;
  if (result.pathname || result.search) result.path = (result.pathname || "") + (result.search || "");
  result.slashes = result.slashes || relative.slashes;
  result.href = result.format();
  return result;
}

function parse(url, parseQuery, slashesDenoteHost) {
  return url instanceof Url ? url : new Url().parse(url, parseQuery, slashesDenoteHost);
}

const resolve = (source, relative) => parse(source, false, true).resolve(relative);

function resolveObject(source, relative) {
  return source ? parse(source, false, true).resolveObject(relative) : relative;
}

function format(url, options) {
  if (typeof url === "string") return parse(url).format();
  if (typeof url !== "object" || url === null) throw new ERR_INVALID_ARG_TYPE("urlObject", ["Object", "string"], url);
  if (!isURL(url)) return FunctionPrototypeCall(Url.prototype.format, url);
  const want = { fragment: true, unicode: false, search: true, auth: true };
  if (options) {
    validateObject(options, "options");
    for (let i = 0, names = ObjectKeys(want); i < names.length; i++) {
      const name = names[i];
      if (options[name] != null) want[name] = Boolean(options[name]);
    }
  }
  const copy = new (currentURL())(url.href);
  if (!want.fragment) copy.hash = "";
  if (!want.search) copy.search = "";
  if (!want.auth) {
    copy.username = "";
    copy.password = "";
  }
  if (!want.unicode) return copy.href;
  return StringPrototypeReplace(copy.href, copy.hostname, require("node:punycode").toUnicode(copy.hostname));
}

ObjectAssign(exports, { Url, format, isURL, parse, resolve, resolveObject });
