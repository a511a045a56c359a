/*
 * node:inspector/promises.
 */

const { promises } = require("node:inspector");

Object.assign(exports, promises, { default: promises });
