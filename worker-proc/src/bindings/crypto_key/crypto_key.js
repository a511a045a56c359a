/* A `CryptoKey` binding: a key that the config holds, imported as `importKey()` does. What is wrong with it is an error of the start. */
const { JSONParse } = primordials;
const { importKey } = require("crypto/import_export");
const { toAlgorithm, toJwk } = require("crypto/algorithms");
const { toBytes } = require("encoding");

exports.bind = ({ format, material, algorithm: { name, json }, extractable, usages }) => {
  const isJwk = format === "jwk";
  const data = isJwk ? toJwk(JSONParse(material)) : toBytes(material);
  const algorithm = toAlgorithm(json === undefined ? name : JSONParse(json), "ImportKeyAlgorithm");
  return importKey(format, data, isJwk, algorithm, extractable, usages);
};
