/*
 * Writable: the buffer of chunks, back-pressure, `cork`, `end` and the "finish" event.
 */

const {
  ArrayBufferIsView,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  Boolean,
  Error,
  FunctionPrototypeCall,
  FunctionPrototypeSymbolHasInstance,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  Promise,
  StringPrototypeToLowerCase,
  SymbolAsyncDispose,
  SymbolHasInstance,
} = primordials;
const EventEmitter = require("node:events").default;
const { Buffer } = require("node:buffer");
const {
  AbortError,
  ERR_INVALID_ARG_TYPE,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_MULTIPLE_CALLBACK,
  ERR_STREAM_ALREADY_FINISHED,
  ERR_STREAM_CANNOT_PIPE,
  ERR_STREAM_DESTROYED,
  ERR_STREAM_NULL_VALUES,
  ERR_STREAM_WRITE_AFTER_END,
  ERR_UNKNOWN_ENCODING,
} = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { Stream } = require("node/streams/legacy");
const { construct, destroy, errorOrDestroy, undestroy } = require("node/streams/destroy");
const { highWaterMarkOf, isDuplex } = require("node/streams/state");

const nothing = () => {};

function WritableState(options, stream, isDuplex) {
  this.objectMode = Boolean(options?.objectMode || (isDuplex && options?.writableObjectMode));
  this.highWaterMark = highWaterMarkOf(this.objectMode, options, "writableHighWaterMark", isDuplex);
  this.finalCalled = false;
  this.needDrain = false;
  this.ending = false;
  this.ended = false;
  this.finished = false;
  this.destroyed = false;
  this.decodeStrings = options?.decodeStrings !== false;
  this.defaultEncoding = options?.defaultEncoding || "utf8";
  if (!Buffer.isEncoding(this.defaultEncoding)) throw new ERR_UNKNOWN_ENCODING(this.defaultEncoding);
  // Bytes (or objects) buffered or being written.
  this.length = 0;
  this.writing = false;
  this.corked = 0;
  // Whether the write's callback comes before `_write` returns.
  this.sync = true;
  this.bufferProcessing = false;
  this.writecb = null;
  this.writelen = 0;
  this.afterWriteTickInfo = null;
  this.buffered = [];
  this.allBuffers = true;
  this.allNoop = true;
  this.pendingcb = 0;
  this.constructed = true;
  this.prefinished = false;
  this.errorEmitted = false;
  this.emitClose = options?.emitClose !== false;
  this.autoDestroy = options?.autoDestroy !== false;
  this.errored = null;
  this.closed = false;
  this.closeEmitted = false;
  this.onwrite = (error) => onWrite(stream, error);
}

WritableState.prototype.getBuffer = function getBuffer() {
  return ArrayPrototypeSlice(this.buffered);
};
ObjectDefineProperty(WritableState.prototype, "bufferedRequestCount", {
  __proto__: null,
  get() {
    return this.buffered.length;
  },
});

const resetBuffer = (state) => {
  state.buffered = [];
  state.allBuffers = true;
  state.allNoop = true;
};

function Writable(options) {
  const isBoth = isDuplex(this);
  if (!isBoth && !FunctionPrototypeSymbolHasInstance(Writable, this)) return new Writable(options);
  this._writableState ??= new WritableState(options, this, isBoth);
  initialize(this, options);
}
ObjectSetPrototypeOf(Writable.prototype, Stream.prototype);
ObjectSetPrototypeOf(Writable, Stream);

/** What a duplex does too: methods from the options, the base class, `_construct`. */
function initialize(stream, options) {
  if (options) {
    for (let i = 0, names = ["write", "writev", "destroy", "final", "construct"]; i < names.length; i++) {
      const name = names[i];
      if (typeof options[name] === "function") stream[`_${name}`] = options[name];
    }
    if (options.signal) require("node/streams/finished").addAbortSignal(options.signal, stream);
  }
  FunctionPrototypeCall(Stream, stream, options);
  construct(stream, () => {
    const state = stream._writableState;
    if (!state.writing) clearBuffer(stream, state);
    finishMaybe(stream, state);
  });
}

// A duplex is a Writable although its prototype chain is Readable's.
ObjectDefineProperty(Writable, SymbolHasInstance, {
  __proto__: null,
  value(object) {
    if (FunctionPrototypeSymbolHasInstance(this, object)) return true;
    return this === Writable && object?._writableState instanceof WritableState;
  },
});

Writable.prototype.pipe = function pipe() {
  errorOrDestroy(this, new ERR_STREAM_CANNOT_PIPE());
};

