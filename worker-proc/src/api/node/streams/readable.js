/*
 * Readable: the buffer, paused and flowing mode, `pipe`, and decoding.
 */

// own: from() (a Buffer); first, chunk (text or a Buffer)
const {
  ArrayBufferIsView,
  ArrayPrototypeIncludes,
  ArrayPrototypeIndexOf,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSplice,
  ArrayPrototypeUnshift,
  Boolean,
  FunctionPrototypeBind,
  FunctionPrototypeCall,
  NumberIsInteger,
  NumberIsNaN,
  NumberParseInt,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectKeys,
  ObjectSetPrototypeOf,
  Promise,
  ReflectApply,
  SafeSet,
  Symbol,
  SymbolAsyncDispose,
  SymbolAsyncIterator,
} = primordials;
const EventEmitter = require("node:events").default;
const { Buffer } = require("node:buffer");
const { StringDecoder } = require("node:string_decoder");
const {
  AbortError,
  ERR_INVALID_ARG_TYPE,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_OUT_OF_RANGE,
  ERR_STREAM_PUSH_AFTER_EOF,
  ERR_STREAM_UNSHIFT_AFTER_END_EVENT,
  ERR_UNKNOWN_ENCODING,
} = require("node/common/errors");
const { nextTick } = require("node/timers/next_tick");
const { validateObject } = require("node/common/validators");
const { Stream, prependListener } = require("node/streams/legacy");
const { construct, destroy, destroyer, errorOrDestroy, undestroy } = require("node/streams/destroy");
const { highWaterMarkOf, isDisturbed, isDuplex } = require("node/streams/state");
const { chunksOf } = require("node/streams/iterate");

const MAX_HIGH_WATER_MARK = 0x40000000;
const kPaused = Symbol("kPaused");

function ReadableState(options, stream, isDuplex) {
  this.objectMode = Boolean(options?.objectMode || (isDuplex && options?.readableObjectMode));
  this.highWaterMark = highWaterMarkOf(this.objectMode, options, "readableHighWaterMark", isDuplex);
  this.buffer = [];
  this.bufferIndex = 0;
  this.length = 0;
  this.pipes = [];
  // null: not decided; true: flowing; false: paused.
  this.flowing = null;
  this.ended = false;
  this.endEmitted = false;
  this.reading = false;
  this.constructed = true;
  this.sync = true;
  this.needReadable = false;
  this.emittedReadable = false;
  this.readableListening = false;
  this.resumeScheduled = false;
  this[kPaused] = null;
  this.errorEmitted = false;
  this.emitClose = options?.emitClose !== false;
  this.autoDestroy = options?.autoDestroy !== false;
  this.destroyed = false;
  this.errored = null;
  this.closed = false;
  this.closeEmitted = false;
  this.defaultEncoding = options?.defaultEncoding || "utf8";
  if (!Buffer.isEncoding(this.defaultEncoding)) throw new ERR_UNKNOWN_ENCODING(this.defaultEncoding);
  // Piped streams that asked for a pause.
  this.awaitDrainWriters = null;
  this.multiAwaitDrain = false;
  this.readingMore = false;
  this.dataEmitted = false;
  this.decoder = null;
  this.encoding = null;
  if (options?.encoding) {
    this.decoder = new StringDecoder(options.encoding);
    this.encoding = options.encoding;
  }
}
ObjectDefineProperties(ReadableState.prototype, {
  pipesCount: {
    __proto__: null,
    get() {
      return this.pipes.length;
    },
  },
  paused: {
    __proto__: null,
    get() {
      return this[kPaused] !== false;
    },
    set(value) {
      this[kPaused] = Boolean(value);
    },
  },
});

function Readable(options) {
  if (!(this instanceof Readable)) return new Readable(options);
  this._readableState ??= new ReadableState(options, this, isDuplex(this));
  if (options) {
    for (let i = 0, names = ["read", "destroy", "construct"]; i < names.length; i++) {
      const name = names[i];
      if (typeof options[name] === "function") this[`_${name}`] = options[name];
    }
    if (options.signal) require("node/streams/finished").addAbortSignal(options.signal, this);
  }
  FunctionPrototypeCall(Stream, this, options);
  construct(this, () => {
    if (this._readableState.needReadable) maybeReadMore(this, this._readableState);
  });
}
ObjectSetPrototypeOf(Readable.prototype, Stream.prototype);
ObjectSetPrototypeOf(Readable, Stream);
Readable.ReadableState = ReadableState;

