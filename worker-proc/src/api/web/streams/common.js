/* What every streams module shares: states, errors, promise helpers and the conversion of dictionaries that users pass.
 *
 * Used by all of streams/. Relies on primordials alone. The public classes are shells around internal objects
 * ("impls") which users never see, so plain properties on impls are safe; only calls into user code and values from
 * it are guarded.
 */
const {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  FunctionPrototypeCall,
  NumberIsNaN,
  ObjectPrototype,
  ObjectSetPrototypeOf,
  Promise,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;
const { NOT_AN_INTEGER, NEGATIVE_BIGINT, constructorError, fieldError, toDictionary } = require("webidl");
const flags = require("flags");

const READABLE = 0;
const CLOSED = 1;
const ERRORED = 2;

function noop() {}

/** Cuts a class of internal objects off Object.prototype, which users may patch. */
function internal(Class) {
  ObjectSetPrototypeOf(Class.prototype, null);
  return Class;
}

/** A promise with its settling functions. Costs two closures: hot paths make one only when somebody waits. */
class Deferred {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

internal(Deferred);

/** The result of a read: {value, done}. */
class ReadResult {
  constructor(value, done) {
    this.value = value;
    this.done = done;
  }
}
ObjectSetPrototypeOf(ReadResult.prototype, null);

/**
 * Fulfils a promise with {value, done}. The promise looks for a `then` when it is resolved: the result has no
 * prototype at that moment, so that nothing a worker put on Object.prototype runs in the middle of a controller's
 * work.
 */
function settleRead(resolve, value, done) {
  const result = new ReadResult(value, done);
  resolve(result);
  ObjectSetPrototypeOf(result, ObjectPrototype);
}

/** A promise that is fulfilled with {value, done}. */
function readResult(value, done) {
  const result = new ReadResult(value, done);
  const promise = PromiseResolve(result);
  ObjectSetPrototypeOf(result, ObjectPrototype);
  return promise;
}

/** Keeps a rejection of `promise` from being reported as unhandled, and returns it. */
function markHandled(promise) {
  PromisePrototypeThen(promise, undefined, noop);
  return promise;
}

function rejectedHandled(error) {
  return markHandled(PromiseReject(error));
}

/** Calls `onOk`/`onError` in a later microtask with what `value` (any value or thenable) settles to. */
function upon(value, onOk, onError) {
  PromisePrototypeThen(PromiseResolve(value), onOk, onError);
}

/**
 * Starts a readable or writable with a user's start(). As in workerd, what it throws fails the stream and not the
 * constructor, and a stream without it has started at once.
 */
function startWith(stream, start, thisArg, controller) {
  if (start === undefined) {
    stream.started();
    return;
  }
  stream.start(resultOfStart(start, thisArg, controller));
}

/** What a user's start() returns; a rejected promise if it throws. */
function resultOfStart(start, thisArg, controller) {
  if (start === undefined) return undefined;
  try {
    return FunctionPrototypeCall(start, thisArg, controller);
  } catch (error) {
    return PromiseReject(error);
  }
}

/** Whether user code may make streams: a flag asks for the standard's, of whatever compatibility date. */
const hasConstructors = () => flags.streamsJavaScriptControllers || flags.typeScriptImplementedStreams;

/** Whether `new TransformStream()` is the standard's, too, and no pipe for bytes. */
const hasTransformers = () => flags.transformStreamJavaScriptControllers || flags.typeScriptImplementedStreams;

/** What a method that returns a promise does with a bad call: older compatibility dates have it throw. */
function asyncFailure(error) {
  if (flags.captureThrowsAsRejections || flags.typeScriptImplementedStreams) return PromiseReject(error);
  throw error;
}

function typeError(message) {
  return new TypeError(message);
}

/** The name of a typed array's class, or undefined for a DataView and everything else. */
const typedArrayName = TypedArrayPrototypeGetSymbolToStringTag;

function viewBuffer(view) {
  return typedArrayName(view) === undefined ? DataViewPrototypeGetBuffer(view) : TypedArrayPrototypeGetBuffer(view);
}

/** Byte length of a view; 0 when its buffer is detached or shrank below it. */
function viewByteLength(view) {
  if (typedArrayName(view) !== undefined) return TypedArrayPrototypeGetByteLength(view);
  try {
    return DataViewPrototypeGetByteLength(view);
  } catch {
    return 0;
  }
}

function viewByteOffset(view) {
  if (typedArrayName(view) !== undefined) return TypedArrayPrototypeGetByteOffset(view);
  try {
    return DataViewPrototypeGetByteOffset(view);
  } catch {
    return 0;
  }
}

function isArrayBuffer(value) {
  try {
    ArrayBufferPrototypeGetByteLength(value);
    return true;
  } catch {
    return false;
  }
}

/** Reads an optional callback from a dictionary. */
function callbackField(dictionary, name, dictionaryName) {
  const value = dictionary[name];
  if (value === undefined) return undefined;
  if (typeof value !== "function") throw fieldError(dictionaryName, name, "function");
  return value;
}

/** The `size` and `highWaterMark` of a queuing strategy, which is parameter `index` of a constructor. */
function strategyOf(strategy, className, index, defaultHighWaterMark) {
  const dictionary = toDictionary(strategy, () => constructorError(className, index, "StreamQueuingStrategy"));
  if (dictionary === undefined) return { highWaterMark: defaultHighWaterMark, size: undefined };
  const mark = dictionary.highWaterMark;
  const size = callbackField(dictionary, "size", "StreamQueuingStrategy");
  return { highWaterMark: mark === undefined ? defaultHighWaterMark : toHighWaterMark(mark), size };
}

/** A non-negative number. Fractions and Infinity are kept, as the standard has them. */
function toHighWaterMark(value) {
  const mark = +value;
  if (NumberIsNaN(mark)) throw typeError(NOT_AN_INTEGER);
  if (mark < 0) {
    throw typeError(NEGATIVE_BIGINT);
  }
  return mark;
}

/* What is said of a stream that somebody has: as a body, and to who asks for another reader or writer. */
exports.TAKEN = "The ReadableStream has been locked to a reader.";
exports.DISTURBED = "This ReadableStream is disturbed.";
exports.READER_LOCK = "This ReadableStream is currently locked to a reader.";
/** With the published binary's comma. */
exports.TEE_LOCK = "This ReadableStream is currently locked to a reader,";
exports.WRITER_CLOSED = "This WritableStream has been closed.";
exports.WRITER_LOCK = "This WritableStream is currently locked to a writer.";
exports.READABLE = READABLE;
exports.CLOSED = CLOSED;
exports.ERRORED = ERRORED;
exports.Deferred = Deferred;
exports.hasConstructors = hasConstructors;
exports.hasTransformers = hasTransformers;
exports.internal = internal;
exports.readResult = readResult;
exports.settleRead = settleRead;
exports.noop = noop;
exports.markHandled = markHandled;
exports.rejectedHandled = rejectedHandled;
exports.upon = upon;
exports.typeError = typeError;
exports.typedArrayName = typedArrayName;
exports.viewBuffer = viewBuffer;
exports.viewByteLength = viewByteLength;
exports.viewByteOffset = viewByteOffset;
exports.isArrayBuffer = isArrayBuffer;
exports.isView = ArrayBufferIsView;
exports.resultOfStart = resultOfStart;
exports.startWith = startWith;
exports.asyncFailure = asyncFailure;
exports.callbackField = callbackField;
exports.strategyOf = strategyOf;
