/*
 * The URL class of dates before `url_standard`: kinder to some texts and harsher to others than the URL standard, with components
 * that are kept decoded and checked when they are put together again. Relies on `url/search_params`; `url` installs it.
 */

const {
  ArrayPrototypePush,
  NumberPrototypeToString,
  RegExpPrototypeExec,
  SafeSet,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeToLowerCase,
  StringPrototypeToUpperCase,
  TypeError,
} = primordials;
const { constructorError, defineInterface, illegalInvocation, setterError } = require("webidl");
const { resetSearchParams, searchParamsOf } = require("url/search_params");

const DEFAULT_PORT = { __proto__: null, "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:/i;
/** Beside a base. */
const SCHEME = /^[a-z0-9+.-]*:/i;
const AUTHORITY = /^[^/?#]*/;
const PATH = /^[^?#]*/;
const QUERY = /^[^#]*/;
const HOST = /^[a-z0-9._:[\]-]*$/i;

// What of ASCII a component keeps; all else is written as `%` and two digits.
const KEPT_USER = /[a-z0-9!$&'()*+,._~-]/i;
const KEPT_PATH = /[a-z0-9!$&'()*+,.:;=@[\]^_|~-]/i;
const KEPT_QUERY = /[a-z0-9*._-]/i;
const KEPT_FRAGMENT = /[!#$&-;=?-_a-~]/;
/** Every component keeps these. */
const PLAIN = /^[a-z0-9._-]*$/i;

const NOT_ASCII = /[^\0-\x7f]/;

/** The bytes of UTF-8 as characters; half a surrogate pair becomes three bytes as it is. */
function toBytes(text) {
  if (RegExpPrototypeExec(NOT_ASCII, text) === null) return text;
  let bytes = "";
  for (let i = 0; i < text.length; i++) {
    let code = StringPrototypeCharCodeAt(text, i);
    if (code < 0x80) {
      bytes += StringFromCharCode(code);
      continue;
    }
    const low = i + 1 < text.length ? StringPrototypeCharCodeAt(text, i + 1) : 0;
    if (code >> 10 === 0x36 && low >> 10 === 0x37) {
      code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
      i++;
    }
    if (code >= 0x10000) bytes += StringFromCharCode(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f));
    else if (code >= 0x800) bytes += StringFromCharCode(0xe0 | (code >> 12));
    if (code >= 0x800) bytes += StringFromCharCode(0x80 | ((code >> 6) & 0x3f));
    else bytes += StringFromCharCode(0xc0 | (code >> 6));
    bytes += StringFromCharCode(0x80 | (code & 0x3f));
  }
  return bytes;
}

const HEX = /^[0-9a-f]{2}$/i;

/** The bytes with escapes undone; null where one is none, unless that only loses its `%`. */
function decode(bytes, lenient = false) {
  if (StringPrototypeIndexOf(bytes, "%") < 0) return bytes;
  let decoded = "";
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== "%") {
      decoded += bytes[i];
      continue;
    }
    const digits = StringPrototypeSlice(bytes, i + 1, i + 3);
    if (RegExpPrototypeExec(HEX, digits) !== null) {
      decoded += StringFromCharCode(+`0x${digits}`);
      i += 2;
    } else if (!lenient) {
      return null;
    }
  }
  return decoded;
}

function encode(bytes, kept) {
  if (RegExpPrototypeExec(PLAIN, bytes) !== null) return bytes;
  let encoded = "";
  for (let i = 0; i < bytes.length; i++) {
    const code = StringPrototypeCharCodeAt(bytes, i);
    if (RegExpPrototypeExec(kept, bytes[i]) !== null) encoded += bytes[i];
    else encoded += `%${code < 16 ? "0" : ""}${StringPrototypeToUpperCase(NumberPrototypeToString(code, 16))}`;
  }
  return encoded;
}

/** Adds segments to a path; whether it ends with a slash, or null where an escape is none. */
function addSegments(path, bytes) {
  const pieces = StringPrototypeSplit(bytes, "/");
  let slash = false;
  for (let i = 0; i < pieces.length; i++) {
    slash = pieces[i] === "" || pieces[i] === "." || pieces[i] === "..";
    if (pieces[i] === "..") {
      if (path.length > 0) path.length--;
    } else if (!slash) {
      const segment = decode(pieces[i]);
      if (segment === null) return null;
      ArrayPrototypePush(path, segment);
    }
  }
  return slash;
}

/** `+` is a space in a query. */
function decodeForm(bytes) {
  const pieces = StringPrototypeSplit(bytes, "+");
  let spaced = pieces[0];
  for (let i = 1; i < pieces.length; i++) spaced += `%20${pieces[i]}`;
  return decode(spaced);
}

/** Pairs, flat; the value of a name without `=` is null. */
function parseQuery(bytes) {
  const pieces = StringPrototypeSplit(bytes, "&");
  const query = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === "") continue;
    const equals = StringPrototypeIndexOf(pieces[i], "=");
    const name = decodeForm(equals < 0 ? pieces[i] : StringPrototypeSlice(pieces[i], 0, equals));
    const value = equals < 0 ? null : decodeForm(StringPrototypeSlice(pieces[i], equals + 1));
    if (name === null || (equals >= 0 && value === null)) return null;
    ArrayPrototypePush(query, name, value);
  }
  return query;
}

const encodeForm = (bytes) => {
  const pieces = StringPrototypeSplit(bytes, " ");
  let encoded = encode(pieces[0], KEPT_QUERY);
  for (let i = 1; i < pieces.length; i++) encoded += `+${encode(pieces[i], KEPT_QUERY)}`;
  return encoded;
};

/** The components, decoded, or null. `base` is another's. */
function parse(text, base) {
  let rest = toBytes(text);
  const take = (pattern) => {
    const found = RegExpPrototypeExec(pattern, rest);
    if (found === null) return null;
    rest = StringPrototypeSlice(rest, found[0].length);
    return found[0];
  };
  if (base !== null && rest === "") return { __proto__: null, ...base };
  const url = {
    __proto__: null,
    protocol: "",
    user: null,
    password: null,
    host: "",
    path: [],
    slash: false,
    query: [],
    fragment: null,
  };
  const scheme = take(base === null ? ABSOLUTE : SCHEME);
  if (scheme === null && base === null) return null;
  url.protocol = scheme === null ? base.protocol : StringPrototypeToLowerCase(scheme);
  const own = rest[0] === "/" && rest[1] === "/";
  if (own) {
    rest = StringPrototypeSlice(rest, 2);
    let authority = take(AUTHORITY);
    const at = StringPrototypeIndexOf(authority, "@");
    if (at >= 0) {
      const user = StringPrototypeSlice(authority, 0, at);
      authority = StringPrototypeSlice(authority, at + 1);
      const colon = StringPrototypeIndexOf(user, ":");
      url.user = decode(colon < 0 ? user : StringPrototypeSlice(user, 0, colon));
      url.password = colon < 0 ? null : decode(StringPrototypeSlice(user, colon + 1));
      if (url.user === null || (colon >= 0 && url.password === null)) return null;
    }
    const host = decode(authority);
    if (host === null || RegExpPrototypeExec(HOST, host) === null) return null;
    url.host = StringPrototypeToLowerCase(host);
  } else if (base === null) {
    return null;
  } else {
    url.user = base.user;
    url.password = base.password;
    url.host = base.host;
  }
  const path = take(PATH);
  if (path !== "") {
    const rooted = path[0] === "/";
    if (!own && !rooted) {
      const kept = base.slash ? base.path.length : base.path.length - 1;
      for (let i = 0; i < kept; i++) ArrayPrototypePush(url.path, base.path[i]);
    }
    url.slash = addSegments(url.path, rooted ? StringPrototypeSlice(path, 1) : path);
    if (url.slash === null) return null;
  } else if (!own) {
    url.path = base.path;
    url.slash = base.slash;
    if (rest[0] !== "?") url.query = base.query;
  }
  if (rest[0] === "?") {
    url.query = parseQuery(StringPrototypeSlice(take(QUERY), 1));
    if (url.query === null) return null;
  }
  if (rest[0] === "#") {
    url.fragment = decode(StringPrototypeSlice(rest, 1));
    if (url.fragment === null) return null;
  }
  return url;
}

/** Where the port begins, with its colon. */
const portStart = (host) => {
  const colon = StringPrototypeIndexOf(host, ":");
  return colon < 0 ? host.length : colon;
};

/** A host has no port that its scheme implies. */
function setHost(url, host) {
  const start = portStart(host);
  const port = StringPrototypeSlice(host, start + 1);
  url.host = port === "" || port === DEFAULT_PORT[url.protocol] ? StringPrototypeSlice(host, 0, start) : host;
}

function pathOf(url) {
  let text = "";
  for (let i = 0; i < url.path.length; i++) text += `/${encode(url.path[i], KEPT_PATH)}`;
  return url.slash ? `${text}/` : text;
}

function searchOf(url) {
  let text = "";
  for (let i = 0; i < url.query.length; i += 2) {
    text += `${i === 0 ? "?" : "&"}${encodeForm(url.query[i])}`;
    if (url.query[i + 1] !== null) text += `=${encodeForm(url.query[i + 1])}`;
  }
  return text;
}

function hrefOf(url) {
  if (RegExpPrototypeExec(HOST, url.host) === null) throw new TypeError("Invalid hostname when stringifying URL.");
  for (let i = 0; i < url.path.length; i++) {
    if (url.path[i] === "." || url.path[i] === "..") throw new TypeError("Invalid pathname when stringifying URL.");
  }
  let text = `${url.protocol}//`;
  if (url.user !== null) {
    text += encode(url.user, KEPT_USER);
    if (url.password !== null) text += `:${encode(url.password, KEPT_USER)}`;
    text += "@";
  }
  text += url.host + pathOf(url) + searchOf(url);
  return url.fragment === null ? text : `${text}#${encode(url.fragment, KEPT_FRAGMENT)}`;
}

let stateOf;
let paramsOf;

/** What begins a change that a URL must be whole for. */
function checked(url) {
  const state = stateOf(url);
  hrefOf(state);
  return state;
}

class URL {
  #state;
  #params = null;

  constructor(url, base) {
    if (arguments.length < 1) throw constructorError("URL", 1, "string");
    url = `${url}`;
    let from = null;
    if (base !== undefined) {
      from = parse(`${base}`, null);
      if (from === null) throw new TypeError("Invalid base URL string.");
    }
    const state = parse(url, from);
    if (state === null) throw new TypeError(`Invalid ${from === null ? "" : "relative "}URL string.`);
    setHost(state, state.host);
    this.#state = state;
  }

  static {
    stateOf = (url) => {
      try {
        return url.#state;
      } catch {
        throw illegalInvocation();
      }
    };
    paramsOf = (url, make) => {
      if (url.#params === null && make !== undefined) url.#params = make();
      return url.#params;
    };
  }

  get href() {
    return hrefOf(stateOf(this));
  }
  set href(value) {
    const state = stateOf(this);
    const next = parse(`${value}`, null);
    if (next === null) throw setterError("URL", "href", "valid URL string");
    for (const name in next) state[name] = next[name];
    setHost(state, state.host);
    refresh(this);
  }

  get origin() {
    const { protocol, host } = stateOf(this);
    return DEFAULT_PORT[protocol] === undefined ? "null" : `${protocol}//${host}`;
  }

  get protocol() {
    return stateOf(this).protocol;
  }
  set protocol(value) {
    const state = checked(this);
    const scheme = RegExpPrototypeExec(ABSOLUTE, `${value}:`);
    if (scheme === null) return;
    state.protocol = StringPrototypeToLowerCase(scheme[0]);
    setHost(state, state.host);
  }

  get username() {
    const { user } = stateOf(this);
    return user === null ? "" : encode(user, KEPT_USER);
  }
  set username(value) {
    checked(this).user = toBytes(`${value}`);
  }

  get password() {
    const { password } = stateOf(this);
    return password === null ? "" : encode(password, KEPT_USER);
  }
  set password(value) {
    const state = checked(this);
    const password = toBytes(`${value}`);
    state.password = password === "" ? null : password;
    if (password !== "") state.user ??= "";
  }

  get host() {
    return stateOf(this).host;
  }
  set host(value) {
    const state = stateOf(this);
    const host = `${value}`;
    const start = portStart(host);
    // Without a port it leaves the one that there is.
    if (start + 1 < host.length) setHost(state, host);
    else setHost(state, StringPrototypeSlice(host, 0, start) + StringPrototypeSlice(state.host, portStart(state.host)));
  }

  get hostname() {
    const { host } = stateOf(this);
    return StringPrototypeSlice(host, 0, portStart(host));
  }
  set hostname(value) {
    const state = stateOf(this);
    const host = `${value}`;
    setHost(state, StringPrototypeSlice(host, 0, portStart(host)) + StringPrototypeSlice(state.host, portStart(state.host)));
  }

  get port() {
    const { host } = stateOf(this);
    return StringPrototypeSlice(host, portStart(host) + 1);
  }
  set port(value) {
    const state = stateOf(this);
    setHost(state, `${StringPrototypeSlice(state.host, 0, portStart(state.host))}:${value}`);
  }

  get pathname() {
    const state = stateOf(this);
    const path = pathOf(state);
    return path === "" && (state.protocol === "file:" || DEFAULT_PORT[state.protocol] !== undefined) ? "/" : path;
  }
  set pathname(value) {
    const state = stateOf(this);
    const bytes = toBytes(`${value}`);
    const path = [];
    const slash = addSegments(path, bytes[0] === "/" ? StringPrototypeSlice(bytes, 1) : bytes);
    if (slash === null) return;
    state.path = path;
    state.slash = slash;
  }

  get search() {
    return searchOf(stateOf(this));
  }
  set search(value) {
    const state = stateOf(this);
    const bytes = toBytes(`${value}`);
    const query = parseQuery(bytes[0] === "?" ? StringPrototypeSlice(bytes, 1) : bytes);
    if (query === null) return;
    state.query = query;
    refresh(this);
  }

  get searchParams() {
    const state = stateOf(this);
    return paramsOf(this, () => searchParamsOf(queryOf(state), (query) => changeQuery(state, query)));
  }

  get hash() {
    const { fragment } = stateOf(this);
    return fragment === null || fragment === "" ? "" : `#${encode(fragment, KEPT_FRAGMENT)}`;
  }
  set hash(value) {
    const bytes = toBytes(`${value}`);
    stateOf(this).fragment = decode(bytes[0] === "#" ? StringPrototypeSlice(bytes, 1) : bytes, true);
  }

  toString() {
    return hrefOf(stateOf(this));
  }
  toJSON() {
    return hrefOf(stateOf(this));
  }
}

const queryOf = (state) => StringPrototypeSlice(searchOf(state), 1);

function refresh(url) {
  const params = paramsOf(url);
  if (params !== null) resetSearchParams(params, queryOf(stateOf(url)));
}

/** Names that had no `=` get none from a change elsewhere. */
function changeQuery(state, text) {
  const bare = new SafeSet();
  for (let i = 0; i < state.query.length; i += 2) if (state.query[i + 1] === null) bare.add(state.query[i]);
  state.query = parseQuery(text);
  for (let i = 0; i < state.query.length; i += 2) {
    if (state.query[i + 1] === "" && bare.has(state.query[i])) state.query[i + 1] = null;
  }
}

defineInterface(URL);

exports.globals = { URL };
