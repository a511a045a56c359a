/*
 * node:path/posix.
 */

const { posix } = require("node:path");

Object.assign(exports, posix, { default: posix });
