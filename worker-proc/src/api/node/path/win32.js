/*
 * node:path/win32.
 */

const { ObjectAssign } = primordials;
const { win32 } = require("node:path");

ObjectAssign(exports, win32, { default: win32 });
