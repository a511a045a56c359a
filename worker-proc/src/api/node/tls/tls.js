/*
 * node:tls.
 */

const { Error, ObjectAssign } = primordials;
const flags = require("flags");
const { unsupported } = require("node/common/unsupported");
const { SecureContext, createSecureContext } = require("node:_tls_common");
const { TLSSocket, connect } = require("node:_tls_wrap");
const { checkServerIdentity, convertALPNProtocols } = require("node/tls/identity");

const missing = (name) =>
  ({
    [name]: function () {
      throw new Error("Not implemented");
    },
  })[name];

const tls = {
  SecureContext,
  Server: missing("Server"),
  TLSSocket,
  connect,
  createSecureContext,
  createServer: missing("createServer"),
  checkServerIdentity,
  convertALPNProtocols,
  getCiphers: missing("getCiphers"),
  createSecurePair: flags.removeNodejsCompatEOLv24 ? undefined : unsupported("createSecurePair"),
  CLIENT_RENEG_LIMIT: 3,
  CLIENT_RENEG_WINDOW: 600,
  DEFAULT_CIPHERS: "",
  DEFAULT_ECDH_CURVE: "auto",
  DEFAULT_MAX_VERSION: "TLSv1.3",
  DEFAULT_MIN_VERSION: "TLSv1.2",
  rootCertificates: [],
};

ObjectAssign(exports, tls, { default: tls });
