/* Streams: the WHATWG Streams Standard, and workerd's internal streams of bytes.
 *
 * This file gives the globals and the interface for other APIs. How the folder is built:
 *
 *     readable  writable  transform  identity  strategies    the classes of user code: shells over the objects below
 *     reader    writer                                       what all readables and writables share; the lock on them
 *     controlled default bytes                               readables with a user's source: the two controllers
 *     sink                                                   writables with a user's sink
 *     native    identity_pipe                                readables and writables whose other end is not user code
 *     pipe      tee       from       iterator                pipeTo, tee(), ReadableStream.from, for await
 *     body      resource                                     what bodies need (re-exported here); native resources
 *     queue     common                                       ring buffer, queue with sizes, helpers
 *
 * For other APIs (a "stream" is a public ReadableStream or WritableStream, a "source" and a "sink" are as
 * streams/native says):
 *
 *     isReadableStream(value), isWritableStream(value)
 *     isLocked(stream), isDisturbed(stream), isClosed(stream)
 *     lengthOf(stream)                 bytes still to come, where that is known, else undefined
 *     fromBytes(Uint8Array | string)   a stream of bytes in memory; a string is encoded when it is read
 *     readableFromNative(resource, {length})   over {rid, read(rid, maxBytes), cancel(rid, reason), length}
 *     writableToNative(resource, {highWaterMark})   over {rid, write(rid, bytes), close(rid), abort(rid, reason)}
 *     nativeSourceOf(stream)           its resource if it is native, neither locked nor disturbed, else null
 *     takeNative(stream)               the resource; the stream is locked and disturbed from then on
 *     nativeSinkOf(stream)             the resource of a native, unlocked WritableStream, else null
 *     readableFromSource(source), writableToSink(sink, highWaterMark)   over a source or sink written in JavaScript
 *     tee(stream)                      [stream, stream]; the stream stays locked
 *     readAllBytes(stream, limitBytes), readAllText(stream, limitBytes)   promises
 *     pumpTo(stream, write, close, abort)   moves it to a native writer with back-pressure; a promise of the end
 *     pumpFrom(resource, stream)       moves a native resource to a WritableStream; a promise of the end
 *     Transform, wrapReadable, wrapWritable, kPair   to build other transform streams
 */
const { ObjectDefineProperty, ReflectDeleteProperty, ReflectOwnKeys, SymbolToStringTag } = primordials;
const body = require("streams/body");
const { hasConstructors } = require("streams/common");
const identity = require("streams/identity");
const { NativeReadable, NativeWritable } = require("streams/native");
const readable = require("streams/readable");
const strategies = require("streams/strategies");
const transform = require("streams/transform");
const writable = require("streams/writable");

exports.fromBytes = body.fromBytes;
exports.isClosed = body.isClosed;
exports.isDisturbed = body.isDisturbed;
exports.isLocked = body.isLocked;
exports.isReadableStream = readable.isReadableStream;
exports.isWritableStream = writable.isWritableStream;
exports.lengthOf = body.lengthOf;
exports.nativeSinkOf = body.nativeSinkOf;
exports.nativeSourceOf = body.nativeSourceOf;
exports.isWritableLocked = body.isWritableLocked;
exports.pumpFrom = body.pumpFrom;
exports.pumpTo = body.pumpTo;
exports.readAllBytes = body.readAllBytes;
exports.readAllText = body.readAllText;
exports.readableFromNative = body.readableFromNative;
exports.readableFromSource = (source) => readable.wrapReadable(new NativeReadable(source));
exports.takeNative = body.takeNative;
exports.tee = body.tee;
exports.writableToNative = body.writableToNative;
exports.writableToSink = (sink, highWaterMark) => writable.wrapWritable(new NativeWritable(sink, highWaterMark));

exports.globals = {
  ByteLengthQueuingStrategy: strategies.ByteLengthQueuingStrategy,
  CountQueuingStrategy: strategies.CountQueuingStrategy,
  FixedLengthStream: identity.FixedLengthStream,
  IdentityTransformStream: identity.IdentityTransformStream,
  ReadableByteStreamController: readable.ReadableByteStreamController,
  ReadableStream: readable.ReadableStream,
  ReadableStreamBYOBReader: readable.ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest: readable.ReadableStreamBYOBRequest,
  ReadableStreamDefaultController: readable.ReadableStreamDefaultController,
  ReadableStreamDefaultReader: readable.ReadableStreamDefaultReader,
  TransformStream: transform.TransformStream,
  TransformStreamDefaultController: transform.TransformStreamDefaultController,
  WritableStream: writable.WritableStream,
  WritableStreamDefaultController: writable.WritableStreamDefaultController,
  WritableStreamDefaultWriter: writable.WritableStreamDefaultWriter,
};

/** Classes that are there only with the standard's constructors. */
const STANDARD_GLOBALS = [
  "ReadableByteStreamController", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
  "TransformStreamDefaultController", "WritableStreamDefaultController",
];

/** The classes are known to `toString` whether others are or not. */
function tag() {
  const names = ReflectOwnKeys(exports.globals);
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(exports.globals[names[i]].prototype, SymbolToStringTag, {
      __proto__: null, value: names[i], writable: false, enumerable: false, configurable: true,
    });
  }
}

exports.install = (function (global, flags) {
  if (flags.typeScriptImplementedStreams) tag();
  if (hasConstructors()) return;
  for (let i = 0; i < STANDARD_GLOBALS.length; i++) ReflectDeleteProperty(global, STANDARD_GLOBALS[i]);
});
