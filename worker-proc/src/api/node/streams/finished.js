/*
 * `finished` (when does a stream end, and how) and `addAbortSignal`.
 */

const { FunctionPrototypeCall, ObjectAssign, ObjectDefineProperty, Promise, PromisePrototypeThen, ReflectApply } =
  primordials;
const { AbortError, ERR_INVALID_ARG_TYPE, ERR_STREAM_PREMATURE_CLOSE } = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { validateAbortSignal, validateFunction, validateObject } = require("node/common/validators");
const { current, runIn } = require("async_context");
const {
  isClosed,
  isNodeStream,
  isReadable,
  isReadableFinished,
  isReadableNodeStream,
  isReadableStream,
  isRequest,
  isWritable,
  isWritableFinished,
  isWritableNodeStream,
  isWritableStream,
  willEmitClose,
} = require("node/streams/state");

function once(callback) {
  let isCalled = false;
  return function (...args) {
    if (isCalled) return;
    isCalled = true;
    ReflectApply(callback, this, args);
  };
}

const nothing = () => {};

/** Calls back once when a stream has ended, failed or closed; returns what takes the listeners off again. */
function finished(stream, options, callback) {
  if (arguments.length === 2) {
    callback = options;
    options = {};
  } else if (options == null) {
    options = {};
  } else {
    validateObject(options, "options");
  }
  validateFunction(callback, "callback");
  validateAbortSignal(options.signal, "options.signal");
  const frame = current();
  const given = callback;
  callback = once(function (...args) {
    runIn(frame, given, this, args);
  });

  if (isReadableStream(stream) || isWritableStream(stream)) return finishedWeb(stream, options, callback);
  if (!isNodeStream(stream)) {
    throw new ERR_INVALID_ARG_TYPE("stream", ["ReadableStream", "WritableStream", "Stream"], stream);
  }

  const readable = options.readable ?? isReadableNodeStream(stream);
  const writable = options.writable ?? isWritableNodeStream(stream);
  const w = stream._writableState;
  const r = stream._readableState;

  const onLegacyFinish = () => {
    if (!stream.writable) onFinish();
  };
  let waitsForClose =
    willEmitClose(stream) && isReadableNodeStream(stream) === readable && isWritableNodeStream(stream) === writable;

  let isWritableDone = isWritableFinished(stream, false);
  const onFinish = () => {
    isWritableDone = true;
    // A destroyed stream may never close.
    if (stream.destroyed) waitsForClose = false;
    if (waitsForClose && (!stream.readable || readable)) return;
    if (!readable || isReadableDone) FunctionPrototypeCall(callback, stream);
  };

  let isReadableDone = isReadableFinished(stream, false);
  const onEnd = () => {
    isReadableDone = true;
    if (stream.destroyed) waitsForClose = false;
    if (waitsForClose && (!stream.writable || writable)) return;
    if (!writable || isWritableDone) FunctionPrototypeCall(callback, stream);
  };

  const onError = (error) => FunctionPrototypeCall(callback, stream, error);

  let wasClosed = isClosed(stream);
  const onClose = () => {
    wasClosed = true;
    const errored = erroredOf(stream);
    if (errored && typeof errored !== "boolean") return FunctionPrototypeCall(callback, stream, errored);
    if (readable && !isReadableDone && isReadableNodeStream(stream, true) && !isReadableFinished(stream, false)) {
      return FunctionPrototypeCall(callback, stream, new ERR_STREAM_PREMATURE_CLOSE());
    }
    if (writable && !isWritableDone && !isWritableFinished(stream, false)) {
      return FunctionPrototypeCall(callback, stream, new ERR_STREAM_PREMATURE_CLOSE());
    }
    return FunctionPrototypeCall(callback, stream);
  };
  const onClosed = () => {
    wasClosed = true;
    const errored = erroredOf(stream);
    if (errored && typeof errored !== "boolean") return FunctionPrototypeCall(callback, stream, errored);
    return FunctionPrototypeCall(callback, stream);
  };

  const onRequest = () => stream.req.on("finish", onFinish);
  if (isRequest(stream)) {
    stream.on("complete", onFinish);
    if (!waitsForClose) stream.on("abort", onClose);
    if (stream.req) onRequest();
    else stream.on("request", onRequest);
  } else if (writable && !w) {
    // An old-style stream.
    stream.on("end", onLegacyFinish);
    stream.on("close", onLegacyFinish);
  }
  if (!waitsForClose && typeof stream.aborted === "boolean") stream.on("aborted", onClose);
  stream.on("end", onEnd);
  stream.on("finish", onFinish);
  if (options.error !== false) stream.on("error", onError);
  stream.on("close", onClose);

  if (wasClosed) {
    nextTick(onClose);
  } else if (w?.errorEmitted || r?.errorEmitted) {
    if (!waitsForClose) nextTick(onClosed);
  } else if (
    (!readable &&
      (!waitsForClose || isReadable(stream)) &&
      (isWritableDone || isWritable(stream) === false) &&
      // What is written may still be on its way.
      !w?.pendingcb) ||
    (!writable && (!waitsForClose || isWritable(stream)) && (isReadableDone || isReadable(stream) === false))
  ) {
    nextTick(onClosed);
  } else if (r && stream.req && stream.aborted) {
    nextTick(onClosed);
  }

  const cleanUp = () => {
    callback = nothing;
    for (
      let i = 0,
        entries = [
          ["aborted", onClose],
          ["complete", onFinish],
          ["abort", onClose],
          ["request", onRequest],
          ["end", onLegacyFinish],
          ["close", onLegacyFinish],
          ["finish", onFinish],
          ["end", onEnd],
          ["error", onError],
          ["close", onClose],
        ];
      i < entries.length;
      i++
    ) {
      const { 0: event, 1: listener } = entries[i];
      stream.removeListener(event, listener);
    }
    stream.req?.removeListener?.("finish", onFinish);
  };

  callback = withSignal(stream, options.signal, callback, cleanUp);
  return cleanUp;
}