Readable.prototype.destroy = destroy;
Readable.prototype._undestroy = undestroy;
Readable.prototype._destroy = function (error, callback) {
  callback(error);
};
Readable.prototype[EventEmitter.captureRejectionSymbol] = function (error) {
  this.destroy(error);
};
Readable.prototype[SymbolAsyncDispose] = async function () {
  let error;
  if (!this.destroyed) {
    error = this.readableEnded ? null : new AbortError();
    this.destroy(error);
  }
  await new Promise((resolve, reject) =>
    require("node/streams/finished").finished(this, (thrown) =>
      thrown && thrown !== error ? reject(thrown) : resolve(null),
    ),
  );
};

Readable.prototype.push = function (chunk, encoding) {
  return addChunkFrom(this, chunk, encoding, false);
};
Readable.prototype.unshift = function (chunk, encoding) {
  return addChunkFrom(this, chunk, encoding, true);
};

function addChunkFrom(stream, chunk, encoding, atFront) {
  const state = stream._readableState;
  let error;
  if (!state.objectMode && chunk !== null) {
    if (typeof chunk === "string") {
      encoding ||= state.defaultEncoding;
      if (state.encoding !== encoding) {
        if (atFront && state.encoding) {
          // What is put back must be text in the stream's encoding, as what was read.
          chunk = Buffer.from(chunk, encoding).toString(state.encoding);
        } else {
          chunk = Buffer.from(chunk, encoding);
          encoding = "";
        }
      }
    } else if (chunk instanceof Buffer) {
      encoding = "";
    } else if (ArrayBufferIsView(chunk)) {
      chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      encoding = "";
    } else if (chunk !== undefined) {
      error = new ERR_INVALID_ARG_TYPE("chunk", ["string", "Buffer", "TypedArray", "DataView"], chunk);
    }
  }
  if (error) {
    errorOrDestroy(stream, error);
    return false;
  }
  if (chunk === null) {
    state.reading = false;
    onEndOfData(stream, state);
    return false;
  }
  const hasContent = state.objectMode || (chunk !== undefined && chunk.length > 0);
  if (!hasContent) {
    if (!atFront) {
      state.reading = false;
      maybeReadMore(stream, state);
    }
    return canTakeMore(state);
  }
  if (atFront) {
    if (state.endEmitted) errorOrDestroy(stream, new ERR_STREAM_UNSHIFT_AFTER_END_EVENT());
    else if (state.destroyed || state.errored) return false;
    else addChunk(stream, state, chunk, true);
  } else if (state.ended) {
    errorOrDestroy(stream, new ERR_STREAM_PUSH_AFTER_EOF());
    return false;
  } else if (state.destroyed || state.errored) {
    return false;
  } else {
    state.reading = false;
    if (state.decoder && !encoding) {
      chunk = state.decoder.write(chunk);
      if (state.objectMode || chunk.length !== 0) addChunk(stream, state, chunk, false);
      else maybeReadMore(stream, state);
    } else {
      addChunk(stream, state, chunk, false);
    }
  }
  return canTakeMore(state);
}

const canTakeMore = (state) => !state.ended && (state.length < state.highWaterMark || state.length === 0);

function addChunk(stream, state, chunk, atFront) {
  if (state.flowing && state.length === 0 && !state.sync && stream.listenerCount("data") > 0) {
    // Straight to the listeners.
    if (state.multiAwaitDrain) state.awaitDrainWriters.clear();
    else state.awaitDrainWriters = null;
    state.dataEmitted = true;
    stream.emit("data", chunk);
  } else {
    state.length += state.objectMode ? 1 : chunk.length;
    if (atFront) ArrayPrototypeUnshift(state.buffer, chunk);
    else ArrayPrototypePush(state.buffer, chunk);
    if (state.needReadable) emitReadable(stream);
  }
  maybeReadMore(stream, state);
}

Readable.prototype.isPaused = function () {
  const state = this._readableState;
  return state[kPaused] === true || state.flowing === false;
};

