/*
 * node:_stream_duplex.
 */

const { ObjectAssign } = primordials;
const { Duplex } = require("node/streams/duplex");

const { from, fromWeb, toWeb } = Duplex;
ObjectAssign(exports, { default: Duplex, Duplex, from, fromWeb, toWeb });
