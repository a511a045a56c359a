/*
 * `CryptoKey` bindings: keys that the config holds, imported when the worker starts. `workers` calls it; what is wrong
 * with a key is an error of the start.
 */

const { importKey } = require("crypto/import_export");
const { toAlgorithm, toJwk } = require("crypto/algorithms");
const { toBytes } = require("encoding");

function createBinding(parts) {
  const { 0: format, 1: material, 2: algorithm, 3: extractable, 4: usages } = parts;
  const isJwk = format === "jwk";
  const data = isJwk ? toJwk(material) : toBytes(material);
  return importKey(format, data, isJwk, toAlgorithm(algorithm, "ImportKeyAlgorithm"), extractable, usages);
}

exports.createBinding = createBinding;
