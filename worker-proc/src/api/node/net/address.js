/*
 * Addresses: what kind a text is, the arguments that name one, ports of the isolate's table.
 */

const { Number, RegExpPrototypeExec, StringPrototypeSlice, Symbol, RegExp } = primordials;
const { EADDRINUSE } = require("node/common/errors");
const { HOST_ADDRESS, tcpPorts } = require("cloudflare-internal:http");
const { URL } = require("url");

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const FOUR = `(?:${BYTE}\\.){3}${BYTE}`;
const GROUP = "[\\da-fA-F]{1,4}";
const IPV4 = new RegExp(`^${FOUR}$`);

/** RFC 4291 section 2.2, with a zone (RFC 4007 section 11.2): `n` groups, a gap, and as many as are left. */
function ipv6Pattern() {
  let alternatives = `(?:${GROUP}:){7}(?:${GROUP}|:)|(?:${GROUP}:){6}(?:${FOUR}|:${GROUP}|:)`;
  for (let n = 5; n >= 0; n--) {
    const lead = n === 0 ? ":" : `(?:${GROUP}:){${n}}`;
    alternatives += `|${lead}(?:(?::${GROUP}){0,${5 - n}}:${FOUR}|(?::${GROUP}){1,${7 - n}}|:)`;
  }
  return new RegExp(`^(?:${alternatives})(?:%[-.:\\da-zA-Z]+)?$`);
}
const IPV6 = ipv6Pattern();

const isIPv4 = (text) => RegExpPrototypeExec(IPV4, `${text}`) !== null;
const isIPv6 = (text) => RegExpPrototypeExec(IPV6, `${text}`) !== null;

/** 4, 6, or 0 for what is no address. */
function isIP(text) {
  if (isIPv4(text)) return 4;
  return isIPv6(text) ? 6 : 0;
}

/** What listens on all addresses. */
const ANY_IPV4 = "0.0.0.0";
const ANY_IPV6 = "::";

/** "IPv4", "IPv6", or undefined for a name. */
function familyOf(address) {
  const version = isIP(address);
  return version === 0 ? undefined : `IPv${version}`;
}

const inFamily = (address, family) => (family === "IPv6" ? `::ffff:${address}` : address);

/** An address that is none of all: a socket says that it has this one. */
function concreteAddress(bound) {
  if (bound.address !== ANY_IPV4 && bound.address !== ANY_IPV6) return bound;
  return { ...bound, address: inFamily(HOST_ADDRESS, bound.family) };
}

/** The shortest text of an address (RFC 5952). */
function canonicalIP(address) {
  if (!isIPv6(address)) return address;
  // A URL has no zones.
  const url = URL.parse(`http://[${address}]`);
  return url === null ? address : StringPrototypeSlice(url.hostname, 1, -1);
}

const kNormalized = Symbol("normalizedArgs");

/** `(options[, callback])`, `(path[, callback])` or `([port][, host][, callback])` as `[options, callback]`. */
function _normalizeArgs(args) {
  const { 0: first, 1: second } = args;
  const last = args[args.length - 1];
  let options = {};
  if (typeof first === "object" && first !== null) options = first;
  else if (typeof first === "string" && !(Number(first) >= 0)) options.path = first;
  else if (args.length > 0) {
    options.port = first;
    if (typeof second === "string") options.host = second;
  }
  const normalized = [options, typeof last === "function" ? last : null];
  normalized[kNormalized] = true;
  return normalized;
}

/** Takes a port, any for 0: its number. */
function bindPort(address, port, reusePort = false) {
  const number = port === 0 ? tcpPorts.ephemeral() : port;
  if (number === 0 || !tcpPorts.tryBind(number, reusePort)) throw new EADDRINUSE(address, number);
  return number;
}

exports.ANY_IPV4 = ANY_IPV4;
exports.ANY_IPV6 = ANY_IPV6;
exports._normalizeArgs = _normalizeArgs;
exports.bindPort = bindPort;
exports.concreteAddress = concreteAddress;
exports.familyOf = familyOf;
exports.inFamily = inFamily;
exports.isIP = isIP;
exports.isIPv4 = isIPv4;
exports.isIPv6 = isIPv6;
exports.kNormalized = kNormalized;
exports.canonicalIP = canonicalIP;
