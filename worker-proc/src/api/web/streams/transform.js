/* TransformStream: Streams Standard, section 6, and the pair of streams that workerd's other transform streams are.
 *
 * `Transform` is the machine; TransformStream and its controller are shells for user code. streams/encoding runs its
 * own transformers in it. A transformer has transform(chunk), flush() and cancel(reason), which may return a promise
 * and may throw.
 */
const { FunctionPrototypeCall, Number, PromisePrototypeThen, PromiseReject, PromiseResolve } = primordials;
const { constructorError, defineInterface, illegalConstructor, illegalInvocation, toDictionary } = require("webidl");
const flags = require("flags");
const {
  Deferred,
  ERRORED,
  callbackField,
  hasTransformers,
  internal,
  noop,
  resultOfStart,
  strategyOf,
  typeError,
  upon,
} = require("streams/common");
const { DefaultReadable } = require("streams/default");
const { identityPair } = require("streams/identity_pipe");
const { wrapReadable } = require("streams/readable");
const { hideLength } = require("streams/resource");
const { DefaultWritable } = require("streams/sink");
const { wrapWritable } = require("streams/writable");
const writable = require("streams/writer");

const kCreate = { __proto__: null };
/** Makes the constructor of TransformStream take a pair of internal streams as its second argument. */
const kPair = { __proto__: null };

class Transform {
  /** Both strategies are {highWaterMark, size}. The caller assigns `transformer`, then calls start(). */
  constructor(writableStrategy, readableStrategy, onAbort) {
    this.transformer = null;
    this.backpressure = true;
    this.change = null;
    this.finish = null;
    this.onTransformed = (error) => this.transformFailed(error);
    this.readable = new DefaultReadable(new Readout(this), readableStrategy.highWaterMark, readableStrategy.size);
    const { highWaterMark, size } = writableStrategy;
    this.writable = new DefaultWritable(new Intake(this), highWaterMark, size, onAbort);
  }

  start(startResult) {
    this.writable.start(startResult);
    this.readable.start(startResult);
  }

  // --- for the transformer ---

  enqueue(chunk) {
    const { readable } = this;
    if (!readable.canEnqueue) throw typeError("The readable side of this TransformStream is no longer readable.");
    readable.enqueue(chunk);
    if (readable.state === ERRORED) {
      this.failWritable(readable.error);
      throw readable.error;
    }
    if (!readable.wants && !this.backpressure && flags.fixupTransformStreamBackpressure) this.setBackpressure(true);
  }

  fail(error) {
    this.readable.fail(error);
    this.failWritable(error);
  }

  terminate() {
    if (this.readable.canEnqueue) this.readable.requestClose();
    this.failWritable(typeError("The transform stream has been terminated"));
  }

  // --- back-pressure ---

  setBackpressure(backpressure) {
    this.backpressure = backpressure;
    if (this.change === null) return;
    const change = this.change;
    this.change = null;
    change.resolve(undefined);
  }

  /** A promise for the next change of back-pressure. */
  changed() {
    if (this.change === null) this.change = new Deferred();
    return this.change.promise;
  }

  /**
   * Of a transform that changes nothing: what a pipe to it would still bring, as a native body that does not tell its length;
   * 0 if that cannot be. The pipe leaves the rest of the way to the runtime.
   */
  toNative() {
    const { finish, readable, writable: intake } = this;
    if (finish !== null || readable.queued > 0 || !intake.isIdle || intake.writer?.piping !== true) return 0;
    const number = intake.writer.handOver();
    return number === 0 ? 0 : hideLength(number);
  }

  failWritable(error) {
    this.transformer = null;
    this.writable.fail(error);
    this.unblockWrite();
  }

  unblockWrite() {
    if (this.backpressure) this.setBackpressure(false);
  }

  // --- the writable side's sink ---

  write(chunk) {
    if (!this.backpressure) return this.transform(chunk);
    return PromisePrototypeThen(this.changed(), () => {
      if (this.writable.state === writable.ERRORING) throw this.writable.error;
      return this.transform(chunk);
    });
  }

  transform(chunk) {
    let result;
    try {
      result = this.transformer.transform(chunk);
    } catch (error) {
      result = PromiseReject(error);
    }
    return result === undefined ? undefined : PromisePrototypeThen(PromiseResolve(result), noop, this.onTransformed);
  }

  transformFailed(error) {
    this.fail(error);
    throw error;
  }

  close() {
    return this.end(
      "flush",
      undefined,
      () => {
        if (this.readable.state === ERRORED) throw this.readable.error;
        if (this.readable.canEnqueue) this.readable.requestClose();
      },
      (error) => this.readable.fail(error),
    );
  }

  abort(reason) {
    return this.end(
      "cancel",
      reason,
      () => {
        if (this.readable.state === ERRORED) throw this.readable.error;
        this.readable.fail(reason);
      },
      (error) => this.readable.fail(error),
    );
  }

  // --- the readable side's source ---

  pull() {
    this.setBackpressure(false);
    return this.changed();
  }

  cancel(reason) {
    return this.end(
      "cancel",
      reason,
      () => {
        if (this.writable.state === writable.ERRORED) throw this.writable.error;
        this.writable.fail(reason);
        this.unblockWrite();
      },
      (error) => {
        this.writable.fail(error);
        this.unblockWrite();
      },
    );
  }

