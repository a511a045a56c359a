/*
 * node:assert/strict: node:assert, whose functions are strict already.
 */

const { ObjectAssign } = primordials;
const { strict } = require("node:assert");

ObjectAssign(exports, strict, { default: strict });
