/*
 * node:stream/promises.
 */

const { promises } = require("node:stream");

Object.assign(exports, promises, { default: promises });
