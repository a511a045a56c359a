/*
 * node:_stream_readable.
 */

const { ObjectAssign } = primordials;
const { Readable, ReadableState } = require("node/streams/readable");
// Some of its methods.
require("node/streams/operators");
const { from } = require("node/streams/from");

const { fromWeb, toWeb, wrap } = Readable;
ObjectAssign(exports, { default: Readable, Readable, ReadableState, from, fromWeb, toWeb, wrap });
