/*
 * node:util/types.
 */

const { ObjectAssign } = primordials;
const { default: types } = require("node/common/types");

ObjectAssign(exports, types, { default: types });