Readable.prototype.setEncoding = function (encoding) {
  const state = this._readableState;
  const decoder = new StringDecoder(encoding);
  state.decoder = decoder;
  state.encoding = decoder.encoding;
  let text = "";
  for (let i = 0; i < state.buffer.length; i++) text += decoder.write(state.buffer[i]);
  state.buffer.length = 0;
  if (text !== "") ArrayPrototypePush(state.buffer, text);
  state.length = text.length;
  return this;
};

/** The next power of two, for a reader that wants more than the mark. */
function raisedMark(n) {
  if (n > MAX_HIGH_WATER_MARK) throw new ERR_OUT_OF_RANGE("size", "<= 1GiB", n);
  let mark = 1;
  while (mark < n) mark *= 2;
  return mark;
}

function howMuchToRead(n, state) {
  if (n <= 0 || (state.length === 0 && state.ended)) return 0;
  if (state.objectMode) return 1;
  if (NumberIsNaN(n)) {
    // All: in flowing mode one chunk at a time.
    return state.flowing && state.length ? state.buffer[0].length : state.length;
  }
  if (n <= state.length) return n;
  return state.ended ? state.length : 0;
}

Readable.prototype.read = function (n) {
  if (n === undefined) n = NaN;
  else if (!NumberIsInteger(n)) n = NumberParseInt(n, 10);
  const state = this._readableState;
  const wanted = n;
  if (n > state.highWaterMark) state.highWaterMark = raisedMark(n);
  if (n !== 0) state.emittedReadable = false;

  // `read(0)` of a full buffer only announces it.
  if (
    n === 0 &&
    state.needReadable &&
    ((state.highWaterMark !== 0 ? state.length >= state.highWaterMark : state.length > 0) || state.ended)
  ) {
    if (state.length === 0 && state.ended) endReadable(this);
    else emitReadable(this);
    return null;
  }

  n = howMuchToRead(n, state);
  if (n === 0 && state.ended) {
    if (state.length === 0) endReadable(this);
    return null;
  }

  let doRead = state.needReadable || state.length === 0 || state.length - n < state.highWaterMark;
  if (state.ended || state.reading || state.destroyed || state.errored || !state.constructed) {
    doRead = false;
  } else if (doRead) {
    state.reading = true;
    state.sync = true;
    if (state.length === 0) state.needReadable = true;
    try {
      this._read(state.highWaterMark);
    } catch (error) {
      errorOrDestroy(this, error);
    }
    state.sync = false;
    // What `_read` pushed at once counts.
    if (!state.reading) n = howMuchToRead(wanted, state);
  }

  const result = n > 0 ? takeFromBuffer(n, state) : null;
  if (result === null) {
    state.needReadable = state.length <= state.highWaterMark;
    n = 0;
  } else {
    state.length -= n;
    if (state.multiAwaitDrain) state.awaitDrainWriters.clear();
    else state.awaitDrainWriters = null;
  }
  if (state.length === 0) {
    if (!state.ended) state.needReadable = true;
    if (wanted !== n && state.ended) endReadable(this);
  }
  if (result !== null && !state.errorEmitted && !state.closeEmitted) {
    state.dataEmitted = true;
    this.emit("data", result);
  }
  return result;
};

function takeFromBuffer(n, state) {
  if (state.length === 0) return null;
  const { buffer } = state;
  if (state.objectMode) return ArrayPrototypeShift(buffer);
  if (!n || n >= state.length) {
    let all;
    if (state.decoder) all = ArrayPrototypeJoin(buffer, "");
    else if (buffer.length === 1) all = buffer[0];
    else all = Buffer.concat(buffer, state.length);
    buffer.length = 0;
    return all;
  }
  const first = buffer[0];
  if (n < first.length) {
    buffer[0] = first.slice(n);
    return first.slice(0, n);
  }
  if (n === first.length) return ArrayPrototypeShift(buffer);
  const parts = [];
  let rest = n;
  while (rest > 0) {
    const chunk = buffer[0];
    if (chunk.length <= rest) {
      ArrayPrototypePush(parts, ArrayPrototypeShift(buffer));
      rest -= chunk.length;
    } else {
      ArrayPrototypePush(parts, chunk.slice(0, rest));
      buffer[0] = chunk.slice(rest);
      rest = 0;
    }
  }
  return state.decoder ? ArrayPrototypeJoin(parts, "") : Buffer.concat(parts, n);
}

