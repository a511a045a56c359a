/*
 * What node:dns and node:dns/promises are made of: what a name means, asked of Cloudflare's resolver over HTTPS through the worker's global outbound.
 */

// own: searchParams (a URL's)
const {
  ArrayPrototypeConcat,
  ArrayPrototypeFilter,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeReduce,
  ArrayPrototypeSlice,
  ArrayPrototypeSort,
  ArrayPrototypeSplice,
  Error,
  NumberParseInt,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectKeys,
  PromiseAll,
  PromisePrototypeCatch,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectApply,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolMatch,
  StringFromCharCode,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
} = primordials;
const { setLength } = require("node/common/unsupported");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OPTION_NOT_IMPLEMENTED } = require("node/common/errors");
const { validateBoolean, validateNumber, validateOneOf, validateString } = require("node/common/validators");
const { fetch } = require("fetch").globals;
const { URL } = require("url");
const { addresses } = require("sockets/overrides");

const RESOLVER = "https://cloudflare-dns.com/dns-query";
/** Addresses of the same. */
const SERVERS = ["1.1.1.1", "2606:4700:4700::1111", "1.0.0.1", "2606:4700:4700::1001"];

const CODES = {};
for (
  let i = 0,
    names = StringPrototypeSplit(
      "NODATA FORMERR SERVFAIL NOTFOUND NOTIMP REFUSED BADQUERY BADNAME BADFAMILY BADRESP CONNREFUSED TIMEOUT FILE NOMEM DESTRUCTION " +
        "BADSTR BADFLAGS NONAME BADHINTS NOTINITIALIZED LOADIPHLPAPI ADDRGETNETWORKPARAMS CANCELLED",
      " ",
    );
  i < names.length;
  i++
) {
  const name = names[i];
  CODES[name] = `E${name}`;
}
CODES.EOF = "EOF";
const HINTS = { ADDRCONFIG: 1024, ALL: 256, V4MAPPED: 2048 };

class DnsError extends Error {
  constructor(hostname, code, syscall) {
    super(`${syscall} ${code} ${hostname}`);
    ObjectAssign(this, { code, name: "Error", errno: undefined, hostname, syscall });
  }
}

const notImplemented = () => {
  throw new Error("Not implemented");
};

// Questions.

/** The answers to a question, none of which are of other types than it; `undefined` where there are none. */
async function ask(name, type) {
  const madeUp = addresses[name];
  if (madeUp !== undefined) return type === "A" ? [{ data: madeUp, TTL: 0 }] : undefined;
  const syscall = `query${type}`;
  const url = new URL(RESOLVER);
  url.searchParams.set("name", name);
  url.searchParams.set("type", type);
  let json;
  try {
    const response = await fetch(url, { headers: { accept: "application/dns-json" } });
    json = response.ok ? await response.json() : { error: "" };
  } catch {
    throw new DnsError(name, CODES.BADQUERY, syscall);
  }
  if (json === null || typeof json !== "object" || "error" in json || !json.Question?.[0]) {
    throw new DnsError(name, CODES.BADRESP, syscall);
  }
  // The root has no such record, and nothing else was found.
  if (json.Answer?.[0]?.name === "") throw new DnsError(name, CODES.NOTFOUND, syscall);
  const { type: asked } = json.Question[0];
  const answers = ArrayPrototypeFilter(json.Answer ?? [], ({ type }) => type === asked);
  return answers.length > 0 ? answers : undefined;
}

/** A function that asks for records of a type; `read` makes of each what Node gives. Bad names throw at once. */
function resolver(type, read) {
  const syscall = `query${type[0]}${StringPrototypeToLowerCase(StringPrototypeSlice(type, 1))}`;
  return function (name, options = undefined) {
    validateString(name, "name");
    return PromisePrototypeThen(ask(name, type), (answers) => {
      if (!answers) throw new DnsError(name, CODES.NOTFOUND, syscall);
      try {
        return ArrayPrototypeMap(answers, (answer) => read(answer, options));
      } catch {
        throw new DnsError(name, CODES.BADRESP, syscall);
      }
    });
  };
}

const undotted = (text) => (StringPrototypeEndsWith(text, ".") ? StringPrototypeSlice(text, 0, -1) : text);
const toName = ({ data }) => undotted(data);
const toAddress = ({ data, TTL }, options) => (options?.ttl ? { ttl: TTL, address: data } : data);

/** The words of a record, as many as there must be. */
function words(data, count) {
  const all = StringPrototypeSplit(data, " ");
  if (all.length < count) throw new Error("the record is too short");
  return all;
}

