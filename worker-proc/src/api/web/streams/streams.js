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
 *     body      resource                                     what bodies need (re-exported here); native bodies
 *     queue     common                                       ring buffer, queue with sizes, helpers
 *
 * For other APIs (a "stream" is a public ReadableStream or WritableStream, a "source" and a "sink" are as
 * streams/native says):
 *
 *     isReadableStream(value), isWritableStream(value)
 *     isLocked(stream), isDisturbed(stream)
 *     isBegun(stream)                  whether it is over a native body some of which is read: that goes nowhere else
 *     lengthOf(stream)                 bytes still to come, where that is known, else undefined
 *     fromBytes(Uint8Array | string)   a stream of bytes in memory; a string is encoded when it is read
 *     readableFromBody(number, length) a stream of a native body; `length` may be undefined
 *     readableFromCoded(number, coding, decode)   the same of one in a coding, which is decoded once it is looked at
 *     codingOf(stream)                 the coding in which a native body behind it still is, or null
 *     isOverNothing(stream)            whether it is over bytes in memory, of which there are none
 *     writableToBody(number, abort)      a stream to the writer of one; abort(number, reason)
 *     takeBody(stream, coding)         the number of a native body with all of it, 0 where that cannot be; the stream
 *                                      is locked and disturbed from then on
 *     useUp(stream)                    locks and disturbs a native stream
 *     readableFromSource(source), writableToSink(sink, highWaterMark)   over a source or sink written in JavaScript
 *     tee(stream)                      [stream, stream]; the stream stays locked
 *     readAllBytes(stream, limitBytes), readAllText(stream, limitBytes)   promises
 *     readBody(number, asText, keepsBom)   a promise of all bytes of a native body, or of them as text
 *     readHead(number, bytes)          a promise of its first bytes as text, null if it has fewer; it goes on after them
 *     prepend(bytes, number)           the number of a native body that yields the bytes, then that body
 *     pumpOut(stream, length)          the number of a native body that the stream is moved into, with back-pressure
 *     pumpTo(stream, sink)             moves it to a sink of streams/native; a promise of the end
 *     pumpIn(number, stream, cancel)   moves a native body to a WritableStream; cancel(number, reason) if that fails
 *     cancel(stream, reason)           what its method does, locked or not
 *     cancelBody(number)               drops a native body, which cancels its source
 *     Transform, wrapReadable, wrapWritable, kPair   to build other transform streams
 */
const { ObjectDefineProperty, ReflectDeleteProperty, ReflectOwnKeys, SymbolToStringTag } = primordials;
const body = require("streams/body");
const { hasConstructors } = require("streams/common");
const identity = require("streams/identity");
const readable = require("streams/readable");
const resource = require("streams/resource");
const strategies = require("streams/strategies");
const transform = require("streams/transform");
const writable = require("streams/writable");

/** The classes that are globals in this isolate, by name. */
exports.classes = () => {
  const classes = { __proto__: null, ...exports.globals };
  for (let i = 0; i < STANDARD_GLOBALS.length && !hasConstructors(); i++) delete classes[STANDARD_GLOBALS[i]];
  return classes;
};
exports.cancel = body.cancel;
exports.codingOf = body.codingOf;
exports.isOverNothing = body.isOverNothing;
exports.fromBytes = body.fromBytes;
exports.isBegun = body.isBegun;
exports.isDisturbed = body.isDisturbed;
exports.isLocked = body.isLocked;
exports.isReadableStream = readable.isReadableStream;
exports.isWritableStream = writable.isWritableStream;
exports.lengthOf = body.lengthOf;
exports.cancelBody = (number) => ops.cancel(number);
exports.isWritableLocked = body.isWritableLocked;
exports.pumpIn = body.pumpIn;
exports.prepend = resource.prepend;
exports.pumpOut = body.pumpOut;
exports.pumpTo = body.pumpTo;
exports.readAllBytes = body.readAllBytes;
exports.readAllText = body.readAllText;
exports.readBody = (number, asText, keepsBom = false) => ops.readAll(number, asText, keepsBom);
exports.readHead = (number, bytes) => ops.readHead(number, bytes);
exports.readableFromBody = body.readableFromBody;
exports.readableFromCoded = body.readableFromCoded;
exports.takeBody = body.takeBody;
exports.tee = body.tee;
exports.useUp = body.useUp;
exports.writableToBody = body.writableToBody;

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
  "ReadableByteStreamController",
  "ReadableStreamBYOBRequest",
  "ReadableStreamDefaultController",
  "TransformStreamDefaultController",
  "WritableStreamDefaultController",
];

/** The classes are known to `toString` whether others are or not. */
function tag() {
  const names = ReflectOwnKeys(exports.globals);
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(exports.globals[names[i]].prototype, SymbolToStringTag, {
      __proto__: null,
      value: names[i],
      writable: false,
      enumerable: false,
      configurable: true,
    });
  }
}

exports.install = function (global, flags, scope) {
  if (flags.typeScriptImplementedStreams) tag();
  if (hasConstructors()) return;
  for (let i = 0; i < STANDARD_GLOBALS.length; i++) ReflectDeleteProperty(scope, STANDARD_GLOBALS[i]);
};
