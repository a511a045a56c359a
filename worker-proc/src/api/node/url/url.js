/*
 * node:url: the web's URL classes, conversions between paths and file URLs, and the legacy parser.
 */

const {
  Boolean,
  Number,
  ObjectAssign,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  decodeURIComponent,
} = primordials;
const {
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_FILE_URL_HOST,
  ERR_INVALID_FILE_URL_PATH,
  ERR_INVALID_URL_SCHEME,
  ERR_MISSING_ARGS,
} = require("node/common/errors");
const { Url, format, isURL, parse, resolve, resolveObject } = require("node/url/legacy");
const { posix, win32 } = require("node:path");
const { toUnicode } = require("node:punycode");
const { URLSearchParams: Params, currentURL } = require("url");
const { published } = require("webidl");

const URL = published(currentURL());
const URLSearchParams = published(Params);

/** The ASCII form of a host, "" if it is none. */
function domainToASCII(domain) {
  if (arguments.length < 1) throw new ERR_MISSING_ARGS("domain");
  return hostOf(`${domain}`);
}

function domainToUnicode(domain) {
  if (arguments.length < 1) throw new ERR_MISSING_ARGS("domain");
  return toUnicode(hostOf(`${domain}`));
}

function hostOf(domain) {
  try {
    const url = new URL("ws://x");
    url.hostname = domain;
    return url.hostname === "x" && domain !== "x" ? "" : url.hostname;
  } catch {
    return "";
  }
}

const escapes = {
  __proto__: null,
  "%": "%25",
  "\t": "%09",
  "\n": "%0A",
  "\r": "%0D",
  " ": "%20",
  '"': "%22",
  "#": "%23",
  "?": "%3F",
  "[": "%5B",
  "]": "%5D",
  "^": "%5E",
  "|": "%7C",
  "~": "%7E",
  "\\": "%5C",
};

const encodePath = (path, isWindows) =>
  RegExpPrototypeSymbolReplace(isWindows ? /[%\t\n\r "#?[\]^|~]/g : /[%\t\n\r "#?[\]^|~\\]/g, path, (char) => escapes[char]);

function posixPath(url) {
  if (url.hostname !== "") throw new ERR_INVALID_FILE_URL_HOST("linux");
  if (RegExpPrototypeExec(/%2f/i, url.pathname) !== null)
    throw new ERR_INVALID_FILE_URL_PATH("must not include encoded / characters");
  return decodeURIComponent(url.pathname);
}

function windowsPath(url) {
  if (RegExpPrototypeExec(/%2f|%5c/i, url.pathname) !== null) {
    throw new ERR_INVALID_FILE_URL_PATH("must not include encoded \\ or / characters");
  }
  const path = decodeURIComponent(StringPrototypeReplaceAll(url.pathname, "/", "\\"));
  if (url.hostname !== "") return `\\\\${toUnicode(url.hostname)}${path}`;
  if (RegExpPrototypeExec(/^.[a-zA-Z]:/s, path) === null) throw new ERR_INVALID_FILE_URL_PATH("must be absolute");
  return StringPrototypeSlice(path, 1);
}

function fileURLToPath(input, options) {
  let url = input;
  if (typeof input === "string") url = new URL(input);
  else if (!isURL(input)) throw new ERR_INVALID_ARG_TYPE("path", ["string", "URL"], input);
  if (url.protocol !== "file:") throw new ERR_INVALID_URL_SCHEME("file");
  return options?.windows ? windowsPath(url) : posixPath(url);
}

function pathToFileURL(path, options) {
  if (typeof path !== "string") throw new ERR_INVALID_ARG_TYPE("filepath", "string", path);
  const isWindows = Boolean(options?.windows);
  if (isWindows && StringPrototypeStartsWith(path, "\\\\")) {
    // A UNC path; its long form starts with "\\?\UNC\".
    const start = StringPrototypeStartsWith(path, "\\\\?\\UNC\\") ? 8 : 2;
    const end = StringPrototypeIndexOf(path, "\\", start);
    if (end === -1) throw new ERR_INVALID_ARG_VALUE("path", path, "Missing UNC resource path");
    if (end === 2) throw new ERR_INVALID_ARG_VALUE("path", path, "Empty UNC servername");
    const url = new URL("file://");
    url.hostname = hostOf(StringPrototypeSlice(path, start, end));
    url.pathname = encodePath(StringPrototypeReplaceAll(StringPrototypeSlice(path, end), "\\", "/"), true);
    return url;
  }
  const platform = isWindows ? win32 : posix;
  let resolved = platform.resolve(path);
  const last = path[path.length - 1];
  if ((last === "/" || (isWindows && last === "\\")) && resolved[resolved.length - 1] !== platform.sep) {
    resolved += "/";
  }
  return new URL(`file://${encodePath(resolved, isWindows)}`);
}

const toPathIfFileURL = (value) => (isURL(value) ? fileURLToPath(value) : value);

function urlToHttpOptions(url) {
  const { hostname, pathname, port, username, password, search } = url;
  const options = {
    __proto__: null,
    ...url,
    protocol: url.protocol,
    hostname: hostname && hostname[0] === "[" ? StringPrototypeSlice(hostname, 1, -1) : hostname,
    hash: url.hash,
    search,
    pathname,
    path: `${pathname || ""}${search || ""}`,
    href: url.href,
  };
  if (port !== "") options.port = Number(port);
  if (username || password) options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

const url = {
  domainToASCII,
  domainToUnicode,
  URL,
  URLSearchParams,
  fileURLToPath,
  pathToFileURL,
  toPathIfFileURL,
  urlToHttpOptions,
  format,
  parse,
  resolve,
  resolveObject,
  Url,
};

ObjectAssign(exports, url, { default: url });
