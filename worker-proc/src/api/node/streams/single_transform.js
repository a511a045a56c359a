/*
 * node:_stream_transform.
 */

const { Transform } = require("node/streams/transform");

exports.Transform = exports.default = Transform;
