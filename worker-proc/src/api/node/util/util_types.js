/*
 * node:util/types.
 */

const { ObjectAssign, ObjectKeys } = primordials;
const { default: types } = require("node/common/types");
const { setLength } = require("node/common/unsupported");

// The native ones show no arguments there.
for (let i = 0, names = ObjectKeys(types); i < names.length; i++) {
  if (names[i] !== "isKeyObject" && names[i] !== "isCryptoKey") setLength([types[names[i]]], 0);
}

ObjectAssign(exports, types, { default: types });
