/*
 * node:stream/promises.
 */

const { ObjectAssign } = primordials;
const { promises } = require("node:stream");

ObjectAssign(exports, promises, { promises, default: promises });