function onEndOfData(stream, state) {
  if (state.ended) return;
  if (state.decoder) {
    const chunk = state.decoder.end();
    if (chunk && chunk.length) {
      ArrayPrototypePush(state.buffer, chunk);
      state.length += state.objectMode ? 1 : chunk.length;
    }
  }
  state.ended = true;
  if (state.sync) {
    emitReadable(stream);
  } else {
    state.needReadable = false;
    state.emittedReadable = true;
    announceReadable(stream);
  }
}

function emitReadable(stream) {
  const state = stream._readableState;
  state.needReadable = false;
  if (state.emittedReadable) return;
  state.emittedReadable = true;
  nextTick(announceReadable, stream);
}

function announceReadable(stream) {
  const state = stream._readableState;
  if (!state.destroyed && !state.errored && (state.length || state.ended)) {
    stream.emit("readable");
    state.emittedReadable = false;
  }
  state.needReadable = !state.flowing && !state.ended && state.length <= state.highWaterMark;
  flow(stream);
}

function maybeReadMore(stream, state) {
  if (state.readingMore || !state.constructed) return;
  state.readingMore = true;
  nextTick(() => {
    while (!state.reading && !state.ended && (state.length < state.highWaterMark || (state.flowing && state.length === 0))) {
      const before = state.length;
      stream.read(0);
      if (before === state.length) break;
    }
    state.readingMore = false;
  });
}

Readable.prototype._read = function (_size) {
  throw new ERR_METHOD_NOT_IMPLEMENTED("_read()");
};

Readable.prototype.pipe = function (target, options) {
  const source = this;
  const state = this._readableState;
  if (state.pipes.length === 1 && !state.multiAwaitDrain) {
    state.multiAwaitDrain = true;
    state.awaitDrainWriters = new SafeSet(state.awaitDrainWriters ? [state.awaitDrainWriters] : []);
  }
  ArrayPrototypePush(state.pipes, target);

  const doEnd = options?.end !== false && !target._isStdio;
  const whenEnded = doEnd ? onEnd : unpipe;
  if (state.endEmitted) nextTick(whenEnded);
  else source.once("end", whenEnded);
  target.on("unpipe", onUnpipe);
  function onUnpipe(readable, info) {
    if (readable === source && info && info.hasUnpiped === false) {
      info.hasUnpiped = true;
      cleanUp();
    }
  }
  function onEnd() {
    target.end();
  }

  let onDrain;
  let isCleanedUp = false;
  function cleanUp() {
    target.removeListener("close", onClose);
    target.removeListener("finish", onFinish);
    if (onDrain) target.removeListener("drain", onDrain);
    target.removeListener("error", onError);
    target.removeListener("unpipe", onUnpipe);
    source.removeListener("end", onEnd);
    source.removeListener("end", unpipe);
    source.removeListener("data", onData);
    isCleanedUp = true;
    // The target may never drain again: the source need not wait for it.
    if (onDrain && state.awaitDrainWriters && (!target._writableState || target._writableState.needDrain)) onDrain();
  }

  function pause() {
    if (!isCleanedUp) {
      if (state.pipes.length === 1 && state.pipes[0] === target) {
        state.awaitDrainWriters = target;
        state.multiAwaitDrain = false;
      } else if (state.pipes.length > 1 && ArrayPrototypeIncludes(state.pipes, target)) {
        state.awaitDrainWriters.add(target);
      }
      source.pause();
    }
    if (!onDrain) {
      onDrain = pipeOnDrain(source, target);
      target.on("drain", onDrain);
    }
  }

  source.on("data", onData);
  function onData(chunk) {
    if (target.write(chunk) === false) pause();
  }

  function onError(error) {
    unpipe();
    target.removeListener("error", onError);
    if (target.listenerCount("error") === 0) {
      const targetState = target._writableState || target._readableState;
      if (targetState && !targetState.errorEmitted) errorOrDestroy(target, error);
      else target.emit("error", error);
    }
  }
  prependListener(target, "error", onError);

  function onClose() {
    target.removeListener("finish", onFinish);
    unpipe();
  }
  target.once("close", onClose);
  function onFinish() {
    target.removeListener("close", onClose);
    unpipe();
  }
  target.once("finish", onFinish);
  function unpipe() {
    source.unpipe(target);
  }

  target.emit("pipe", source);
  if (target.writableNeedDrain === true) pause();
  else if (!state.flowing) source.resume();
  return target;
};

