/*
 * node:path/posix.
 */

const { ObjectAssign } = primordials;
const { posix } = require("node:path");

ObjectAssign(exports, posix, { default: posix });
