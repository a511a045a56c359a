/* ReadableStream, its readers and its controllers as user code sees them: Streams Standard, section 4.
 *
 * Shells over the readables of streams/default, streams/bytes and streams/native; `wrapReadable` and `readableOf` go
 * between the two. Relies on webidl and abort.
 */
const {
  ArrayBufferPrototypeGetByteLength,
  BigInt,
  FunctionPrototypeCall,
  MathTrunc,
  Number,
  NumberIsNaN,
  ObjectDefineProperty,
  PromiseReject,
  SymbolAsyncIterator,
  Uint8Array,
} = primordials;
const { isAbortSignal } = require("abort");
const {
  argumentError,
  constructorError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
} = require("webidl");
const flags = require("flags");
const {
  READER_LOCK,
  TEE_LOCK,
  WRITER_LOCK,
  CLOSED,
  ERRORED,
  asyncFailure,
  callbackField,
  hasConstructors,
  internal,
  isArrayBuffer,
  isView,
  markHandled,
  startWith,
  strategyOf,
  typeError,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
} = require("streams/common");
const { ByteReadable, elementSizeOf } = require("streams/bytes");
const { DefaultReadable } = require("streams/default");
const { readableFrom } = require("streams/from");
const { iteratorOver } = require("streams/iterator");
const { pipe } = require("streams/pipe");
const { Reader } = require("streams/reader");
const { join } = require("streams/resource");
const { teeBytes, teeChunks } = require("streams/tee");
const { constructorsDisabled, isWritableStream, writableOf } = require("streams/writable");

/** workerd gives byte streams buffers of this many bytes unless a flag says otherwise. */
const DEFAULT_AUTO_ALLOCATE_CHUNK_BYTES = 4096;

const kWrap = { __proto__: null };

let readableOf;
let isReadableStream;

/** The callbacks of a user's source, called with it as `this`. */
class UserSource {
  constructor(source, controller) {
    this.source = source;
    this.controller = controller;
    this.pullCallback = callbackField(source, "pull", "UnderlyingSource");
    this.cancelCallback = callbackField(source, "cancel", "UnderlyingSource");
    this.pulls = this.pullCallback !== undefined;
  }

  pull() {
    return FunctionPrototypeCall(this.pullCallback, this.source, this.controller);
  }

  cancel(reason) {
    if (this.cancelCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.cancelCallback, this.source, reason);
  }
}
internal(UserSource);

/** A readable over an underlying source that user code gave. */
function readableFromUser(underlyingSource, strategy) {
  const source = toDictionary(underlyingSource, () => constructorError("ReadableStream", 1, "UnderlyingSource")) ?? {};
  const type = source.type === undefined ? "" : `${source.type}`;
  if (type !== "" && type !== "bytes") throw typeError(`"${type}" is not a valid type of ReadableStream.`);
  const start = callbackField(source, "start", "UnderlyingSource");
  const { highWaterMark, size } = strategyOf(strategy, "ReadableStream", 2, type === "bytes" ? 0 : 1);
  let readable;
  let controller;
  if (type === "bytes") {
    readable = new ByteReadable(null, highWaterMark, autoAllocateChunkSizeOf(source));
    controller = new ReadableByteStreamController(kWrap, readable);
  } else {
    readable = new DefaultReadable(null, highWaterMark, size);
    controller = new ReadableStreamDefaultController(kWrap, readable);
  }
  readable.source = new UserSource(source, controller);
  const expectedLength = source.expectedLength;
  if (expectedLength !== undefined) readable.expectedLength = Number(expectedLength);
  startWith(readable, start, source, controller);
  readable.isEarly = readable.pulling;
  return readable;
}

function autoAllocateChunkSizeOf(source) {
  const size = source.autoAllocateChunkSize;
  if (size === undefined) return flags.noAutoAllocateChunkSize ? undefined : DEFAULT_AUTO_ALLOCATE_CHUNK_BYTES;
  const bytes = +size;
  if (!(bytes > 0)) throw typeError("The autoAllocateChunkSize option cannot be zero.");
  return bytes;
}

class ReadableStream {
  #readable;

  constructor(underlyingSource = undefined, queuingStrategy = undefined) {
    if (underlyingSource === kWrap) {
      this.#readable = queuingStrategy;
      return;
    }
    if (!hasConstructors()) throw constructorsDisabled("ReadableStream");
    this.#readable = readableFromUser(underlyingSource, queuingStrategy);
  }

