/*
 * node:readline/promises.
 */

const { ObjectAssign } = primordials;
const { promises } = require("node:readline");

ObjectAssign(exports, promises, { default: promises });
