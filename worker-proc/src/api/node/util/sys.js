/*
 * node:sys: the old name of node:util.
 */

const { ObjectAssign } = primordials;
const { default: util } = require("node:util");

ObjectAssign(exports, util, { default: util });
