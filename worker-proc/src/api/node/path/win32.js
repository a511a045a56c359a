/*
 * node:path/win32.
 */

const { win32 } = require("node:path");

Object.assign(exports, win32, { default: win32 });
