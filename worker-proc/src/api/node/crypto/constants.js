/*
 * `crypto.constants`: those of node:constants that are about cryptography, in an order of their own.
 */

const { ObjectFreeze, StringPrototypeStartsWith } = primordials;
const { default: all } = require("node:constants");

const groups = [
  "DH_",
  "RSA_",
  "POINT_",
  "OPENSSL_",
  "SSL_",
  "ENGINE_",
  "defaultCoreCipherList",
  "TLS1_",
  "defaultCipherList",
];

const constants = {};
for (let i = 0; i < groups.length; i++) {
  const group = groups[i];
  for (const name in all) if (StringPrototypeStartsWith(name, group)) constants[name] = all[name];
}
// It says here that it is none of OpenSSL's.
constants.OPENSSL_VERSION_NUMBER = 0;

exports.constants = ObjectFreeze(constants);
