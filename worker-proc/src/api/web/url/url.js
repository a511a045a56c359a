/*
 * URL (URL section 6.1). The op parses and serialises; this keeps the serialised URL and the places of its components
 * in it, so that an attribute is a slice. Fetch takes URLs apart with `parseURL`. Relies on `url/search_params`.
 */

const { Error, StringPrototypeSlice, TypeError } = primordials;
const flags = require("flags");
const { argumentError, constructorError, defineInterface, illegalInvocation, setterError, toUSVString } = require("webidl");
const { URLSearchParams, resetSearchParams, searchParamsOf } = require("url/search_params");

const { HREF, PROTOCOL_END, USERNAME_END, HOST_START, HOST_END, PATHNAME_START, PORT, SEARCH_START, HASH_START } = ops.Parts;
const {
  PROTOCOL: SET_PROTOCOL,
  USERNAME: SET_USERNAME,
  PASSWORD: SET_PASSWORD,
  HOST: SET_HOST,
  HOSTNAME: SET_HOSTNAME,
  PORT: SET_PORT,
  PATHNAME: SET_PATHNAME,
  SEARCH: SET_SEARCH,
  HASH: SET_HASH,
} = ops.Component;

let partsOf;
let setParts;
let paramsOf;
let setParams;
const kParsed = { __proto__: null };

class URL {
  #parts;
  #params = null;

  constructor(url, base) {
    if (url === kParsed) {
      this.#parts = base;
      return;
    }
    if (arguments.length < 1) throw constructorError("URL", 1, "USVString");
    url = toUSVString(url);
    const parts = ops.parse(url, base === undefined ? undefined : toUSVString(base));
    if (parts === null) throw new TypeError("Invalid URL string.");
    this.#parts = parts;
  }

  static {
    partsOf = (url) => {
      try {
        return url.#parts;
      } catch {
        throw illegalInvocation();
      }
    };
    setParts = (url, parts) => {
      url.#parts = parts;
    };
    paramsOf = (url) => url.#params;
    setParams = (url, params) => {
      url.#params = params;
      return params;
    };
  }

  static canParse(url, base) {
    if (arguments.length < 1) throw argumentError("URL", "canParse", 1, "USVString");
    url = toUSVString(url);
    return ops.canParse(url, base === undefined ? undefined : toUSVString(base));
  }

  static parse(url, base) {
    if (arguments.length < 1) throw argumentError("URL", "parse", 1, "USVString");
    url = toUSVString(url);
    return parseURL(url, base === undefined ? undefined : toUSVString(base));
  }

  static createObjectURL(object) {
    if (!require("blob").isBlob(object)) throw argumentError("URL", "createObjectURL", 1, "File or Blob");
    throw new Error("URL.createObjectURL() is not implemented");
  }

  static revokeObjectURL(url) {
    if (arguments.length < 1) throw argumentError("URL", "revokeObjectURL", 1, "USVString");
    toUSVString(url);
    throw new Error("URL.revokeObjectURL() is not implemented");
  }

  get origin() {
    const parts = partsOf(this);
    const protocol = StringPrototypeSlice(parts[HREF], 0, parts[PROTOCOL_END]);
    switch (protocol) {
      case "http:":
      case "https:":
      case "ws:":
      case "wss:":
      case "ftp:":
        return `${protocol}//${hostOf(parts)}`;
      case "blob:":
        return ops.origin(parts[HREF]);
      default:
        return "null";
    }
  }

  get href() {
    return partsOf(this)[HREF];
  }
  set href(value) {
    partsOf(this);
    const parts = ops.parse(toUSVString(value), undefined);
    if (parts === null) throw setterError("URL", "href", "valid URL string");
    setParts(this, parts);
    refreshParams(this);
  }

  get protocol() {
    const parts = partsOf(this);
    return StringPrototypeSlice(parts[HREF], 0, parts[PROTOCOL_END]);
  }
  set protocol(value) {
    update(this, SET_PROTOCOL, value);
  }

  get username() {
    const parts = partsOf(this);
    const start = parts[PROTOCOL_END] + 2;
    return start < parts[USERNAME_END] ? StringPrototypeSlice(parts[HREF], start, parts[USERNAME_END]) : "";
  }
  set username(value) {
    update(this, SET_USERNAME, value);
  }

