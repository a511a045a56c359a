/*
 * node:_stream_passthrough.
 */

const { PassThrough } = require("node/streams/transform");

exports.PassThrough = exports.default = PassThrough;
