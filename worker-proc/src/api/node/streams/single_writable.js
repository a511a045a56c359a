/*
 * node:_stream_writable.
 */

const { ObjectAssign } = primordials;
const { Writable, WritableState } = require("node/streams/writable");

const { fromWeb, toWeb } = Writable;
ObjectAssign(exports, { default: Writable, Writable, WritableState, fromWeb, toWeb });
