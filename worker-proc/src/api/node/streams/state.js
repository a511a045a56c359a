/*
 * What the stream modules share: high-water marks, and questions about any stream's condition.
 * The questions work on streams of other libraries too, which have only some of the fields.
 */

const { Boolean, MathFloor, NumberIsInteger, ObjectAssign, SymbolAsyncIterator, SymbolFor, SymbolIterator } = primordials;
const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateInteger } = require("node/common/validators");

const kDestroyed = SymbolFor("nodejs.stream.destroyed");
const kErrored = SymbolFor("nodejs.stream.errored");
const kReadable = SymbolFor("nodejs.stream.readable");
const kWritable = SymbolFor("nodejs.stream.writable");
const kDisturbed = SymbolFor("nodejs.stream.disturbed");

/** The class, once there is one. */
let Duplex;
const isDuplex = (stream) => Duplex !== undefined && stream instanceof Duplex;
const setDuplex = (Class) => {
  Duplex = Class;
};

let defaultBytes = 64 * 1024;
let defaultObjects = 16;

const getDefaultHighWaterMark = (objectMode) => (objectMode ? defaultObjects : defaultBytes);

function setDefaultHighWaterMark(objectMode, value) {
  validateInteger(value, "value", 0);
  if (objectMode) defaultObjects = value;
  else defaultBytes = value;
}

/** The mark from a constructor's options; `duplexKey` is the option for one side of a duplex. */
function highWaterMarkOf(objectMode, options, duplexKey, isDuplex) {
  const value = options?.highWaterMark ?? (isDuplex ? options?.[duplexKey] : undefined);
  if (value == null) return getDefaultHighWaterMark(objectMode);
  if (!NumberIsInteger(value) || value < 0) {
    const name = isDuplex && options?.highWaterMark == null ? `options.${duplexKey}` : "options.highWaterMark";
    throw new ERR_INVALID_ARG_VALUE(name, value);
  }
  return MathFloor(value);
}

const isReadableNodeStream = (value, strict = false) =>
  Boolean(
    value &&
      typeof value.pipe === "function" &&
      typeof value.on === "function" &&
      (!strict || (typeof value.pause === "function" && typeof value.resume === "function")) &&
      (!value._writableState || value._readableState?.readable !== false) &&
      (!value._writableState || value._readableState),
  );

const isWritableNodeStream = (value) =>
  Boolean(
    value &&
      typeof value.write === "function" &&
      typeof value.on === "function" &&
      (!value._readableState || value._writableState?.writable !== false),
  );

const isDuplexNodeStream = (value) =>
  Boolean(
    value &&
      typeof value.pipe === "function" &&
      value._readableState &&
      typeof value.on === "function" &&
      typeof value.write === "function",
  );

const isNodeStream = (value) =>
  Boolean(
    value &&
      (value._readableState ||
        value._writableState ||
        (typeof value.write === "function" && typeof value.on === "function") ||
        (typeof value.pipe === "function" && typeof value.on === "function")),
  );

const isReadableStream = (value) =>
  Boolean(
    value &&
      !isNodeStream(value) &&
      typeof value.pipeThrough === "function" &&
      typeof value.getReader === "function" &&
      typeof value.cancel === "function",
  );
const isWritableStream = (value) =>
  Boolean(value && !isNodeStream(value) && typeof value.getWriter === "function" && typeof value.abort === "function");
const isTransformStream = (value) =>
  Boolean(value && !isNodeStream(value) && typeof value.readable === "object" && typeof value.writable === "object");
const isWebStream = (value) => isReadableStream(value) || isWritableStream(value) || isTransformStream(value);

function isIterable(value, mode) {
  if (value == null) return false;
  const isAsync = typeof value[SymbolAsyncIterator] === "function";
  const isSync = typeof value[SymbolIterator] === "function";
  if (mode === true) return isAsync;
  return mode === false ? isSync : isAsync || isSync;
}

function isDestroyed(stream) {
  if (!isNodeStream(stream)) return null;
  const state = stream._writableState ?? stream._readableState;
  return Boolean(stream.destroyed || stream[kDestroyed] || state?.destroyed);
}

function isWritableEnded(stream) {
  if (!isWritableNodeStream(stream)) return null;
  if (stream.writableEnded === true) return true;
  const state = stream._writableState;
  if (state?.errored) return false;
  return typeof state?.ended === "boolean" ? state.ended : null;
}

