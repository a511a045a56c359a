/*
 * node:util/types.
 */

const { default: types } = require("node/common/types");

Object.assign(exports, types, { default: types });