  /** Calls the transformer for the last time; either side's end does this, once. */
  end(method, argument, onOk, onError) {
    if (this.finish !== null) return this.finish.promise;
    const finish = new Deferred();
    this.finish = finish;
    const transformer = this.transformer;
    let result;
    try {
      result = transformer === null ? undefined : transformer[method](argument);
    } catch (error) {
      result = PromiseReject(error);
    }
    this.transformer = null;
    upon(
      result,
      () => {
        try {
          onOk();
          finish.resolve(undefined);
        } catch (error) {
          finish.reject(error);
        }
      },
      (error) => {
        onError(error);
        finish.reject(error);
      },
    );
    return finish.promise;
  }
}
internal(Transform);

/** The source of the readable side. */
class Readout {
  constructor(transform) {
    this.transform = transform;
    this.pulls = true;
  }

  pull() {
    return this.transform.pull();
  }

  cancel(reason) {
    return this.transform.cancel(reason);
  }
}
internal(Readout);

/** The sink of the writable side. */
class Intake {
  constructor(transform) {
    this.transform = transform;
  }

  write(chunk) {
    return this.transform.write(chunk);
  }

  close() {
    return this.transform.close();
  }

  abort(reason) {
    return this.transform.abort(reason);
  }
}
internal(Intake);

/** The callbacks of a user's transformer, called with it as `this`. */
class UserTransformer {
  constructor(dictionary, machine, controller) {
    this.dictionary = dictionary;
    this.machine = machine;
    this.controller = controller;
    this.transformCallback = callbackField(dictionary, "transform", "Transformer");
    this.flushCallback = callbackField(dictionary, "flush", "Transformer");
    this.cancelCallback = callbackField(dictionary, "cancel", "Transformer");
  }

  transform(chunk) {
    if (this.transformCallback === undefined) {
      this.machine.enqueue(chunk);
      return undefined;
    }
    return FunctionPrototypeCall(this.transformCallback, this.dictionary, chunk, this.controller);
  }

  flush() {
    if (this.flushCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.flushCallback, this.dictionary, this.controller);
  }

  cancel(reason) {
    if (this.cancelCallback === undefined) return undefined;
    return FunctionPrototypeCall(this.cancelCallback, this.dictionary, reason);
  }
}
internal(UserTransformer);

class TransformStreamDefaultController {
  #transform;

  constructor(token, transform) {
    if (token !== kCreate) throw illegalConstructor();
    this.#transform = transform;
  }

  get desiredSize() {
    if (!(#transform in this)) throw illegalInvocation();
    return this.#transform.readable.desiredSize();
  }

  enqueue(chunk) {
    if (!(#transform in this)) throw illegalInvocation();
    this.#transform.enqueue(chunk);
  }

  error(reason) {
    if (!(#transform in this)) throw illegalInvocation();
    this.#transform.fail(reason);
  }

  terminate() {
    if (!(#transform in this)) throw illegalInvocation();
    this.#transform.terminate();
  }
}

/** A machine that runs what user code gave to `new TransformStream`. */
function transformFromUser(transformer, writableStrategy, readableStrategy) {
  const dictionary = toDictionary(transformer, () => constructorError("TransformStream", 1, "Transformer")) ?? {};
  const writes = strategyOf(writableStrategy, "TransformStream", 2, 1);
  const reads = strategyOf(readableStrategy, "TransformStream", 3, 0);
  if (dictionary.readableType !== undefined) throw typeError("transformer.readableType must be undefined.");
  if (dictionary.writableType !== undefined) throw typeError("transformer.writableType must be undefined.");
  const start = callbackField(dictionary, "start", "Transformer");
  const machine = new Transform(writes, reads, noop);
  const controller = new TransformStreamDefaultController(kCreate, machine);
  machine.transformer = new UserTransformer(dictionary, machine, controller);
  machine.readable.expectedLength = expectedLengthOf(dictionary);
  const isPlain = transformer === undefined && writableStrategy === undefined && readableStrategy === undefined;
  if (isPlain) machine.readable.passage = machine;
  machine.start(resultOfStart(start, dictionary, controller));
  return machine;
}

/** workerd's `expectedLength`: the Content-Length of a body made of this stream. */
function expectedLengthOf(dictionary) {
  const length = dictionary.expectedLength;
  return length === undefined ? undefined : Number(length);
}

class TransformStream {
  #readable;
  #writable;

  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    let pair;
    if (transformer === kPair) pair = writableStrategy;
    else if (!hasTransformers()) pair = identityPair(undefined, undefined);
    else pair = transformFromUser(transformer, writableStrategy, readableStrategy);
    this.#readable = wrapReadable(pair.readable);
    this.#writable = wrapWritable(pair.writable);
  }

  get readable() {
    if (!(#readable in this)) throw illegalInvocation();
    return this.#readable;
  }

  get writable() {
    if (!(#writable in this)) throw illegalInvocation();
    return this.#writable;
  }
}

defineInterface(TransformStream);
defineInterface(TransformStreamDefaultController);

exports.Transform = Transform;
exports.TransformStream = TransformStream;
exports.TransformStreamDefaultController = TransformStreamDefaultController;
exports.kPair = kPair;
