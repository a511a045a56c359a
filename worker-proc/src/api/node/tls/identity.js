/*
 * Whose a certificate is (RFC 6125), and the protocols of ALPN as bytes.
 */

const {
  ArrayBufferIsView,
  ArrayIsArray,
  ArrayPrototypeEvery,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypeSome,
  JSONParse,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_OUT_OF_RANGE, ERR_TLS_CERT_ALTNAME_FORMAT, ERR_TLS_CERT_ALTNAME_INVALID } = require("node/common/errors");
const { canonicalIP, isIP } = require("node/net/address");

/** A host without the dot of the root. */
const withoutDot = (host) => RegExpPrototypeSymbolReplace(/\.$/, host, "");
/** ASCII alone has upper case here: other letters make a name invalid. */
const lower = (text) => RegExpPrototypeSymbolReplace(/[A-Z]+/g, text, (letters) => StringPrototypeToLowerCase(letters));
const labelsOf = (host) => StringPrototypeSplit(lower(withoutDot(host)), ".");

/** Whether a certificate's name, which may have one `*` in its first label, is a host's. */
function matches(host, name) {
  if (!name) return false;
  const labels = labelsOf(name);
  const isSound = (label) => label !== "" && RegExpPrototypeExec(/[^!-\x7f]/, label) === null;
  if (labels.length !== host.length || !ArrayPrototypeEvery(labels, isSound)) return false;
  for (let i = 1; i < labels.length; i++) if (labels[i] !== host[i]) return false;
  const { 0: label } = labels;
  const { 0: first } = host;
  const parts = StringPrototypeSplit(label, "*");
  if (parts.length === 1 || StringPrototypeIncludes(label, "xn--")) return label === first;
  if (parts.length > 2 || labels.length <= 2) return false;
  const { 0: start, 1: end } = parts;
  return (
    start.length + end.length <= first.length &&
    StringPrototypeStartsWith(first, start) &&
    StringPrototypeEndsWith(first, end)
  );
}

const QUOTED = /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/;

/** Names after commas; parts in quotes are JSON strings, in which a comma is none. */
function splitNames(text) {
  if (!StringPrototypeIncludes(text, '"')) return StringPrototypeSplit(text, ", ");
  const names = [];
  let name = "";
  for (let rest = text; rest !== ""; ) {
    const comma = StringPrototypeIndexOf(rest, ",");
    const quote = StringPrototypeIndexOf(rest, '"');
    if (quote !== -1 && (comma === -1 || quote < comma)) {
      const found = RegExpPrototypeExec(QUOTED, StringPrototypeSlice(rest, quote));
      if (found === null) throw new ERR_TLS_CERT_ALTNAME_FORMAT();
      name += StringPrototypeSlice(rest, 0, quote) + JSONParse(found[0]);
      rest = StringPrototypeSlice(rest, quote + found[0].length);
    } else if (comma !== -1) {
      ArrayPrototypePush(names, name + StringPrototypeSlice(rest, 0, comma));
      name = "";
      rest = StringPrototypeSlice(rest, comma + 2);
    } else {
      name += rest;
      rest = "";
    }
  }
  ArrayPrototypePush(names, name);
  return names;
}

const DNS = "DNS:";
const ADDRESS = "IP Address:";

function altNamesOf(text) {
  const found = { __proto__: null, hosts: [], addresses: [] };
  for (let i = 0, names = text ? splitNames(text) : []; i < names.length; i++) {
    const name = names[i];
    if (StringPrototypeStartsWith(name, DNS)) {
      ArrayPrototypePush(found.hosts, StringPrototypeSlice(name, DNS.length));
    } else if (StringPrototypeStartsWith(name, ADDRESS)) {
      ArrayPrototypePush(found.addresses, canonicalIP(StringPrototypeSlice(name, ADDRESS.length)));
    }
  }
  return found;
}

/** Why a certificate is not a host's, undefined if it is. */
function mismatch(hostname, { subject, subjectaltname }) {
  const { hosts, addresses } = altNamesOf(subjectaltname);
  if (isIP(hostname) !== 0) {
    if (ArrayPrototypeIncludes(addresses, canonicalIP(hostname))) return undefined;
    return `IP: ${hostname} is not in the cert's list: ${ArrayPrototypeJoin(addresses, ", ")}`;
  }
  const host = labelsOf(hostname);
  const isIts = (name) => matches(host, name);
  if (hosts.length > 0) {
    if (ArrayPrototypeSome(hosts, isIts)) return undefined;
    return `Host: ${hostname}. is not in the cert's altnames: ${subjectaltname}`;
  }
  const name = subject?.CN;
  if (!name) return "Cert does not contain a DNS name";
  if (ArrayIsArray(name) ? ArrayPrototypeSome(name, isIts) : isIts(name)) return undefined;
  return `Host: ${hostname}. is not cert's CN: ${name}`;
}

/** An error, or undefined for a certificate that is the host's. */
function checkServerIdentity(hostname, cert) {
  const host = withoutDot(`${hostname}`);
  const reason = mismatch(host, cert);
  return reason === undefined ? undefined : new ERR_TLS_CERT_ALTNAME_INVALID(reason, host, cert);
}

const MAX_PROTOCOL_BYTES = 255;

/** RFC 7301 section 3.1. */
function encodeProtocols(protocols) {
  const parts = [];
  for (let i = 0; i < protocols.length; i++) {
    const name = Buffer.from(protocols[i]);
    if (name.length > MAX_PROTOCOL_BYTES) {
      const what = `The byte length of the protocol at index ${i} exceeds the maximum length.`;
      throw new ERR_OUT_OF_RANGE(what, "<= 255", name.length, true);
    }
    ArrayPrototypePush(parts, Buffer.from([name.length]), name);
  }
  return Buffer.concat(parts);
}

function convertALPNProtocols(protocols, out) {
  if (ArrayIsArray(protocols)) out.ALPNProtocols = encodeProtocols(protocols);
  else if (ArrayBufferIsView(protocols)) {
    const view = Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength);
    out.ALPNProtocols = Buffer.from(view);
  }
}

exports.checkServerIdentity = checkServerIdentity;
exports.convertALPNProtocols = convertALPNProtocols;