/** The bytes of a record of a type that the resolver shows in hexadecimal: `\# 3 0a 0b 0c`. */
class Bytes {
  constructor(data) {
    this.rest = ArrayPrototypeMap(ArrayPrototypeSlice(words(data, 3), 2), (word) => NumberParseInt(word, 16));
  }

  number(bytes) {
    return ArrayPrototypeReduce(this.take(bytes), (number, byte) => number * 256 + byte, 0);
  }

  take(count) {
    if (count > this.rest.length) throw new Error("the record is too short");
    return ArrayPrototypeSplice(this.rest, 0, count);
  }

  text(count = this.number(1)) {
    return ReflectApply(StringFromCharCode, undefined, this.take(count));
  }

  /** Labels up to the root's, which is empty. */
  domain() {
    const labels = [];
    for (let label = this.text(); label !== ""; label = this.text()) ArrayPrototypePush(labels, label);
    return ArrayPrototypeJoin(labels, ".");
  }
}

/** RFC 8659 section 4.1. */
function toCaa({ data }) {
  const bytes = new Bytes(data);
  const critical = bytes.number(1);
  return { critical, [bytes.text()]: bytes.text(bytes.rest.length) };
}

function toMx({ data }) {
  const { 0: priority, 1: exchange } = words(data, 2);
  return { exchange: undotted(exchange), priority: NumberParseInt(priority, 10) };
}

/** RFC 3403 section 4.1. */
function toNaptr({ data }) {
  const bytes = new Bytes(data);
  const order = bytes.number(2);
  const preference = bytes.number(2);
  return {
    flags: bytes.text(),
    service: bytes.text(),
    regexp: bytes.text(),
    replacement: bytes.domain(),
    order,
    preference,
  };
}

function toSoa({ data }) {
  const { 0: nsname, 1: hostmaster, 2: serial, 3: refresh, 4: retry, 5: expire, 6: minttl } = words(data, 7);
  return {
    nsname,
    hostmaster,
    serial: NumberParseInt(serial, 10),
    refresh: NumberParseInt(refresh, 10),
    retry: NumberParseInt(retry, 10),
    expire: NumberParseInt(expire, 10),
    minttl: NumberParseInt(minttl, 10),
  };
}

function toSrv({ data }) {
  const { 0: priority, 1: weight, 2: port, 3: name } = words(data, 4);
  return {
    priority: NumberParseInt(priority, 10),
    weight: NumberParseInt(weight, 10),
    port: NumberParseInt(port, 10),
    name,
  };
}

/** Strings in quotes, one after another; one without is itself. */
function toTxt({ data }) {
  if (!StringPrototypeStartsWith(data, '"') || !StringPrototypeEndsWith(data, '"')) return [data];
  return ArrayPrototypeMap(RegExpPrototypeSymbolMatch(/"([^"]|"(?!"))*"/g, data) ?? [], (text) =>
    StringPrototypeSlice(text, 1, -1),
  );
}

const resolve4 = resolver("A", toAddress);
const resolve6 = resolver("AAAA", toAddress);
const resolveCaa = resolver("CAA", toCaa);
const resolveCname = resolver("CNAME", toName);
const resolveMx = resolver("MX", toMx);
const resolveNaptr = resolver("NAPTR", toNaptr);
const resolveNs = resolver("NS", toName);
const resolvePtr = resolver("PTR", toName);
const resolveSrv = resolver("SRV", toSrv);
const resolveTxt = resolver("TXT", toTxt);
const allSoa = resolver("SOA", toSoa);
const reverse = resolver("PTR", toName);
const resolveSoa = (name) =>
  PromisePrototypeThen(allSoa(name), (all) => {
    if (all.length === 0) throw new DnsError(name, CODES.NOTFOUND, "querySoa");
    return all[0];
  });
const resolveAny = async () => notImplemented();
const lookupService = async () => notImplemented();

const byType = {
  __proto__: null,
  A: resolve4,
  AAAA: resolve6,
  ANY: resolveAny,
  CAA: resolveCaa,
  CNAME: resolveCname,
  MX: resolveMx,
  NAPTR: resolveNaptr,
  NS: resolveNs,
  PTR: resolvePtr,
  SOA: resolveSoa,
  SRV: resolveSrv,
  TXT: resolveTxt,
};

function resolve(name, rrtype) {
  validateString(name, "name");
  const ask = typeof rrtype === "string" ? byType[rrtype] : undefined;
  if (ask === undefined) throw new ERR_INVALID_ARG_VALUE("rrtype", rrtype);
  return ask(name);
}

// Addresses.

const FAMILIES = [0, 4, 6];
const ORDERS = ["verbatim", "ipv4first", "ipv6first"];
let defaultOrder = "verbatim";