  get password() {
    const parts = partsOf(this);
    return parts[HOST_START] > parts[USERNAME_END]
      ? StringPrototypeSlice(parts[HREF], parts[USERNAME_END] + 1, parts[HOST_START])
      : "";
  }
  set password(value) {
    update(this, SET_PASSWORD, value);
  }

  get host() {
    return hostOf(partsOf(this));
  }
  set host(value) {
    update(this, SET_HOST, value);
  }

  get hostname() {
    const parts = partsOf(this);
    return hostnameOf(parts);
  }
  set hostname(value) {
    update(this, SET_HOSTNAME, value);
  }

  get port() {
    return portOf(partsOf(this));
  }
  set port(value) {
    update(this, SET_PORT, value);
  }

  get pathname() {
    const parts = partsOf(this);
    const search = parts[SEARCH_START];
    const end = search >= 0 ? search : parts[HASH_START] >= 0 ? parts[HASH_START] : parts[HREF].length;
    return StringPrototypeSlice(parts[HREF], parts[PATHNAME_START], end);
  }
  set pathname(value) {
    update(this, SET_PATHNAME, value);
  }

  get search() {
    return searchOf(partsOf(this));
  }
  set search(value) {
    update(this, SET_SEARCH, value);
    refreshParams(this);
  }

  get hash() {
    const parts = partsOf(this);
    const start = parts[HASH_START];
    return start < 0 || start + 1 >= parts[HREF].length ? "" : StringPrototypeSlice(parts[HREF], start);
  }
  set hash(value) {
    update(this, SET_HASH, value);
  }

  get searchParams() {
    const parts = partsOf(this);
    return (
      paramsOf(this) ??
      setParams(
        this,
        searchParamsOf(queryOf(parts), (query) => updateTo(this, SET_SEARCH, query)),
      )
    );
  }

  toJSON() {
    return partsOf(this)[HREF];
  }
  toString() {
    return partsOf(this)[HREF];
  }
}

/** Credentials end with an @ that belongs to no component. */
const hostStart = (parts) => (parts[HREF][parts[HOST_START]] === "@" ? parts[HOST_START] + 1 : parts[HOST_START]);

function hostOf(parts) {
  const start = hostStart(parts);
  // A path that begins with // behind an absent host is preceded by "/.", which is no host.
  return start >= parts[HOST_END] ? "" : StringPrototypeSlice(parts[HREF], start, parts[PATHNAME_START]);
}

const hostnameOf = (parts) => StringPrototypeSlice(parts[HREF], hostStart(parts), parts[HOST_END]);

const portOf = (parts) => (parts[PORT] < 0 ? "" : `${parts[PORT]}`);

function searchOf(parts) {
  const start = parts[SEARCH_START];
  if (start < 0) return "";
  const end = parts[HASH_START] < 0 ? parts[HREF].length : parts[HASH_START];
  return end <= start + 1 ? "" : StringPrototypeSlice(parts[HREF], start, end);
}

const queryOf = (parts) => StringPrototypeSlice(searchOf(parts), 1);

function updateTo(url, what, value) {
  const parts = ops.update(partsOf(url)[HREF], what, value);
  if (parts !== null) setParts(url, parts);
}

function update(url, what, value) {
  partsOf(url);
  updateTo(url, what, toUSVString(value));
}

function refreshParams(url) {
  const params = paramsOf(url);
  if (params !== null) resetSearchParams(params, queryOf(partsOf(url)));
}

/** A URL from well-formed strings, or null. */
function parseURL(url, base) {
  const parts = ops.parse(url, base);
  return parts === null ? null : new URL(kParsed, parts);
}

defineInterface(URL);

/** The host and the port of `host:port`, each "" where it is absent; null if it cannot be parsed. */
function addressParts(address) {
  const parts = ops.parse(`fake://${address}`, undefined);
  return parts === null ? null : [hostnameOf(parts), portOf(parts)];
}

exports.URL = URL;
exports.URLSearchParams = URLSearchParams;
exports.addressParts = addressParts;
/** The class that is the global `URL` in this isolate. */
exports.currentURL = () => (flags.specCompliantUrl ? URL : require("url/original").globals.URL);
exports.hrefOf = (url) => partsOf(url)[HREF];
exports.parseURL = parseURL;
exports.globals = { URL };

exports.install = function (global, flags, scope, defineLazy) {
  if (!flags.specCompliantUrl) defineLazy(scope, "URL", "url/original");
};
