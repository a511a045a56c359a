/*
 * node:assert/strict: node:assert, whose functions are strict already.
 */

const { strict } = require("node:assert");

Object.assign(exports, strict, { default: strict });
