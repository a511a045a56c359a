/*
 * node:sys: the old name of node:util.
 */

const { default: util } = require("node:util");

Object.assign(exports, util, { default: util });