function pipeOnDrain(source, target) {
  return () => {
    const state = source._readableState;
    if (state.awaitDrainWriters === target) state.awaitDrainWriters = null;
    else if (state.multiAwaitDrain) state.awaitDrainWriters.delete(target);
    const isFree =
      !state.awaitDrainWriters || (state.awaitDrainWriters instanceof SafeSet && state.awaitDrainWriters.size === 0);
    if (isFree && source.listenerCount("data")) source.resume();
  };
}

Readable.prototype.unpipe = function (target) {
  const state = this._readableState;
  if (state.pipes.length === 0) return this;
  if (!target) {
    const targets = state.pipes;
    state.pipes = [];
    this.pause();
    for (let i = 0; i < targets.length; i++) targets[i].emit("unpipe", this, { hasUnpiped: false });
    return this;
  }
  const index = ArrayPrototypeIndexOf(state.pipes, target);
  if (index === -1) return this;
  ArrayPrototypeSplice(state.pipes, index, 1);
  if (state.pipes.length === 0) this.pause();
  target.emit("unpipe", this, { hasUnpiped: false });
  return this;
};

Readable.prototype.on = function (event, listener) {
  const result = FunctionPrototypeCall(Stream.prototype.on, this, event, listener);
  const state = this._readableState;
  if (event === "data") {
    state.readableListening = this.listenerCount("readable") > 0;
    if (state.flowing !== false) this.resume();
  } else if (event === "readable" && !state.endEmitted && !state.readableListening) {
    state.readableListening = true;
    state.needReadable = true;
    state.flowing = false;
    state.emittedReadable = false;
    if (state.length) emitReadable(this);
    else if (!state.reading) nextTick(() => this.read(0));
  }
  return result;
};
Readable.prototype.addListener = Readable.prototype.on;

Readable.prototype.removeListener = function (event, listener) {
  const result = FunctionPrototypeCall(Stream.prototype.removeListener, this, event, listener);
  if (event === "readable") nextTick(updateListening, this);
  return result;
};
Readable.prototype.off = Readable.prototype.removeListener;

Readable.prototype.removeAllListeners = function (event) {
  const result = ReflectApply(Stream.prototype.removeAllListeners, this, arguments);
  if (event === "readable" || event === undefined) nextTick(updateListening, this);
  return result;
};

function updateListening(stream) {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount("readable") > 0;
  if (state.resumeScheduled && state[kPaused] === false) {
    state.flowing = true;
  } else if (stream.listenerCount("data") > 0) {
    stream.resume();
  } else if (!state.readableListening) {
    state.flowing = null;
  }
}

Readable.prototype.resume = function () {
  const state = this._readableState;
  if (!state.flowing) {
    // With a "readable" listener, that listener drives.
    state.flowing = !state.readableListening;
    if (!state.resumeScheduled) {
      state.resumeScheduled = true;
      nextTick(() => {
        if (!state.reading) this.read(0);
        state.resumeScheduled = false;
        this.emit("resume");
        flow(this);
        if (state.flowing && !state.reading) this.read(0);
      });
    }
  }
  state[kPaused] = false;
  return this;
};

Readable.prototype.pause = function () {
  const state = this._readableState;
  if (state.flowing !== false) {
    state.flowing = false;
    this.emit("pause");
  }
  state[kPaused] = true;
  return this;
};

function flow(stream) {
  const state = stream._readableState;
  while (state.flowing && stream.read() !== null);
}

function endReadable(stream) {
  const state = stream._readableState;
  if (state.endEmitted) return;
  state.ended = true;
  nextTick(() => {
    if (state.errored || state.closeEmitted || state.endEmitted || state.length !== 0) return;
    state.endEmitted = true;
    stream.emit("end");
    if (stream.writable && stream.allowHalfOpen === false) {
      nextTick(() => {
        if (stream.writable && !stream.writableEnded && !stream.destroyed) stream.end();
      });
    } else if (state.autoDestroy) {
      const writable = stream._writableState;
      if (!writable || (writable.autoDestroy && (writable.finished || writable.writable === false))) stream.destroy();
    }
  });
}

