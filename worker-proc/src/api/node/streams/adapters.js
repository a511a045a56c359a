/*
 * Node streams as web streams and the other way round.
 */

// own: stream, duplex (a stream)
const {
  ArrayPrototypeMap,
  ObjectAssign,
  PromiseAll,
  PromiseAllSettled,
  PromisePrototypeFinally,
  PromisePrototypeThen,
  PromiseWithResolvers,
  Uint8Array,
} = primordials;
const { ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, WritableStream } = require("streams").globals;
const { Buffer } = require("node:buffer");
const { AbortError, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_STREAM_PREMATURE_CLOSE } =
  require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { validateBoolean, validateObject } = require("node/common/validators");
const {
  isDestroyed,
  isReadable,
  isReadableStream,
  isWritable,
  isWritableEnded,
  isWritableStream,
} = require("node/streams/state");

const endOf = (stream, callback) => require("node/streams/finished").finished(stream, callback);
const reported = (error) =>
  error?.code === "ERR_STREAM_PREMATURE_CLOSE" ? new AbortError(undefined, { cause: error }) : error;

function readableToWeb(stream, options = {}) {
  if (typeof stream?._readableState !== "object") {
    throw new ERR_INVALID_ARG_TYPE("streamReadable", "stream.Readable", stream);
  }
  if (isDestroyed(stream) || !isReadable(stream)) {
    const closed = new ReadableStream();
    closed.cancel();
    return closed;
  }
  const { objectMode } = stream._readableState;
  const highWaterMark = stream.readableHighWaterMark;
  const Strategy = objectMode ? CountQueuingStrategy : ByteLengthQueuingStrategy;
  const strategy = options.strategy ?? new Strategy({ highWaterMark });
  let controller;
  let wasCanceled = false;
  stream.pause();
  const cleanUp = endOf(stream, (error) => {
    cleanUp();
    stream.on("error", () => {});
    if (error) return controller.error(reported(error));
    if (!wasCanceled) controller.close();
  });
  stream.on("data", (chunk) => {
    if (Buffer.isBuffer(chunk) && !objectMode) chunk = new Uint8Array(chunk);
    controller.enqueue(chunk);
    if (controller.desiredSize <= 0) stream.pause();
  });
  return new ReadableStream(
    {
      start(given) {
        controller = given;
      },
      pull() {
        stream.resume();
      },
      cancel(reason) {
        wasCanceled = true;
        require("node/streams/destroy").destroyer(stream, reason);
      },
    },
    strategy,
  );
}

function readableFromWeb(Readable, web, options = {}) {
  if (!isReadableStream(web)) throw new ERR_INVALID_ARG_TYPE("readableStream", "ReadableStream", web);
  validateObject(options, "options");
  const { highWaterMark, encoding, objectMode = false, signal } = options;
  if (encoding !== undefined && !Buffer.isEncoding(encoding)) throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  validateBoolean(objectMode, "options.objectMode");
  const reader = web.getReader();
  let isClosed = false;
  const stream = new Readable({
    objectMode,
    highWaterMark,
    encoding,
    signal,
    read() {
      PromisePrototypeThen(
        reader.read(),
        ({ done, value }) => stream.push(done ? null : value),
        (error) => stream.destroy(error),
      );
    },
    destroy(error, callback) {
      const done = () => nextTick(callback, error);
      if (isClosed) return done();
      PromisePrototypeThen(reader.cancel(error ?? undefined), done, done);
    },
  });
  PromisePrototypeThen(
    reader.closed,
    () => {
      isClosed = true;
    },
    (error) => {
      isClosed = true;
      stream.destroy(error);
    },
  );
  return stream;
}

function writableToWeb(stream) {
  if (typeof stream?._writableState !== "object") {
    throw new ERR_INVALID_ARG_TYPE("streamWritable", "stream.Writable", stream);
  }
  if (isDestroyed(stream) || !isWritable(stream)) {
    const closed = new WritableStream();
    closed.close();
    return closed;
  }
  const highWaterMark = stream.writableHighWaterMark;
  const strategy = stream.writableObjectMode ? new CountQueuingStrategy({ highWaterMark }) : { highWaterMark };
  let controller;
  let waiting;
  let closing;
  const cleanUp = endOf(stream, (error) => {
    cleanUp();
    stream.on("error", () => {});
    if (error) {
      const failure = reported(error);
      waiting?.reject(failure);
      closing?.reject(failure);
      closing = undefined;
      controller.error(failure);
      return;
    }
    if (closing !== undefined) {
      closing.resolve();
      closing = undefined;
      return;
    }
    controller.error(new AbortError());
  });
  stream.on("drain", () => waiting?.resolve());
  return new WritableStream(
    {
      start(given) {
        controller = given;
      },
      write(chunk) {
        if (stream.writableNeedDrain || !stream.write(chunk)) {
          waiting = PromiseWithResolvers();
          return PromisePrototypeFinally(waiting.promise, () => {
            waiting = undefined;
          });
        }
        return undefined;
      },
      abort(reason) {
        require("node/streams/destroy").destroyer(stream, reason);
      },
      close() {
        if (closing === undefined && !isWritableEnded(stream)) stream.end();
        closing = PromiseWithResolvers();
        return closing.promise;
      },
    },
    strategy,
  );
}

