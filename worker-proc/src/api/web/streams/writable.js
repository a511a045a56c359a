/* WritableStream, its writer and its controller as user code sees them: Streams Standard, section 5.
 *
 * Shells over the writables of streams/sink and streams/native; `wrapWritable` and `writableOf` go between the two.
 * Relies on webidl and abort.
 */
const { Error, FunctionPrototypeCall, PromiseReject, RangeError } = primordials;
const { abortSignal, createSignal } = require("abort");
const {
  constructorError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
} = require("webidl");
const flags = require("flags");
const {
  WRITER_LOCK,
  callbackField,
  hasConstructors,
  internal,
  startWith,
  strategyOf,
  typeError,
} = require("streams/common");
const { DefaultWritable } = require("streams/sink");
const { ERRORED, ERRORING, CLOSED, Writer } = require("streams/writer");

const kWrap = { __proto__: null };

let writableOf;
let isWritableStream;
let writerOf;
let controllerOf;

/** The callbacks of a user's sink, called with it as `this`. */
class UserSink {
  constructor(sink, controller) {
    this.sink = sink;
    this.controller = controller;
    this.writeCallback = callbackField(sink, "write", "UnderlyingSink");
    this.closeCallback = callbackField(sink, "close", "UnderlyingSink");
    this.abortCallback = callbackField(sink, "abort", "UnderlyingSink");
  }

  write(chunk) {
    if (this.writeCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.writeCallback, this.sink, chunk, this.controller);
  }

  close() {
    if (this.closeCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.closeCallback, this.sink);
  }

  abort(reason) {
    if (this.abortCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.abortCallback, this.sink, reason);
  }
}
internal(UserSink);

class WritableStreamDefaultController {
  #writable = null;
  #signal = null;

  constructor(token) {
    if (token !== kWrap) throw illegalConstructor();
  }

  static {
    controllerOf = {
      attach(controller, writable) {
        controller.#writable = writable;
      },
      abort(controller, reason) {
        if (controller.#signal === null) controller.#signal = createSignal();
        abortSignal(controller.#signal, reason);
      },
    };
  }

  get signal() {
    if (!(#signal in this)) throw illegalInvocation();
    if (this.#signal === null) this.#signal = createSignal();
    return this.#signal;
  }

  error(reason) {
    if (!(#writable in this)) throw illegalInvocation();
    this.#writable.fail(reason);
  }
}

/** A writable over an underlying sink that user code gave. */
function writableFromUser(underlyingSink, strategy) {
  const sink = toDictionary(underlyingSink, () => constructorError("WritableStream", 1, "UnderlyingSink")) ?? {};
  const { highWaterMark, size } = strategyOf(strategy, "WritableStream", 2, 1);
  if (sink.type !== undefined && flags.pedanticWpt) {
    throw new RangeError("Invalid underlying sink type. Only undefined is valid.");
  }
  const controller = new WritableStreamDefaultController(kWrap);
  const start = callbackField(sink, "start", "UnderlyingSink");
  const userSink = new UserSink(sink, controller);
  const onAbort = (reason) => controllerOf.abort(controller, reason);
  const writable = new DefaultWritable(userSink, highWaterMark, size, onAbort);
  controllerOf.attach(controller, writable);
  startWith(writable, start, sink, controller);
  return writable;
}

class WritableStream {
  #writable;

  constructor(underlyingSink = undefined, queuingStrategy = undefined) {
    if (underlyingSink === kWrap) {
      this.#writable = queuingStrategy;
      return;
    }
    if (!hasConstructors()) throw constructorsDisabled("WritableStream");
    this.#writable = writableFromUser(underlyingSink, queuingStrategy);
  }

  static {
    isWritableStream = (value) => isObject(value) && #writable in value;
    writableOf = (stream) => {
      try {
        return stream.#writable;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get locked() {
    return writableOf(this).locked;
  }

  abort(reason) {
    const writable = writableOf(this);
    if (writable.locked) return PromiseReject(lockedError());
    return writable.abort(reason);
  }

  close() {
    const writable = writableOf(this);
    if (writable.locked) return PromiseReject(lockedError());
    return writable.close();
  }

  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }
}

class WritableStreamDefaultWriter {
  #writer;

  constructor(stream) {
    if (!isWritableStream(stream)) throw constructorError("WritableStreamDefaultWriter", 1, "WritableStream");
    this.#writer = new Writer(writableOf(stream));
  }

  static {
    writerOf = (writer) => {
      try {
        return writer.#writer;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  get closed() {
    return writerOf(this).closed();
  }

  get ready() {
    return writerOf(this).ready();
  }

  get desiredSize() {
    return writerOf(this).desiredSize();
  }

  abort(reason) {
    return writerOf(this).abort(reason);
  }

  close() {
    return writerOf(this).close();
  }

  write(chunk) {
    return writerOf(this).write(chunk);
  }

  releaseLock() {
    writerOf(this).release();
  }
}

function lockedError() {
  return typeError(WRITER_LOCK);
}

function constructorsDisabled(className) {
  return new Error(
    `To use the new ${className}() constructor, enable the streams_enable_constructors compatibility flag. ` +
      "Refer to the docs for more information: " +
      "https://developers.cloudflare.com/workers/platform/compatibility-dates/#compatibility-flags",
  );
}

function stateName(stream) {
  const { state } = writableOf(stream);
  if (state === CLOSED) return "closed";
  if (state === ERRORED) return "errored";
  return state === ERRORING ? "erroring" : "writable";
}

defineInterface(WritableStream, {
  inspect: { state: stateName, expectsBytes: (stream) => writableOf(stream).expectsBytes },
});
defineInterface(WritableStreamDefaultWriter);
defineInterface(WritableStreamDefaultController);

exports.WritableStream = WritableStream;
exports.WritableStreamDefaultWriter = WritableStreamDefaultWriter;
exports.WritableStreamDefaultController = WritableStreamDefaultController;
exports.constructorsDisabled = constructorsDisabled;
exports.isWritableStream = isWritableStream;
/** What a subclass passes first to `super`, before an internal writable. */
exports.kWrap = kWrap;
exports.writableOf = writableOf;
/** A public WritableStream over an internal writable. */
exports.wrapWritable = (writable) => new WritableStream(kWrap, writable);