function write(stream, chunk, encoding, callback) {
  const state = stream._writableState;
  if (typeof encoding === "function") {
    callback = encoding;
    encoding = state.defaultEncoding;
  } else {
    if (!encoding) encoding = state.objectMode ? undefined : state.defaultEncoding;
    else if (encoding !== "buffer" && !Buffer.isEncoding(encoding)) throw new ERR_UNKNOWN_ENCODING(encoding);
    if (typeof callback !== "function") callback = nothing;
  }
  if (chunk === null) throw new ERR_STREAM_NULL_VALUES();
  if (!state.objectMode) {
    if (typeof chunk === "string") {
      if (state.decodeStrings !== false) {
        chunk = Buffer.from(chunk, encoding);
        encoding = "buffer";
      }
    } else if (chunk instanceof Buffer) {
      encoding = "buffer";
    } else if (ArrayBufferIsView(chunk)) {
      chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      encoding = "buffer";
    } else {
      throw new ERR_INVALID_ARG_TYPE("chunk", ["string", "Buffer", "TypedArray", "DataView"], chunk);
    }
  }
  let error;
  if (state.ending) error = new ERR_STREAM_WRITE_AFTER_END();
  else if (state.destroyed) error = new ERR_STREAM_DESTROYED("write");
  if (error) {
    nextTick(callback, error);
    errorOrDestroy(stream, error, true);
    return error;
  }
  state.pendingcb++;
  return writeOrBuffer(stream, state, chunk, encoding, callback);
}

Writable.prototype.write = function (chunk, encoding, callback) {
  return write(this, chunk, encoding, callback) === true;
};

Writable.prototype.cork = function cork() {
  this._writableState.corked++;
};

Writable.prototype.uncork = function uncork() {
  const state = this._writableState;
  if (!state.corked) return;
  state.corked--;
  if (!state.writing) clearBuffer(this, state);
};

Writable.prototype.setDefaultEncoding = function setDefaultEncoding(encoding) {
  if (typeof encoding === "string") encoding = StringPrototypeToLowerCase(encoding);
  if (!Buffer.isEncoding(encoding)) throw new ERR_UNKNOWN_ENCODING(encoding);
  this._writableState.defaultEncoding = encoding;
  return this;
};

function writeOrBuffer(stream, state, chunk, encoding, callback) {
  const size = state.objectMode ? 1 : chunk.length;
  state.length += size;
  const hasRoom = state.length < state.highWaterMark;
  if (!hasRoom) state.needDrain = true;
  if (state.writing || state.corked || state.errored || !state.constructed) {
    ArrayPrototypePush(state.buffered, { chunk, encoding, callback });
    if (encoding !== "buffer") state.allBuffers = false;
    if (callback !== nothing) state.allNoop = false;
  } else {
    state.writelen = size;
    state.writecb = callback;
    state.writing = true;
    state.sync = true;
    stream._write(chunk, encoding, state.onwrite);
    state.sync = false;
  }
  // An error or the destruction is no reason to wait for "drain".
  return hasRoom && !state.errored && !state.destroyed;
}

function writeBatch(stream, state, isVector, size, chunk, encoding, callback) {
  state.writelen = size;
  state.writecb = callback;
  state.writing = true;
  state.sync = true;
  if (state.destroyed) state.onwrite(new ERR_STREAM_DESTROYED("write"));
  else if (isVector) stream._writev(chunk, state.onwrite);
  else stream._write(chunk, encoding, state.onwrite);
  state.sync = false;
}

function onWriteError(stream, state, error, callback) {
  state.pendingcb--;
  callback(error);
  errorBuffer(state);
  errorOrDestroy(stream, error);
}

function onWrite(stream, error) {
  const state = stream._writableState;
  const { sync, writecb: callback } = state;
  if (typeof callback !== "function") {
    errorOrDestroy(stream, new ERR_MULTIPLE_CALLBACK());
    return;
  }
  state.writing = false;
  state.writecb = null;
  state.length -= state.writelen;
  state.writelen = 0;
  if (error) {
    void error.stack;
    state.errored ||= error;
    const readable = stream._readableState;
    if (readable && !readable.errored) readable.errored = error;
    if (sync) nextTick(onWriteError, stream, state, error, callback);
    else onWriteError(stream, state, error, callback);
    return;
  }
  if (state.buffered.length > 0) clearBuffer(stream, state);
  if (!sync) {
    afterWrite(stream, state, 1, callback);
    return;
  }
  // Callbacks of one kind that come in the same tick are made together.
  const pending = state.afterWriteTickInfo;
  if (pending !== null && pending.callback === callback) {
    pending.count++;
    return;
  }
  const info = { count: 1, callback };
  state.afterWriteTickInfo = info;
  nextTick(() => {
    state.afterWriteTickInfo = null;
    afterWrite(stream, state, info.count, info.callback);
  });
}

