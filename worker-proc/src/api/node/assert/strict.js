/*
 * node:assert/strict: node:assert, whose functions are strict already.
 */

const { ObjectAssign } = primordials;
const { default: assert } = require("node:assert");

ObjectAssign(exports, assert, { default: assert });