const erroredOf = (stream) => stream.errored ?? stream._writableState?.errored ?? stream._readableState?.errored ?? null;

/** Ends the wait when the signal aborts. */
function withSignal(stream, signal, callback, cleanUp) {
  if (!signal || isClosed(stream)) return callback;
  const onAbort = () => {
    const last = callback;
    cleanUp();
    FunctionPrototypeCall(last, stream, new AbortError(undefined, { cause: signal.reason }));
  };
  if (signal.aborted) {
    nextTick(onAbort);
    return callback;
  }
  signal.addEventListener("abort", onAbort, { once: true });
  return once(function (...args) {
    signal.removeEventListener("abort", onAbort);
    ReflectApply(callback, stream, args);
  });
}

function finishedWeb(stream, options, callback) {
  let isAborted = false;
  let onAbort = nothing;
  const { signal } = options;
  if (signal) {
    onAbort = () => {
      isAborted = true;
      FunctionPrototypeCall(callback, stream, new AbortError(undefined, { cause: signal.reason }));
    };
    if (signal.aborted) nextTick(onAbort);
    else signal.addEventListener("abort", onAbort, { once: true });
  }
  const done = (error) => {
    signal?.removeEventListener("abort", onAbort);
    if (!isAborted) nextTick(() => FunctionPrototypeCall(callback, stream, error));
  };
  PromisePrototypeThen(closedOf(stream), () => done(), done);
  return nothing;
}

/** The promise of a web stream's end, without keeping it locked. */
function closedOf(stream) {
  const isReader = isReadableStream(stream);
  if (stream.locked) {
    // Somebody else reads or writes, and alone knows when it ends.
    return new Promise(() => {});
  }
  const handle = isReader ? stream.getReader() : stream.getWriter();
  const { closed } = handle;
  handle.releaseLock();
  return closed;
}

/** `finished` as a promise. */
function finishedPromise(stream, options) {
  if (options == null) options = {};
  if (options.cleanup !== undefined) {
    const { validateBoolean } = require("node/common/validators");
    validateBoolean(options.cleanup, "cleanup");
  }
  return new Promise((resolve, reject) => {
    const stop = finished(stream, options, (error) => {
      if (options.cleanup) stop();
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Destroys a stream when a signal aborts. */
function addAbortSignal(signal, stream) {
  const onAbort = () => {
    const error = new AbortError(undefined, { cause: signal.reason });
    if (isNodeStream(stream)) stream.destroy(error);
    else if (isReadableStream(stream)) stream.cancel(error);
    else stream.abort(error);
  };
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener("abort", onAbort, { once: true });
    finished(stream, () => signal.removeEventListener("abort", onAbort));
  }
  return stream;
}

function addAbortSignalChecked(signal, stream) {
  if (signal === undefined || signal === null || typeof signal !== "object" || !("aborted" in signal)) {
    throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
  }
  if (!isNodeStream(stream) && !isReadableStream(stream) && !isWritableStream(stream)) {
    throw new ERR_INVALID_ARG_TYPE("stream", ["ReadableStream", "WritableStream", "Stream"], stream);
  }
  return addAbortSignal(signal, stream);
}
ObjectDefineProperty(addAbortSignalChecked, "name", { value: "addAbortSignal" });

ObjectAssign(exports, { addAbortSignal, addAbortSignalChecked, finished, finishedPromise, once });
