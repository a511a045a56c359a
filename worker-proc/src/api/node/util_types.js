/*
 * node:util/types.
 */

const { default: types } = require("node/types");

Object.assign(exports, types, { default: types });
