/*
 * node:_stream_writable.
 */

const { ObjectAssign } = primordials;
const { Writable } = require("node/streams/writable");

const { WritableState, fromWeb, toWeb } = Writable;
ObjectAssign(exports, { default: Writable, Writable, WritableState, fromWeb, toWeb });
