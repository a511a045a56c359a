/*
 * `pipeline`: streams, iterables and functions piped one into the next, all of them ended together.
 */

const {
  ArrayIsArray,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  FunctionPrototypeCall,
  ObjectAssign,
  Promise,
  PromisePrototypeCatch,
  SymbolAsyncIterator,
} = primordials;
const { AbortController } = require("abort");
const {
  AbortError,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_RETURN_VALUE,
  ERR_MISSING_ARGS,
  ERR_STREAM_DESTROYED,
  ERR_STREAM_PREMATURE_CLOSE,
  aggregateTwoErrors,
} = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { validateAbortSignal, validateFunction } = require("node/common/validators");
const { destroyer: destroyStream } = require("node/streams/destroy");
const { Duplex } = require("node/streams/duplex");
const { PassThrough } = require("node/streams/transform");
const { Readable } = require("node/streams/readable");
const { finished, once } = require("node/streams/finished");
const {
  isIterable,
  isNodeStream,
  isReadable,
  isReadableFinished,
  isReadableNodeStream,
  isReadableStream,
  isTransformStream,
  isWebStream,
} = require("node/streams/state");

/** Watches one stream of the pipeline; `destroy` ends it unless it is done. */
function watch(stream, isReading, isWriting) {
  let isDone = false;
  stream.on("close", () => {
    isDone = true;
  });
  const cleanUp = finished(stream, { readable: isReading, writable: isWriting }, (error) => {
    isDone = !error;
  });
  return {
    destroy(error) {
      if (isDone) return;
      isDone = true;
      destroyStream(stream, error || new ERR_STREAM_DESTROYED("pipe"));
    },
    cleanUp,
  };
}

function toIterable(value) {
  if (isIterable(value)) return value;
  if (isReadableNodeStream(value)) return FunctionPrototypeCall(Readable.prototype[SymbolAsyncIterator], value);
  throw new ERR_INVALID_ARG_TYPE("val", ["Readable", "Iterable", "AsyncIterable"], value);
}

/** Writes an iterable into a stream, waiting for it to drain. */
async function pumpToNode(iterable, writable, finish, { end }) {
  let failure;
  let wake;
  const resume = (error) => {
    if (error) failure = error;
    const callback = wake;
    wake = undefined;
    callback?.();
  };
  const wait = () =>
    new Promise((resolve, reject) => {
      if (failure) reject(failure);
      else wake = () => (failure ? reject(failure) : resolve());
    });
  writable.on("drain", resume);
  const cleanUp = finished(writable, { readable: false }, resume);
  try {
    if (writable.writableNeedDrain) await wait();
    for await (const chunk of iterable) if (!writable.write(chunk)) await wait();
    if (end) {
      writable.end();
      await wait();
    }
    finish();
  } catch (error) {
    finish(failure !== error ? aggregateTwoErrors(failure, error) : error);
  } finally {
    cleanUp();
    writable.off("drain", resume);
  }
}

async function pumpToWeb(iterable, stream, finish, { end }) {
  const target = isTransformStream(stream) ? stream.writable : stream;
  const writer = target.getWriter();
  try {
    for await (const chunk of iterable) {
      await writer.ready;
      PromisePrototypeCatch(writer.write(chunk), () => {});
    }
    await writer.ready;
    if (end) await writer.close();
    finish();
  } catch (error) {
    try {
      await writer.abort(error);
      finish(error);
    } catch (abortError) {
      finish(abortError);
    }
  }
}

function pipeline(...streams) {
  const callback = ArrayPrototypePop(streams);
  validateFunction(callback, "streams[stream.length - 1]");
  return run(streams, once(callback));
}