function afterWrite(stream, state, count, callback) {
  const isDrained = !state.ending && !stream.destroyed && state.length === 0 && state.needDrain;
  if (isDrained) {
    state.needDrain = false;
    stream.emit("drain");
  }
  while (count-- > 0) {
    state.pendingcb--;
    callback(null);
  }
  if (state.destroyed) errorBuffer(state);
  finishMaybe(stream, state);
}

/** Fails everything that is still waiting. */
/** Takes the callbacks that wait for the end. */
const takeOnFinish = (state) => (state.onfinish === undefined ? [] : ArrayPrototypeSplice(state.onfinish, 0));

function errorBuffer(state) {
  if (state.writing) return;
  const waiting = state.buffered;
  resetBuffer(state);
  for (let i = 0; i < waiting.length; i++) {
    const { chunk, callback } = waiting[i];
    state.length -= state.objectMode ? 1 : chunk.length;
    callback(state.errored ?? new ERR_STREAM_DESTROYED("write"));
  }
  for (let i = 0, callbacks = takeOnFinish(state); i < callbacks.length; i++) {
    const callback = callbacks[i];
    callback(state.errored ?? new ERR_STREAM_DESTROYED("end"));
  }
}

function clearBuffer(stream, state) {
  if (state.corked || state.bufferProcessing || state.destroyed || !state.constructed) return;
  const { buffered, objectMode } = state;
  if (buffered.length === 0) return;
  state.bufferProcessing = true;
  if (buffered.length > 1 && stream._writev) {
    state.pendingcb -= buffered.length - 1;
    const callback = state.allNoop
      ? nothing
      : (error) => {
          for (let i = 0; i < buffered.length; i++) buffered[i].callback(error);
        };
    const chunks = ArrayPrototypeSlice(buffered);
    chunks.allBuffers = state.allBuffers;
    writeBatch(stream, state, true, state.length, chunks, "", callback);
    resetBuffer(state);
  } else {
    let next = 0;
    do {
      const { chunk, encoding, callback } = buffered[next++];
      writeBatch(stream, state, false, objectMode ? 1 : chunk.length, chunk, encoding, callback);
    } while (next < buffered.length && !state.writing);
    if (next === buffered.length) resetBuffer(state);
    else ArrayPrototypeSplice(buffered, 0, next);
  }
  state.bufferProcessing = false;
}

Writable.prototype._write = function (chunk, encoding, callback) {
  if (!this._writev) throw new ERR_METHOD_NOT_IMPLEMENTED("_write()");
  this._writev([{ chunk, encoding }], callback);
};

Writable.prototype._writev = null;

Writable.prototype.end = function (chunk, encoding, callback) {
  const state = this._writableState;
  if (typeof chunk === "function") {
    callback = chunk;
    chunk = null;
    encoding = null;
  } else if (typeof encoding === "function") {
    callback = encoding;
    encoding = null;
  }
  let error;
  if (chunk !== null && chunk !== undefined) {
    const result = write(this, chunk, encoding);
    if (result instanceof Error) error = result;
  }
  if (state.corked) {
    state.corked = 1;
    this.uncork();
  }
  if (error) {
    // The write has reported it.
  } else if (!state.errored && !state.ending) {
    state.ending = true;
    finishMaybe(this, state, true);
    state.ended = true;
  } else if (state.finished) {
    error = new ERR_STREAM_ALREADY_FINISHED("end");
  } else if (state.destroyed) {
    error = new ERR_STREAM_DESTROYED("end");
  }
  if (typeof callback === "function") {
    if (error) nextTick(callback, error);
    else if (state.errored) nextTick(callback, state.errored);
    else if (state.finished) nextTick(callback);
    else ArrayPrototypePush((state.onfinish ??= []), callback);
  }
  return this;
};

function needFinish(state) {
  return (
    state.ending &&
    !state.destroyed &&
    state.constructed &&
    state.length === 0 &&
    !state.errored &&
    state.buffered.length === 0 &&
    !state.finished &&
    !state.writing &&
    !state.errorEmitted &&
    !state.closeEmitted
  );
}

