/*
 * node:readline/promises.
 */

const { promises } = require("node:readline");

Object.assign(exports, promises, { default: promises });