  static {
    isReadableStream = (value) => isObject(value) && #readable in value;
    readableOf = (stream) => {
      try {
        return stream.#readable;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  static from(asyncIterable) {
    if (!hasConstructors()) throw constructorsDisabled("ReadableStream");
    return wrapReadable(readableFrom(asyncIterable));
  }

  get locked() {
    return readableOf(this).locked;
  }

  cancel(reason) {
    const readable = readableOf(this);
    if (readable.locked) return PromiseReject(lockedError());
    return readable.cancel(reason);
  }

  getReader(options) {
    const readable = readableOf(this);
    const dictionary = toDictionary(options, () => argumentError("ReadableStream", "getReader", 1, "GetReaderOptions"));
    const mode = dictionary === undefined ? undefined : dictionary.mode;
    if (readable.locked) throw lockedError();
    if (mode === undefined) return new ReadableStreamDefaultReader(this);
    if (`${mode}` !== "byob") throw typeError("mode must be undefined or 'byob' in call to getReader().");
    return new ReadableStreamBYOBReader(this);
  }

  pipeThrough(transform, options) {
    const readable = readableOf(this);
    const pair = toDictionary(transform, () => argumentError("ReadableStream", "pipeThrough", 1, "Transform"));
    if (pair === undefined) throw argumentError("ReadableStream", "pipeThrough", 1, "Transform");
    const result = pair.readable;
    if (!isReadableStream(result)) throw fieldError("Transform", "readable", "ReadableStream");
    const destination = pair.writable;
    if (!isWritableStream(destination)) throw fieldError("Transform", "writable", "WritableStream");
    const pipeOptions = pipeOptionsOf(options, "pipeThrough");
    if (readable.locked) throw lockedError();
    const writable = writableOf(destination);
    if (writable.locked) throw typeError(WRITER_LOCK);
    if (!join(readable, writable, pipeOptions)) markHandled(pipe(readable, writable, pipeOptions));
    return result;
  }

  pipeTo(destination, options) {
    const readable = readableOf(this);
    let pipeOptions;
    try {
      if (!isWritableStream(destination)) throw argumentError("ReadableStream", "pipeTo", 1, "WritableStream");
      pipeOptions = pipeOptionsOf(options, "pipeTo");
    } catch (error) {
      return asyncFailure(error);
    }
    if (readable.locked) return PromiseReject(lockedError());
    const writable = writableOf(destination);
    if (writable.locked) return PromiseReject(typeError("This WritableStream is currently locked to a writer"));
    return pipe(readable, writable, pipeOptions);
  }

  tee() {
    const readable = readableOf(this);
    if (readable.locked) throw typeError(TEE_LOCK);
    const branches = teeReadable(readable);
    return [wrapReadable(branches[0]), wrapReadable(branches[1])];
  }

  values(options) {
    const readable = readableOf(this);
    const dictionary = toDictionary(options, () => argumentError("ReadableStream", "values", 1, "ValuesOptions"));
    const preventCancel = dictionary !== undefined && !!dictionary.preventCancel;
    return iteratorOver(readable, preventCancel);
  }
}

ObjectDefineProperty(ReadableStream.prototype, SymbolAsyncIterator, {
  __proto__: null,
  value: ReadableStream.prototype.values,
  writable: true,
  enumerable: false,
  configurable: true,
});

function pipeOptionsOf(options, method) {
  const dictionary = toDictionary(options, () => argumentError("ReadableStream", method, 2, "PipeToOptions")) ?? {};
  const preventAbort = !!dictionary.preventAbort;
  const preventCancel = !!dictionary.preventCancel;
  const preventClose = !!dictionary.preventClose;
  const signal = dictionary.signal;
  if (signal !== undefined && !isAbortSignal(signal)) throw fieldError("PipeToOptions", "signal", "AbortSignal");
  return { preventAbort, preventCancel, preventClose, signal };
}

/** Two readables that yield the chunks of an unlocked one, which stays locked. */
function teeReadable(readable) {
  if (readable.tee !== undefined) return readable.tee();
  return readable.byteOriented ? teeBytes(readable) : teeChunks(readable);
}

// Readers.

let defaultReaderOf;
let byobReaderOf;

class ReadableStreamDefaultReader {
  #reader;

  constructor(stream) {
    if (!isReadableStream(stream)) throw constructorError("ReadableStreamDefaultReader", 1, "ReadableStream");
    this.#reader = new Reader(readableOf(stream));
  }

  static {
    defaultReaderOf = (reader) => {
      try {
        return reader.#reader;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get closed() {
    return defaultReaderOf(this).closed();
  }

  cancel(reason) {
    return defaultReaderOf(this).cancel(reason);
  }

  read() {
    return defaultReaderOf(this).read();
  }

  releaseLock() {
    defaultReaderOf(this).release();
  }
}

class ReadableStreamBYOBReader {
  #reader;

  constructor(stream) {
    if (!isReadableStream(stream)) throw constructorError("ReadableStreamBYOBReader", 1, "ReadableStream");
    const readable = readableOf(stream);
    if (!readable.locked && !readable.byteOriented) {
      throw typeError("This ReadableStream does not support BYOB reads.");
    }
    this.#reader = new Reader(readable);
  }

  static {
    byobReaderOf = (reader) => {
      try {
        return reader.#reader;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get closed() {
    return byobReaderOf(this).closed();
  }

  cancel(reason) {
    return byobReaderOf(this).cancel(reason);
  }

  read(view, options) {
    const reader = byobReaderOf(this);
    let min = 1;
    try {
      if (!isView(view)) throw argumentError("ReadableStreamBYOBReader", "read", 1, "ArrayBufferView");
      const dictionary = toDictionary(options, () =>
        argumentError("ReadableStreamBYOBReader", "read", 2, "ReadableStreamBYOBReaderReadOptions"),
      );
      if (dictionary !== undefined && dictionary.min !== undefined) min = toCount(dictionary.min);
    } catch (error) {
      return asyncFailure(error);
    }
    return readInto(reader, view, min);
  }

  readAtLeast(minElements, view) {
    const reader = byobReaderOf(this);
    let min;
    try {
      min = toCount(minElements);
      if (!isView(view)) throw argumentError("ReadableStreamBYOBReader", "readAtLeast", 2, "ArrayBufferView");
    } catch (error) {
      return asyncFailure(error);
    }
    return readInto(reader, view, min);
  }

  releaseLock() {
    byobReaderOf(this).release();
  }
}

/** A count of elements: what is no number counts as 0. */
function toCount(value) {
  const count = +value;
  return NumberIsNaN(count) ? 0 : MathTrunc(count);
}

function readInto(reader, view, min) {
  if (reader.stream === null) return reader.read();
  const byteLength = viewByteLength(view);
  const minBytes = min * elementSizeOf(view);
  if (byteLength === 0) {
    const message = 'You must call read() on a "byob" reader with a positive-sized TypedArray object.';
    return PromiseReject(typeError(message));
  }
  if (min === 0) return PromiseReject(typeError(`Requested invalid minimum number of bytes to read (${min}).`));
  if (min < 0 || minBytes > byteLength) {
    const message = `Minimum bytes to read (${minBytes}) exceeds size of buffer (${byteLength}).`;
    return PromiseReject(typeError(message));
  }
  return reader.stream.readIntoPromise(view, min);
}

// Controllers.

class ReadableStreamDefaultController {
  #readable;

  constructor(token, readable) {
    if (token !== kWrap) throw illegalConstructor();
    this.#readable = readable;
  }

  get desiredSize() {
    if (!(#readable in this)) throw illegalInvocation();
    return this.#readable.desiredSize();
  }

  close() {
    if (!(#readable in this)) throw illegalInvocation();
    this.#readable.requestClose();
  }

  enqueue(chunk) {
    if (!(#readable in this)) throw illegalInvocation();
    this.#readable.enqueue(chunk);
  }

  error(reason) {
    if (!(#readable in this)) throw illegalInvocation();
    this.#readable.fail(reason);
  }
}

class ReadableByteStreamController {
  #readable;

  constructor(token, readable) {
    if (token !== kWrap) throw illegalConstructor();
    this.#readable = readable;
  }

  get byobRequest() {
    if (!(#readable in this)) throw illegalInvocation();
    const readable = this.#readable;
    if (readable.byobRequest === null && readable.pullIntos.length > 0) {
      const view = readable.byobView();
      readable.byobRequest = requestHandle(new ReadableStreamBYOBRequest(kWrap, readable, view));
    }
    return readable.byobRequest === null ? null : readable.byobRequest.object;
  }

  get desiredSize() {
    if (!(#readable in this)) throw illegalInvocation();
    return this.#readable.desiredSize();
  }

  close() {
    if (!(#readable in this)) throw illegalInvocation();
    this.#readable.requestClose();
  }

  enqueue(chunk) {
    if (!(#readable in this)) throw illegalInvocation();
    const readable = this.#readable;
    const view = isView(chunk);
    if (!view && !isArrayBuffer(chunk)) {
      throw argumentError("ReadableByteStreamController", "enqueue", 1, "BufferSource");
    }
    const buffer = view ? viewBuffer(chunk) : chunk;
    const byteLength = view ? viewByteLength(chunk) : ArrayBufferPrototypeGetByteLength(chunk);
    if (byteLength === 0) throw typeError("Cannot enqueue a zero-length ArrayBuffer.");
    if (!isArrayBuffer(buffer)) throw typeError("The provided ArrayBuffer must be detachable.");
    if (!readable.canEnqueue) throw typeError("This ReadableByteStreamController is closed.");
    readable.enqueue(buffer, view ? viewByteOffset(chunk) : 0, byteLength);
  }

  error(reason) {
    if (!(#readable in this)) throw illegalInvocation();
    this.#readable.fail(reason);
  }
}

let requestHandle;

class ReadableStreamBYOBRequest {
  #readable;
  #view;

  constructor(token, readable, view) {
    if (token !== kWrap) throw illegalConstructor();
    this.#readable = readable;
    this.#view = view;
  }

  static {
    /** What a ByteReadable keeps of a request that is out. */
    requestHandle = (object) => ({
      object,
      invalidate() {
        object.#readable = null;
        object.#view = null;
      },
    });
  }

  get view() {
    if (!(#readable in this)) throw illegalInvocation();
    return this.#view;
  }

  get atLeast() {
    if (!(#readable in this)) throw illegalInvocation();
    return this.#readable === null ? null : this.#readable.byobAtLeast();
  }

  respond(bytesWritten) {
    if (!(#readable in this)) throw illegalInvocation();
    const readable = this.#live();
    if (bytesWritten === undefined) throw argumentError("ReadableStreamBYOBRequest", "respond", 1, "integer");
    if (readable.state !== CLOSED && viewByteLength(this.#view) === 0) {
      throw typeError("Cannot respond with a zero-length or detached view");
    }
    readable.respond(toCount(bytesWritten));
  }

  respondWithNewView(view) {
    if (!(#readable in this)) throw illegalInvocation();
    const readable = this.#live();
    if (isView(view)) readable.respondWithNewView(view, true);
    else if (isArrayBuffer(view)) readable.respondWithNewView(new Uint8Array(view), true);
    else throw argumentError("ReadableStreamBYOBRequest", "respondWithNewView", 1, "BufferSource");
  }

  #live() {
    if (this.#readable === null) throw typeError("This ReadableStreamBYOBRequest has been invalidated.");
    return this.#readable;
  }
}

function lockedError() {
  return typeError(READER_LOCK);
}

/** A public ReadableStream over an internal readable. */
function wrapReadable(readable) {
  return new ReadableStream(kWrap, readable);
}

function stateName(stream) {
  const { state } = readableOf(stream);
  if (state === CLOSED) return "closed";
  return state === ERRORED ? "errored" : "readable";
}

defineInterface(ReadableStream, {
  inspect: {
    state: stateName,
    supportsBYOB: (stream) => readableOf(stream).byteOriented,
    length(stream) {
      const length = readableOf(stream).length();
      return length === undefined ? undefined : BigInt(length);
    },
  },
});
defineInterface(ReadableStreamDefaultReader);
defineInterface(ReadableStreamBYOBReader);
defineInterface(ReadableStreamDefaultController);
defineInterface(ReadableByteStreamController);
defineInterface(ReadableStreamBYOBRequest);

exports.ReadableByteStreamController = ReadableByteStreamController;
exports.ReadableStream = ReadableStream;
exports.ReadableStreamBYOBReader = ReadableStreamBYOBReader;
exports.ReadableStreamBYOBRequest = ReadableStreamBYOBRequest;
exports.ReadableStreamDefaultController = ReadableStreamDefaultController;
exports.ReadableStreamDefaultReader = ReadableStreamDefaultReader;
exports.isReadableStream = isReadableStream;
exports.readableOf = readableOf;
exports.teeReadable = teeReadable;
exports.wrapReadable = wrapReadable;
