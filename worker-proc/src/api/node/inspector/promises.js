/*
 * node:inspector/promises.
 */

const { ObjectAssign } = primordials;
const { promises } = require("node:inspector");

ObjectAssign(exports, promises, { default: promises });
