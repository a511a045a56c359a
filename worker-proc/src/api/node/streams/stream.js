/*
 * node:stream.
 */

const { ArrayBufferIsView, ObjectAssign, ObjectDefineProperty, ObjectKeys, SymbolFor, Uint8Array } = primordials;
const { Buffer } = require("node:buffer");
const { Stream } = require("node/streams/legacy");
const { Readable } = require("node/streams/readable");
const { Writable } = require("node/streams/writable");
const { Duplex, duplexPair } = require("node/streams/duplex");
const { PassThrough, Transform } = require("node/streams/transform");
const { addAbortSignalChecked, finished, finishedPromise } = require("node/streams/finished");
const { pipeline, pipelinePromise } = require("node/streams/pipeline");
const { compose } = require("node/streams/operators");
const { destroyer } = require("node/streams/destroy");
const state = require("node/streams/state");
const { setLength } = require("node/common/unsupported");

const customPromisify = SymbolFor("nodejs.util.promisify.custom");
for (
  let i = 0,
    entries = [
      [pipeline, pipelinePromise],
      [finished, finishedPromise],
    ];
  i < entries.length;
  i++
) {
  const { 0: fn, 1: promise } = entries[i];
  ObjectDefineProperty(fn, customPromisify, { __proto__: null, enumerable: true, value: promise });
}

setLength([finishedPromise], 1);
finished.finished = finishedPromise;

const promises = { finished: finishedPromise, pipeline: pipelinePromise };

ObjectAssign(Stream, {
  isDestroyed: state.isDestroyed,
  isDisturbed: state.isDisturbed,
  isErrored: state.isErrored,
  isReadable: state.isReadable,
  isWritable: state.isWritable,
  Readable,
  Writable,
  Duplex,
  Transform,
  PassThrough,
  duplexPair,
  pipeline,
  addAbortSignal: addAbortSignalChecked,
  finished,
  destroy: destroyer,
  compose,
  setDefaultHighWaterMark: state.setDefaultHighWaterMark,
  getDefaultHighWaterMark: state.getDefaultHighWaterMark,
  promises,
  Stream,
  _isArrayBufferView: (value) => ArrayBufferIsView(value),
  _isUint8Array: (value) => value instanceof Uint8Array,
  _uint8ArrayToBuffer: (chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
});

for (let i = 0, list = ObjectKeys(Stream); i < list.length; i++) {
  const key = list[i];
  exports[key] = Stream[key];
}
exports.default = Stream;