function callFinal(stream, state) {
  let isCalled = false;
  const onFinish = (error) => {
    if (isCalled) {
      errorOrDestroy(stream, error ?? new ERR_MULTIPLE_CALLBACK());
      return;
    }
    isCalled = true;
    state.pendingcb--;
    if (error) {
      for (let i = 0, callbacks = takeOnFinish(state); i < callbacks.length; i++) callbacks[i](error);
      errorOrDestroy(stream, error, state.sync);
    } else if (needFinish(state)) {
      state.prefinished = true;
      stream.emit("prefinish");
      state.pendingcb++;
      nextTick(finish, stream, state);
    }
  };
  state.sync = true;
  state.pendingcb++;
  try {
    stream._final(onFinish);
  } catch (error) {
    onFinish(error);
  }
  state.sync = false;
}

function preFinish(stream, state) {
  if (state.prefinished || state.finalCalled) return;
  if (typeof stream._final === "function" && !state.destroyed) {
    state.finalCalled = true;
    callFinal(stream, state);
  } else {
    state.prefinished = true;
    stream.emit("prefinish");
  }
}

function finishMaybe(stream, state, sync) {
  if (!needFinish(state)) return;
  preFinish(stream, state);
  if (state.pendingcb !== 0) return;
  if (sync) {
    state.pendingcb++;
    nextTick(() => {
      if (needFinish(state)) finish(stream, state);
      else state.pendingcb--;
    });
  } else if (needFinish(state)) {
    state.pendingcb++;
    finish(stream, state);
  }
}

function finish(stream, state) {
  state.pendingcb--;
  state.finished = true;
  for (let i = 0, callbacks = takeOnFinish(state); i < callbacks.length; i++) callbacks[i](null);
  stream.emit("finish");
  if (!state.autoDestroy) return;
  // A duplex goes when its other side is done too.
  const readable = stream._readableState;
  if (!readable || (readable.autoDestroy && (readable.endEmitted || readable.readable === false))) stream.destroy();
}

const stateField = (read, write) => ({
  __proto__: null,
  configurable: true,
  get() {
    return read(this._writableState, this);
  },
  ...(write && {
    set(value) {
      if (this._writableState) write(this._writableState, value);
    },
  }),
});

const writableFields = {
  closed: stateField((state) => (state ? state.closed : false)),
  destroyed: stateField(
    (state) => (state ? state.destroyed : false),
    (state, value) => (state.destroyed = value),
  ),
  writable: stateField(
    (state) =>
      Boolean(state) && state.writable !== false && !state.destroyed && !state.errored && !state.ending && !state.ended,
    (state, value) => (state.writable = Boolean(value)),
  ),
  writableFinished: stateField((state) => (state ? state.finished : false)),
  writableObjectMode: stateField((state) => (state ? state.objectMode : false)),
  writableBuffer: stateField((state) => state && state.getBuffer()),
  writableEnded: stateField((state) => (state ? state.ending : false)),
  writableNeedDrain: stateField((state) => (state ? !state.destroyed && !state.ending && state.needDrain : false)),
  writableHighWaterMark: stateField((state) => state && state.highWaterMark),
  writableCorked: stateField((state) => (state ? state.corked : 0)),
  writableLength: stateField((state) => state && state.length),
  errored: stateField((state) => (state ? state.errored : null)),
  writableErrored: stateField((state) => (state ? state.errored : null)),
  writableAborted: stateField((state) =>
    Boolean(state && state.writable !== false && (state.destroyed || state.errored) && !state.finished),
  ),
};
ObjectDefineProperties(Writable.prototype, writableFields);

Writable.prototype.destroy = function (error, callback) {
  const state = this._writableState;
  if (!state.destroyed && (state.buffered.length > 0 || state.onfinish?.length > 0)) nextTick(errorBuffer, state);
  FunctionPrototypeCall(destroy, this, error, callback);
  return this;
};
Writable.prototype._undestroy = undestroy;
Writable.prototype._destroy = function (error, callback) {
  callback(error);
};
Writable.prototype[EventEmitter.captureRejectionSymbol] = function (error) {
  this.destroy(error);
};
Writable.prototype[SymbolAsyncDispose] = async function () {
  let error;
  if (!this.destroyed) {
    error = this.writableFinished ? null : new AbortError();
    this.destroy(error);
  }
  await new Promise((resolve, reject) =>
    require("node/streams/finished").finished(this, (thrown) =>
      thrown && thrown.name !== "AbortError" ? reject(thrown) : resolve(null),
    ),
  );
};

Writable.fromWeb = (stream, options) => require("node/streams/adapters").writableFromWeb(Writable, stream, options);
Writable.toWeb = (stream) => require("node/streams/adapters").writableToWeb(stream);
Writable.WritableState = WritableState;

ObjectAssign(exports, { Writable, WritableState, initialize, writableFields });
