/*
 * node:url: the web's URL classes, conversions between paths and file URLs, and the legacy parser.
 */

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
const { URL, URLSearchParams } = globalThis;

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
  "%": "%25", "\t": "%09", "\n": "%0A", "\r": "%0D", " ": "%20", '"': "%22", "#": "%23", "?": "%3F", "[": "%5B",
  "]": "%5D", "^": "%5E", "|": "%7C", "~": "%7E", "\\": "%5C",
};

const encodePath = (path, isWindows) =>
  path.replace(isWindows ? /[%\t\n\r "#?[\]^|~]/g : /[%\t\n\r "#?[\]^|~\\]/g, (char) => escapes[char]);

function posixPath(url) {
  if (url.hostname !== "") throw new ERR_INVALID_FILE_URL_HOST("linux");
  if (/%2f/i.test(url.pathname)) throw new ERR_INVALID_FILE_URL_PATH("must not include encoded / characters");
  return decodeURIComponent(url.pathname);
}

function windowsPath(url) {
  if (/%2f|%5c/i.test(url.pathname)) {
    throw new ERR_INVALID_FILE_URL_PATH("must not include encoded \\ or / characters");
  }
  const path = decodeURIComponent(url.pathname.replaceAll("/", "\\"));
  if (url.hostname !== "") return `\\\\${toUnicode(url.hostname)}${path}`;
  if (!/^.[a-zA-Z]:/s.test(path)) throw new ERR_INVALID_FILE_URL_PATH("must be absolute");
  return path.slice(1);
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
  if (isWindows && path.startsWith("\\\\")) {
    // A UNC path; its long form starts with "\\?\UNC\".
    const start = path.startsWith("\\\\?\\UNC\\") ? 8 : 2;
    const end = path.indexOf("\\", start);
    if (end === -1) throw new ERR_INVALID_ARG_VALUE("path", path, "Missing UNC resource path");
    if (end === 2) throw new ERR_INVALID_ARG_VALUE("path", path, "Empty UNC servername");
    const url = new URL("file://");
    url.hostname = hostOf(path.slice(start, end));
    url.pathname = encodePath(path.slice(end).replaceAll("\\", "/"), true);
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
    hostname: hostname && hostname[0] === "[" ? hostname.slice(1, -1) : hostname,
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

Object.assign(exports, url, { default: url });