function isWritableFinished(stream, strict) {
  if (!isWritableNodeStream(stream)) return null;
  if (stream.writableFinished === true) return true;
  const state = stream._writableState;
  if (state?.errored) return false;
  if (typeof state?.finished !== "boolean") return null;
  return Boolean(state.finished || (strict === false && state.ended === true && state.length === 0));
}

function isReadableFinished(stream, strict) {
  if (!isReadableNodeStream(stream)) return null;
  const state = stream._readableState;
  if (state?.errored) return false;
  if (typeof state?.endEmitted !== "boolean") return null;
  return Boolean(state.endEmitted || (strict === false && state.ended === true && state.length === 0));
}

function isReadable(stream) {
  if (stream && stream[kReadable] != null) return stream[kReadable];
  if (typeof stream?.readable !== "boolean") return null;
  if (isDestroyed(stream)) return false;
  return isReadableNodeStream(stream) && stream.readable && !isReadableFinished(stream);
}

function isWritable(stream) {
  if (stream && stream[kWritable] != null) return stream[kWritable];
  if (typeof stream?.writable !== "boolean") return null;
  if (isDestroyed(stream)) return false;
  return isWritableNodeStream(stream) && stream.writable && !isWritableEnded(stream);
}

/** Whether nothing more will happen on a stream, on either or on one of its sides. */
function isFinished(stream, options) {
  if (!isNodeStream(stream)) return null;
  if (isDestroyed(stream)) return true;
  if (options?.readable !== false && isReadable(stream)) return false;
  return !(options?.writable !== false && isWritable(stream));
}

function isClosed(stream) {
  if (!isNodeStream(stream)) return null;
  if (typeof stream.closed === "boolean") return stream.closed;
  const { _writableState: w, _readableState: r } = stream;
  if (typeof w?.closed === "boolean" || typeof r?.closed === "boolean") return w?.closed || r?.closed;
  if (typeof stream._closed === "boolean" && isOutgoingMessage(stream)) return stream._closed;
  return null;
}

const isOutgoingMessage = (stream) =>
  typeof stream._closed === "boolean" &&
  typeof stream._defaultKeepAlive === "boolean" &&
  typeof stream._removedConnection === "boolean" &&
  typeof stream._removedContLen === "boolean";

const isServerResponse = (stream) => typeof stream._sent100 === "boolean" && isOutgoingMessage(stream);

const isServerRequest = (stream) =>
  typeof stream._consuming === "boolean" &&
  typeof stream._dumped === "boolean" &&
  stream.req?.upgradeOrConnect === undefined;

const isRequest = (stream) => Boolean(stream?.setHeader && typeof stream.abort === "function");

/** Whether "close" will come, as far as the stream's state tells. */
function willEmitClose(stream) {
  if (!isNodeStream(stream)) return null;
  const state = stream._writableState ?? stream._readableState;
  return (!state && isServerResponse(stream)) || Boolean(state?.autoDestroy && state.emitClose && state.closed === false);
}

function isDisturbed(stream) {
  return Boolean(stream && (stream[kDisturbed] ?? (stream.readableDidRead || stream.readableAborted)));
}

function isErrored(stream) {
  return Boolean(
    stream &&
      (stream[kErrored] ??
        stream.readableErrored ??
        stream.writableErrored ??
        stream._readableState?.errorEmitted ??
        stream._writableState?.errorEmitted ??
        stream._readableState?.errored ??
        stream._writableState?.errored),
  );
}

ObjectAssign(exports, {
  kDestroyed,
  getDefaultHighWaterMark,
  setDefaultHighWaterMark,
  highWaterMarkOf,
  isReadableNodeStream,
  isWritableNodeStream,
  isDuplex,
  setDuplex,
  isDuplexNodeStream,
  isNodeStream,
  isReadableStream,
  isWritableStream,
  isTransformStream,
  isWebStream,
  isIterable,
  isDestroyed,
  isWritableEnded,
  isWritableFinished,
  isReadableFinished,
  isReadable,
  isWritable,
  isFinished,
  isClosed,
  willEmitClose,
  isDisturbed,
  isErrored,
  isRequest,
  isServerRequest,
});