function writableFromWeb(Writable, web, options = {}) {
  if (!isWritableStream(web)) throw new ERR_INVALID_ARG_TYPE("writableStream", "WritableStream", web);
  validateObject(options, "options");
  const { highWaterMark, decodeStrings = true, objectMode = false, signal } = options;
  validateBoolean(objectMode, "options.objectMode");
  validateBoolean(decodeStrings, "options.decodeStrings");
  const writer = web.getWriter();
  const state = { isClosed: false };
  const stream = new Writable({
    highWaterMark,
    objectMode,
    decodeStrings,
    signal,
    ...writerMethods(writer, objectMode, state),
  });
  PromisePrototypeThen(
    writer.closed,
    () => {
      state.isClosed = true;
      if (!isWritableEnded(stream)) stream.destroy(new ERR_STREAM_PREMATURE_CLOSE());
    },
    (error) => {
      state.isClosed = true;
      stream.destroy(error);
    },
  );
  return stream;
}

/** The writable half of a Node stream over a web stream's writer. */
function writerMethods(writer, objectMode, state) {
  const settle = (promise, callback) =>
    PromisePrototypeThen(
      promise,
      () => nextTick(callback),
      (error) => nextTick(callback, error ?? new AbortError()),
    );
  const encode = (chunk, encoding) => {
    if (typeof chunk !== "string" || objectMode) return chunk;
    const bytes = Buffer.from(chunk, encoding);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    writev(chunks, callback) {
      const all = PromiseAll(ArrayPrototypeMap(chunks, ({ chunk, encoding }) => writer.write(encode(chunk, encoding))));
      settle(
        PromisePrototypeThen(writer.ready, () => all),
        callback,
      );
    },
    write(chunk, encoding, callback) {
      settle(
        PromisePrototypeThen(writer.ready, () => writer.write(encode(chunk, encoding))),
        callback,
      );
    },
    final(callback) {
      if (state.isClosed) nextTick(callback);
      else settle(writer.close(), callback);
    },
    destroy(error, callback) {
      const done = () => nextTick(callback, error);
      if (state.isClosed) return done();
      PromisePrototypeThen(error != null ? writer.abort(error) : writer.close(), done, done);
    },
  };
}

function duplexToWeb(duplex) {
  if (typeof duplex?._writableState !== "object" || typeof duplex?._readableState !== "object") {
    throw new ERR_INVALID_ARG_TYPE("duplex", "stream.Duplex", duplex);
  }
  return { readable: readableToWeb(duplex), writable: writableToWeb(duplex) };
}

function duplexFromWeb(Duplex, pair, options = {}) {
  validateObject(pair, "pair");
  const { readable, writable } = pair;
  if (!isReadableStream(readable)) throw new ERR_INVALID_ARG_TYPE("pair.readable", "ReadableStream", readable);
  if (!isWritableStream(writable)) throw new ERR_INVALID_ARG_TYPE("pair.writable", "WritableStream", writable);
  validateObject(options, "options");
  const { allowHalfOpen = false, objectMode = false, encoding, decodeStrings = true, highWaterMark, signal } = options;
  validateBoolean(objectMode, "options.objectMode");
  if (encoding !== undefined && !Buffer.isEncoding(encoding)) throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const state = { isClosed: false };
  let isReadClosed = false;
  const methods = writerMethods(writer, objectMode, state);
  const duplex = new Duplex({
    allowHalfOpen,
    highWaterMark,
    objectMode,
    encoding,
    decodeStrings,
    signal,
    ...methods,
    read() {
      PromisePrototypeThen(
        reader.read(),
        ({ done, value }) => duplex.push(done ? null : value),
        (error) => duplex.destroy(error),
      );
    },
    destroy(error, callback) {
      const done = () => nextTick(callback, error);
      const closeWriter = state.isClosed ? undefined : error != null ? writer.abort(error) : writer.close();
      const closeReader = isReadClosed ? undefined : reader.cancel(error ?? undefined);
      PromisePrototypeThen(PromiseAllSettled([closeWriter, closeReader]), done);
    },
  });
  PromisePrototypeThen(
    writer.closed,
    () => {
      state.isClosed = true;
      if (!isWritableEnded(duplex)) duplex.destroy(new ERR_STREAM_PREMATURE_CLOSE());
    },
    (error) => {
      state.isClosed = true;
      isReadClosed = true;
      duplex.destroy(error);
    },
  );
  PromisePrototypeThen(
    reader.closed,
    () => {
      isReadClosed = true;
    },
    (error) => {
      state.isClosed = true;
      isReadClosed = true;
      duplex.destroy(error);
    },
  );
  return duplex;
}

ObjectAssign(exports, {
  duplexFromWeb,
  duplexToWeb,
  readableFromWeb,
  readableToWeb,
  writableFromWeb,
  writableToWeb,
});
