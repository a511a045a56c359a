/*
 * node:_tls_common: contexts, which are empty: keys and certificates are the runtime's.
 */

const { ArrayPrototypePush, JSONParse, ObjectAssign, RegExpPrototypeSymbolReplace, StringPrototypeStartsWith } = primordials;
const { setLengths } = require("node/common/unsupported");
const { validateInteger } = require("node/common/validators");

function SecureContext(secureProtocol, secureOptions, minVersion, maxVersion) {
  if (!(this instanceof SecureContext)) return new SecureContext(secureProtocol, secureOptions, minVersion, maxVersion);
  if (secureOptions !== undefined) validateInteger(secureOptions, "secureOptions");
  this.context = undefined;
}

const createSecureContext = ({ secureProtocol, secureOptions, minVersion, maxVersion } = {}) =>
  new SecureContext(secureProtocol, secureOptions, minVersion, maxVersion);

/** A certificate with its text of where to ask about it as lists, by kind. */
function translatePeerCertificate(certificate) {
  if (!certificate) return null;
  const { issuerCertificate: issuer, infoAccess: text } = certificate;
  if (issuer != null && issuer !== certificate) certificate.issuerCertificate = translatePeerCertificate(issuer);
  if (text == null) return certificate;
  const lists = { __proto__: null };
  RegExpPrototypeSymbolReplace(/([^\n:]*):([^\n]*)(?:\n|$)/g, text, (_, key, value) => {
    lists[key] ??= [];
    ArrayPrototypePush(lists[key], StringPrototypeStartsWith(value, '"') ? JSONParse(value) : value);
    return "";
  });
  certificate.infoAccess = lists;
  return certificate;
}

const common = { createSecureContext, SecureContext, translatePeerCertificate };
setLengths(common, "createSecureContext/0");

ObjectAssign(exports, common, { default: common });