const getServers = () => ArrayPrototypeSlice(SERVERS);
const setServers = () => notImplemented();
const getDefaultResultOrder = () => defaultOrder;

function setDefaultResultOrder(order) {
  validateOneOf(order, "dnsOrder", ORDERS);
  defaultOrder = order;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** 4 or 6 for the text of an address, else 0. */
function familyOf(text) {
  if (RegExpPrototypeExec(IPV4, text) !== null) return 4;
  return StringPrototypeIncludes(text, ":") &&
    RegExpPrototypeExec(/[[\]/%]/, text) === null &&
    URL.canParse(`http://[${text}]`)
    ? 6
    : 0;
}

/** What `lookup` is to look for. */
function lookupOptions(options) {
  const parsed = { family: 0, all: false, order: defaultOrder };
  if (typeof options === "number") {
    validateOneOf(options, "family", FAMILIES);
    parsed.family = options;
    return parsed;
  }
  if (options !== undefined && typeof options !== "object")
    throw new ERR_INVALID_ARG_TYPE("options", ["integer", "object"], options);
  const { hints, family, all, verbatim, order } = options ?? {};
  if (hints != null) {
    validateNumber(hints, "options.hints");
    throw new ERR_OPTION_NOT_IMPLEMENTED("options.hints");
  }
  if (family != null) {
    parsed.family = family === "IPv4" ? 4 : family === "IPv6" ? 6 : family;
    validateOneOf(parsed.family, "options.family", FAMILIES);
  }
  if (all != null) {
    validateBoolean(all, "options.all");
    parsed.all = all;
  }
  if (verbatim != null) {
    validateBoolean(verbatim, "options.verbatim");
    parsed.order = verbatim ? "verbatim" : "ipv4first";
  }
  if (order != null) {
    validateOneOf(order, "options.order", ORDERS);
    parsed.order = order;
  }
  return parsed;
}

/** The addresses of a host, the preferred ones first. */
async function addressesOf(hostname, family, order) {
  const known = familyOf(hostname);
  if (known !== 0) return [{ address: hostname, family: known }];
  const asked = family === 0 ? [4, 6] : [family];
  const queries = ArrayPrototypeMap(asked, async (family) => {
    const type = family === 4 ? "A" : "AAAA";
    const answers = await ask(hostname, type);
    if (!answers) throw new DnsError(hostname, CODES.NOTFOUND, `query${type}`);
    return ArrayPrototypeMap(answers, ({ data }) => ({ address: data, family }));
  });
  if (family !== 0) return queries[0];
  const { 0: four, 1: six } = await PromiseAll(
    ArrayPrototypeMap(queries, (query) => PromisePrototypeCatch(query, () => [])),
  );
  const addresses = order === "ipv6first" ? ArrayPrototypeConcat(six, four) : ArrayPrototypeConcat(four, six);
  if (addresses.length === 0) throw new DnsError(hostname, CODES.NOTFOUND, "queryA");
  return addresses;
}

/** A promise of what `lookup` finds; bad arguments throw at once. */
function find(hostname, options) {
  if (hostname) validateString(hostname, "hostname");
  const { family, all, order } = lookupOptions(options);
  if (!hostname) return PromiseResolve(all ? [] : { address: null, family: family === 6 ? 6 : 4 });
  return PromisePrototypeThen(addressesOf(hostname, family, order), (addresses) => (all ? addresses : addresses[0]));
}

const methods = {
  reverse,
  resolveTxt,
  resolveCaa,
  resolveMx,
  resolveCname,
  resolveNs,
  resolvePtr,
  resolveSrv,
  resolveSoa,
  resolveNaptr,
  resolve4,
  resolve6,
  resolve,
  resolveAny,
};

/** A class with the functions as methods, in Node's order. */
/** The class over these methods; its own take what they take, or tell nothing of it. */
function makeResolver(methods, tellsLengths = false) {
  class Resolver {
    cancel() {
      notImplemented();
    }
    setLocalAddress() {
      notImplemented();
    }
    getServers() {
      return getServers();
    }
  }
  const names = ArrayPrototypeSort(ObjectKeys(methods));
  ArrayPrototypePush(names, "setServers");
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const { [name]: method } = {
      [name](...args) {
        return ReflectApply(methods[name] ?? setServers, undefined, args);
      },
    };
    if (tellsLengths) setLength([method], (methods[name] ?? setServers).length);
    ObjectDefineProperty(Resolver.prototype, name, { value: method, writable: true, configurable: true });
  }
  return Resolver;
}

ObjectAssign(exports, {
  CODES,
  HINTS,
  find,
  getDefaultResultOrder,
  getServers,
  lookupService,
  makeResolver,
  methods,
  setDefaultResultOrder,
  setServers,
});
