/*
 * Addresses: what kind a text is, the arguments that name one, ports of the isolate's table.
 */

const { Number, RegExpPrototypeExec, Symbol, RegExp } = primordials;
const { EADDRINUSE } = require("node/common/errors");
const { tcpPorts } = require("cloudflare-internal:http");

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^(?:${BYTE}\\.){3}${BYTE}$`);

const isIPv4 = (text) => RegExpPrototypeExec(IPV4, `${text}`) !== null;

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

exports._normalizeArgs = _normalizeArgs;
exports.bindPort = bindPort;
exports.isIPv4 = isIPv4;