/** Takes an old-style stream as the source. */
Readable.prototype.wrap = function (stream) {
  let isPaused = false;
  stream.on("data", (chunk) => {
    if (!this.push(chunk) && stream.pause) {
      isPaused = true;
      stream.pause();
    }
  });
  stream.on("end", () => this.push(null));
  stream.on("error", (error) => errorOrDestroy(this, error));
  stream.on("close", () => this.destroy());
  stream.on("destroy", () => this.destroy());
  this._read = () => {
    if (isPaused && stream.resume) {
      isPaused = false;
      stream.resume();
    }
  };
  for (let i = 0, names = ObjectKeys(stream); i < names.length; i++) {
    const name = names[i];
    if (this[name] === undefined && typeof stream[name] === "function")
      this[name] = FunctionPrototypeBind(stream[name], stream);
  }
  return this;
};

Readable.prototype[SymbolAsyncIterator] = function () {
  return iterate(this);
};

Readable.prototype.iterator = function (options) {
  if (options !== undefined) validateObject(options, "options");
  return iterate(this, options);
};

function iterate(stream, options) {
  if (typeof stream.read !== "function") stream = Readable.wrap(stream, { objectMode: true });
  const iterator = chunksOf(stream, options);
  iterator.stream = stream;
  return iterator;
}

const field = (get, set, enumerable = false) => ({
  __proto__: null,
  configurable: true,
  enumerable,
  get,
  ...(set && { set }),
});

ObjectDefineProperties(Readable.prototype, {
  readable: field(
    function () {
      const r = this._readableState;
      // A duplex in which one side is off says so in its state.
      return Boolean(r) && r.readable !== false && !r.destroyed && !r.errorEmitted && !r.endEmitted;
    },
    function (value) {
      if (this._readableState) this._readableState.readable = Boolean(value);
    },
  ),
  readableDidRead: field(function () {
    return this._readableState.dataEmitted;
  }),
  readableAborted: field(function () {
    const r = this._readableState;
    return Boolean(r.readable !== false && (r.destroyed || r.errored) && !r.endEmitted);
  }),
  readableHighWaterMark: field(function () {
    return this._readableState.highWaterMark;
  }),
  readableBuffer: field(function () {
    return this._readableState?.buffer;
  }),
  readableFlowing: field(
    function () {
      return this._readableState.flowing;
    },
    function (value) {
      if (this._readableState) this._readableState.flowing = value;
    },
  ),
  readableLength: field(function () {
    return this._readableState.length;
  }),
  readableObjectMode: field(function () {
    return this._readableState ? this._readableState.objectMode : false;
  }),
  readableEncoding: field(function () {
    return this._readableState ? this._readableState.encoding : null;
  }),
  errored: field(function () {
    return this._readableState ? this._readableState.errored : null;
  }),
  closed: field(function () {
    return this._readableState ? this._readableState.closed : false;
  }),
  destroyed: field(
    function () {
      return this._readableState ? this._readableState.destroyed : false;
    },
    function (value) {
      if (this._readableState) this._readableState.destroyed = value;
    },
  ),
  readableEnded: field(function () {
    return this._readableState ? this._readableState.endEmitted : false;
  }),
  readableErrored: field(function () {
    return this._readableState ? this._readableState.errored : null;
  }),
});

Readable._fromList = takeFromBuffer;
Readable.from = (iterable, options) => require("node/streams/from").from(Readable, iterable, options);
Readable.fromWeb = (stream, options) => require("node/streams/adapters").readableFromWeb(Readable, stream, options);
Readable.toWeb = (stream, options) => require("node/streams/adapters").readableToWeb(stream, options);
Readable.wrap = (source, options) =>
  new Readable({
    objectMode: source.readableObjectMode ?? source.objectMode ?? true,
    ...options,
    destroy(error, callback) {
      destroyer(source, error);
      callback(error);
    },
  }).wrap(source);
Readable.isDisturbed = isDisturbed;

ObjectAssign(exports, { Readable, ReadableState });
