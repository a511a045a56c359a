/* `Duplex.from`: a stream of nearly anything. */

// own: body, value (what the caller gives)
const { Boolean, PromiseWithResolvers, SymbolAsyncIterator, SymbolIterator } = primordials;
const { AbortError, ERR_INVALID_ARG_TYPE, ERR_INVALID_RETURN_VALUE } = require("node/common/errors");
const { AbortController } = require("abort");
const { Blob } = require("blob");
const { nextTick } = require("node/timers/next_tick");
const { destroyer } = require("node/streams/destroy");
const { Duplex } = require("node/streams/duplex");
const { finished } = require("node/streams/finished");
const { from } = require("node/streams/from");
const { Readable } = require("node/streams/readable");
const {
  isDuplexNodeStream,
  isNodeStream,
  isReadable,
  isReadableNodeStream,
  isReadableStream,
  isWritable,
  isWritableNodeStream,
  isWritableStream,
} = require("node/streams/state");
const { Writable } = require("node/streams/writable");

/** `Duplex.from`: a stream, iterable, function, promise, blob, or a pair of streams as a Duplex. */
function duplexFrom(body, name) {
  if (isDuplexNodeStream(body)) return body;
  if (isReadableNodeStream(body)) return duplexOf({ readable: body });
  if (isWritableNodeStream(body)) return duplexOf({ writable: body });
  if (isNodeStream(body)) return duplexOf({ writable: false, readable: false });
  if (isReadableStream(body)) return duplexOf({ readable: Readable.fromWeb(body) });
  if (isWritableStream(body)) return duplexOf({ writable: Writable.fromWeb(body) });
  if (typeof body === "function") return fromFunction(body, name);
  if (body instanceof Blob) return duplexFrom(body.arrayBuffer(), name);
  if (body && (body[SymbolAsyncIterator] || body[SymbolIterator])) {
    return from(Duplex, body, { objectMode: true, writable: false });
  }
  if (isReadableStream(body?.readable) && isWritableStream(body?.writable)) return Duplex.fromWeb(body);
  if (typeof body?.writable === "object" || typeof body?.readable === "object") {
    const pick = (side, isRight) => (side ? (isRight(side) ? side : duplexFrom(side, name)) : undefined);
    return duplexOf({
      readable: pick(body.readable, isReadableNodeStream),
      writable: pick(body.writable, isWritableNodeStream),
    });
  }
  if (typeof body?.then === "function") {
    const duplex = new Duplex({ objectMode: true, writable: false, read() {} });
    body.then(
      (value) => {
        if (value != null) duplex.push(value);
        duplex.push(null);
      },
      (error) => duplex.destroy(error),
    );
    return duplex;
  }
  throw new ERR_INVALID_ARG_TYPE(
    name,
    [
      "Blob",
      "ReadableStream",
      "WritableStream",
      "Stream",
      "Iterable",
      "AsyncIterable",
      "Function",
      "{ readable, writable } pair",
      "Promise",
    ],
    body,
  );
}

function fromFunction(fn, name) {
  const input = inputOf(fn);
  const { value, write, final, destroy } = input;
  if (value && (value[SymbolAsyncIterator] || value[SymbolIterator])) {
    return from(Duplex, value, { objectMode: true, write, final, destroy });
  }
  if (typeof value?.then === "function") {
    let duplex;
    const settled = value.then(
      (result) => {
        if (result != null) throw new ERR_INVALID_RETURN_VALUE("nully", "body", result);
      },
      (error) => duplex.destroy(error),
    );
    duplex = new Duplex({
      objectMode: true,
      readable: false,
      write,
      final(callback) {
        final(async () => {
          try {
            await settled;
            nextTick(callback, null);
          } catch (error) {
            nextTick(callback, error);
          }
        });
      },
      destroy,
    });
    return duplex;
  }
  throw new ERR_INVALID_RETURN_VALUE("Iterable, AsyncIterable or AsyncFunction", name, value);
}

/** Calls an async generator function with what is written to the stream. */
function inputOf(fn) {
  let { promise, resolve } = PromiseWithResolvers();
  const controller = new AbortController();
  const { signal } = controller;
  const value = fn(
    (async function* () {
      for (;;) {
        const waited = promise;
        promise = null;
        const { chunk, done, callback } = await waited;
        nextTick(callback);
        if (done) return;
        if (signal.aborted) throw new AbortError(undefined, { cause: signal.reason });
        ({ promise, resolve } = PromiseWithResolvers());
        yield chunk;
      }
    })(),
    { signal },
  );
  const give = (step) => {
    const settle = resolve;
    resolve = null;
    settle(step);
  };
  return {
    value,
    write: (chunk, encoding, callback) => give({ chunk, done: false, callback }),
    final: (callback) => give({ done: true, callback }),
    destroy(error, callback) {
      controller.abort();
      callback(error);
    },
  };
}

/** One Duplex over a readable and a writable stream. */
function duplexOf(pair) {
  const readableSide =
    pair.readable && typeof pair.readable.read !== "function" ? Readable.wrap(pair.readable) : pair.readable;
  const writableSide = pair.writable;
  const reads = Boolean(isReadable(readableSide));
  const writes = Boolean(isWritable(writableSide));
  let onDrain;
  let onFinish;
  let onReadable;
  let onClose;

  const duplex = new Duplex({
    readableObjectMode: Boolean(readableSide?.readableObjectMode),
    writableObjectMode: Boolean(writableSide?.writableObjectMode),
    readable: reads,
    writable: writes,
  });
  const onFinished = (error) => {
    const callback = onClose;
    onClose = null;
    if (callback) callback(error);
    else if (error) duplex.destroy(error);
  };

  if (writes) {
    finished(writableSide, (error) => {
      if (error) destroyer(readableSide, error);
      onFinished(error);
    });
    duplex._write = (chunk, encoding, callback) => {
      if (writableSide.write(chunk, encoding)) callback();
      else onDrain = callback;
    };
    duplex._final = (callback) => {
      writableSide.end();
      onFinish = callback;
    };
    writableSide.on("drain", () => {
      const callback = onDrain;
      onDrain = null;
      callback?.();
    });
    writableSide.on("finish", () => {
      const callback = onFinish;
      onFinish = null;
      callback?.();
    });
  }
  if (reads) {
    finished(readableSide, (error) => {
      if (error) destroyer(readableSide, error);
      onFinished(error);
    });
    readableSide.on("readable", () => {
      const callback = onReadable;
      onReadable = null;
      callback?.();
    });
    readableSide.on("end", () => duplex.push(null));
    duplex._read = () => {
      for (;;) {
        const chunk = readableSide.read();
        if (chunk === null) {
          onReadable = duplex._read;
          return;
        }
        if (!duplex.push(chunk)) return;
      }
    };
  }
  duplex._destroy = (error, callback) => {
    if (!error && onClose !== null && onClose !== undefined) error = new AbortError();
    onReadable = null;
    onDrain = null;
    onFinish = null;
    if (!reads && !writes) return callback(error);
    onClose = callback;
    destroyer(writableSide, error);
    destroyer(readableSide, error);
  };
  return duplex;
}

exports.duplexFrom = duplexFrom;