function run(streams, callback, options) {
  if (streams.length === 1 && ArrayIsArray(streams[0])) streams = streams[0];
  if (streams.length < 2) throw new ERR_MISSING_ARGS("streams");

  const controller = new AbortController();
  const { signal } = controller;
  const outer = options?.signal;
  // Callbacks for the last stream, kept apart: they run before the pipeline's.
  const lastCleanUps = [];
  validateAbortSignal(outer, "options.signal");
  const onAbort = () => finishOne(new AbortError(undefined, { cause: outer?.reason }));
  if (outer) {
    if (outer.aborted) nextTick(onAbort);
    else outer.addEventListener("abort", onAbort, { once: true });
  }

  let failure;
  let value;
  const destroys = [];
  let pending = 0;

  const finish = (error) => finishOne(error, --pending === 0);
  function finishOne(error, isFinal) {
    if (error && (!failure || failure.code === "ERR_STREAM_PREMATURE_CLOSE")) failure = error;
    if (!failure && !isFinal) return;
    while (destroys.length) ArrayPrototypeShift(destroys)(failure);
    outer?.removeEventListener("abort", onAbort);
    controller.abort();
    if (isFinal) {
      if (!failure) for (let i = 0; i < lastCleanUps.length; i++) lastCleanUps[i]();
      nextTick(callback, failure, value);
    }
  }

  let current;
  for (let i = 0; i < streams.length; i++) {
    const stream = streams[i];
    const isReading = i < streams.length - 1;
    const isWriting = i > 0;
    const isLast = i === streams.length - 1;
    const doEnd = isReading || options?.end !== false;

    if (isNodeStream(stream)) {
      if (doEnd) {
        const { destroy, cleanUp } = watch(stream, isReading, isWriting);
        ArrayPrototypePush(destroys, destroy);
        if (isReadable(stream) && isLast) ArrayPrototypePush(lastCleanUps, cleanUp);
      }
      // Errors after the end are the pipeline's, not uncaught.
      const onError = (error) => {
        if (error && error.name !== "AbortError" && error.code !== "ERR_STREAM_PREMATURE_CLOSE") finishOne(error);
      };
      stream.on("error", onError);
      if (isReadable(stream) && isLast) ArrayPrototypePush(lastCleanUps, () => stream.removeListener("error", onError));
    }

    if (i === 0) {
      if (typeof stream === "function") {
        current = stream({ signal });
        if (!isIterable(current)) {
          throw new ERR_INVALID_RETURN_VALUE("Iterable, AsyncIterable or Stream", "source", current);
        }
      } else if (isIterable(stream) || isReadableNodeStream(stream) || isTransformStream(stream)) {
        current = stream;
      } else {
        current = Duplex.from(stream);
      }
    } else if (typeof stream === "function") {
      const input = isTransformStream(current) ? toIterable(current?.readable) : toIterable(current);
      current = stream(input, { signal });
      if (isReading) {
        if (!isIterable(current, true)) {
          throw new ERR_INVALID_RETURN_VALUE("AsyncIterable", `transform[${i - 1}]`, current);
        }
      } else {
        // The last function's result is the pipeline's; a stream stands for it.
        const through = new PassThrough({ objectMode: true });
        const then = current?.then;
        if (typeof then === "function") {
          pending++;
          FunctionPrototypeCall(
            then,
            current,
            (result) => {
              value = result;
              if (result != null) through.write(result);
              if (doEnd) through.end();
              nextTick(finish);
            },
            (error) => {
              through.destroy(error);
              nextTick(finish, error);
            },
          );
        } else if (isIterable(current, true)) {
          pending++;
          pumpToNode(current, through, finish, { end: doEnd });
        } else if (isReadableStream(current) || isTransformStream(current)) {
          pending++;
          pumpToNode(current.readable || current, through, finish, { end: doEnd });
        } else {
          throw new ERR_INVALID_RETURN_VALUE("AsyncIterable or Promise", "destination", current);
        }
        current = through;
        const { destroy, cleanUp } = watch(current, false, true);
        ArrayPrototypePush(destroys, destroy);
        if (isLast) ArrayPrototypePush(lastCleanUps, cleanUp);
      }
    } else if (isNodeStream(stream)) {
      if (isReadableNodeStream(current)) {
        pending += 2;
        const cleanUp = pipe(current, stream, finish, finishOne, { end: doEnd });
        if (isReadable(stream) && isLast) ArrayPrototypePush(lastCleanUps, cleanUp);
      } else if (isTransformStream(current) || isReadableStream(current)) {
        pending++;
        pumpToNode(current.readable || current, stream, finish, { end: doEnd });
      } else if (isIterable(current)) {
        pending++;
        pumpToNode(current, stream, finish, { end: doEnd });
      } else {
        throw new ERR_INVALID_ARG_TYPE(
          "val",
          ["Readable", "Iterable", "AsyncIterable", "ReadableStream", "TransformStream"],
          current,
        );
      }
      current = stream;
    } else if (isWebStream(stream)) {
      pending++;
      if (isReadableNodeStream(current)) pumpToWeb(toIterable(current), stream, finish, { end: doEnd });
      else if (isReadableStream(current) || isIterable(current)) pumpToWeb(current, stream, finish, { end: doEnd });
      else if (isTransformStream(current)) pumpToWeb(current.readable, stream, finish, { end: doEnd });
      else {
        throw new ERR_INVALID_ARG_TYPE(
          "val",
          ["Readable", "Iterable", "AsyncIterable", "ReadableStream", "TransformStream"],
          current,
        );
      }
      current = stream;
    } else {
      current = Duplex.from(stream);
    }
  }

  if (signal?.aborted || outer?.aborted) nextTick(onAbort);
  return current;
}

/** Pipes one Node stream into another; `finish` is called once for each side. */
function pipe(source, target, finish, finishOne, { end }) {
  let hasEnded = false;
  target.on("close", () => {
    if (!hasEnded) finishOne(new ERR_STREAM_PREMATURE_CLOSE());
  });
  source.pipe(target, { end: false });
  if (end) {
    const endTarget = () => {
      hasEnded = true;
      target.end();
    };
    if (isReadableFinished(source)) nextTick(endTarget);
    else source.once("end", endTarget);
  } else {
    finish();
  }
  finished(source, { readable: true, writable: false }, (error) => {
    const state = source._readableState;
    if (error && error.code === "ERR_STREAM_PREMATURE_CLOSE" && state?.ended && !state.errored && !state.errorEmitted) {
      // It has delivered everything; only "end" is missing.
      source.once("end", finish).once("error", finish);
    } else {
      finish(error);
    }
  });
  return finished(target, { readable: false, writable: true }, finish);
}

function pipelinePromise(...streams) {
  return new Promise((resolve, reject) => {
    let signal;
    let end;
    const last = streams[streams.length - 1];
    if (last && typeof last === "object" && !isNodeStream(last) && !isIterable(last) && !isWebStream(last)) {
      ({ signal, end } = ArrayPrototypePop(streams));
    }
    run(
      streams,
      (error, value) => {
        if (error) reject(error);
        else resolve(value);
      },
      { signal, end },
    );
  });
}

ObjectAssign(exports, { pipeline, pipelinePromise, run });
