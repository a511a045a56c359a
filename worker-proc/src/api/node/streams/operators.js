/*
 * The iterator helpers of Readable: `map`, `filter`, `reduce` and the others, and `compose`.
 */

const {
  ArrayPrototypeFilter,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSlice,
  Boolean,
  FunctionPrototypeCall,
  MathFloor,
  Number,
  NumberIsNaN,
  ObjectDefineProperty,
  Promise,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  ReflectApply,
  Symbol,
  TypeError,
} = primordials;
const { AbortError, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_MISSING_ARGS, ERR_OUT_OF_RANGE } =
  require("node/common/errors");
const { AbortController, AbortSignal } = require("abort");
const { setLength } = require("node/common/unsupported");
const { validateAbortSignal, validateInteger, validateObject } = require("node/common/validators");
const { Readable } = require("node/streams/readable");
const { finished } = require("node/streams/finished");
const { isNodeStream, isReadable, isWebStream, isWritable } = require("node/streams/state");

const checkFunction = (fn) => {
  if (typeof fn !== "function") throw new ERR_INVALID_ARG_TYPE("fn", ["Function", "AsyncFunction"], fn);
};
const checkOptions = (options) => {
  if (options != null) validateObject(options, "options");
  if (options?.signal != null) validateAbortSignal(options.signal, "options.signal");
};
const checkAborted = (signal) => {
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
};

const kEmpty = Symbol("kEmpty");
const kEnd = Symbol("kEnd");

/** Applies `fn` to several items at once, in order of arrival. */
function map(fn, options) {
  checkFunction(fn);
  checkOptions(options);
  let concurrency = 1;
  if (options?.concurrency != null) concurrency = MathFloor(options.concurrency);
  let mark = concurrency - 1;
  if (options?.highWaterMark != null) mark = MathFloor(options.highWaterMark);
  validateInteger(concurrency, "options.concurrency", 1);
  validateInteger(mark, "options.highWaterMark", 0);
  mark += concurrency;

  return FunctionPrototypeCall(async function* map() {
    const signal = AbortSignal.any(ArrayPrototypeFilter([options?.signal], Boolean));
    const stream = this;
    const queue = [];
    const signalOption = { signal };
    let next;
    let resume;
    let isDone = false;
    let running = 0;
    const onCatch = () => {
      isDone = true;
      afterItem();
    };
    const afterItem = () => {
      running -= 1;
      maybeResume();
    };
    const maybeResume = () => {
      if (resume && !isDone && running < concurrency && queue.length < mark) {
        resume();
        resume = null;
      }
    };
    const pump = async () => {
      try {
        for await (let value of stream) {
          if (isDone) return;
          checkAborted(signal);
          try {
            value = fn(value, signalOption);
            if (value === kEmpty) continue;
            value = PromiseResolve(value);
          } catch (error) {
            value = PromiseReject(error);
          }
          running += 1;
          PromisePrototypeThen(value, afterItem, onCatch);
          ArrayPrototypePush(queue, value);
          if (next) {
            next();
            next = null;
          }
          if (!isDone && (queue.length >= mark || running >= concurrency)) {
            await new Promise((resolve) => (resume = resolve));
          }
        }
        ArrayPrototypePush(queue, kEnd);
      } catch (error) {
        const value = PromiseReject(error);
        PromisePrototypeThen(value, afterItem, onCatch);
        ArrayPrototypePush(queue, value);
      } finally {
        isDone = true;
        if (next) {
          next();
          next = null;
        }
      }
    };
    pump();
    try {
      for (;;) {
        while (queue.length > 0) {
          const value = await queue[0];
          if (value === kEnd) return;
          checkAborted(signal);
          if (value !== kEmpty) yield value;
          ArrayPrototypeShift(queue);
          maybeResume();
        }
        await new Promise((resolve) => (next = resolve));
      }
    } finally {
      isDone = true;
      if (resume) {
        resume();
        resume = null;
      }
    }
  }, this);
}

function filter(fn, options) {
  checkFunction(fn);
  return FunctionPrototypeCall(map, this, async (value, inner) => ((await fn(value, inner)) ? value : kEmpty), options);
}

async function forEach(fn, options) {
  checkFunction(fn);
  const each = async (value, inner) => {
    await fn(value, inner);
    return kEmpty;
  };
  for await (const _ of FunctionPrototypeCall(map, this, each, options));
}

async function some(fn, options) {
  for await (const _ of FunctionPrototypeCall(filter, this, fn, options)) return true;
  return false;
}

async function every(fn, options) {
  checkFunction(fn);
  return !(await FunctionPrototypeCall(some, this, async (...args) => !(await ReflectApply(fn, undefined, args)), options));
}

async function find(fn, options) {
  for await (const result of FunctionPrototypeCall(filter, this, fn, options)) return result;
  return undefined;
}

async function reduce(reducer, initial, options) {
  if (typeof reducer !== "function") {
    throw new ERR_INVALID_ARG_TYPE("reducer", ["Function", "AsyncFunction"], reducer);
  }
  checkOptions(options);
  let hasInitial = arguments.length > 1;
  if (options?.signal?.aborted) {
    const error = new AbortError(undefined, { cause: options.signal.reason });
    this.once("error", () => {});
    await new Promise((resolve) => finished(this.destroy(error), resolve));
    throw error;
  }
  const controller = new AbortController();
  const { signal } = controller;
  options?.signal?.addEventListener("abort", () => controller.abort(), { once: true });
  let gotAny = false;
  try {
    for await (const value of this) {
      gotAny = true;
      if (options?.signal?.aborted) throw new AbortError();
      if (!hasInitial) {
        initial = value;
        hasInitial = true;
      } else {
        initial = await reducer(initial, value, { signal });
      }
    }
    if (!gotAny && !hasInitial) {
      const error = new TypeError("Reduce of an empty stream requires an initial value");
      error.code = "ERR_MISSING_ARGS";
      throw error;
    }
  } finally {
    controller.abort();
  }
  return initial;
}

async function toArray(options) {
  checkOptions(options);
  const result = [];
  for await (const value of this) {
    checkAborted(options?.signal);
    ArrayPrototypePush(result, value);
  }
  return result;
}

function flatMap(fn, options) {
  const values = FunctionPrototypeCall(map, this, fn, options);
  return (async function* flatMap() {
    for await (const value of values) yield* value;
  })();
}

function toCount(number) {
  number = Number(number);
  if (NumberIsNaN(number)) return 0;
  if (number < 0) throw new ERR_OUT_OF_RANGE("number", ">= 0", number);
  return number;
}

function drop(number, options = undefined) {
  checkOptions(options);
  number = toCount(number);
  const stream = this;
  return (async function* drop() {
    checkAborted(options?.signal);
    for await (const value of stream) {
      checkAborted(options?.signal);
      if (number-- <= 0) yield value;
    }
  })();
}

function take(number, options = undefined) {
  checkOptions(options);
  number = toCount(number);
  const stream = this;
  return (async function* take() {
    checkAborted(options?.signal);
    for await (const value of stream) {
      checkAborted(options?.signal);
      if (number-- > 0) yield value;
      if (number <= 0) return;
    }
  })();
}

function asIndexedPairs(options = undefined) {
  checkOptions(options);
  const stream = this;
  return (async function* asIndexedPairs() {
    let index = 0;
    for await (const value of stream) {
      checkAborted(options?.signal);
      yield [index++, value];
    }
  })();
}

/** Several streams as one Duplex: what is written goes into the first, the last is read. */
function compose(...streams) {
  const { Duplex } = require("node/streams/duplex");
  const { run } = require("node/streams/pipeline");
  const { destroyer } = require("node/streams/destroy");
  if (streams.length === 0) throw new ERR_MISSING_ARGS("streams");
  if (streams.length === 1) return Duplex.from(streams[0]);
  const originals = ArrayPrototypeSlice(streams);
  if (typeof streams[0] === "function") streams[0] = Duplex.from(streams[0]);
  if (typeof streams[streams.length - 1] === "function") {
    streams[streams.length - 1] = Duplex.from(streams[streams.length - 1]);
  }
  for (let i = 0; i < streams.length; i++) {
    if (!isNodeStream(streams[i]) && !isWebStream(streams[i])) continue;
    if (i < streams.length - 1 && !isReadable(streams[i]) && !isWebStream(streams[i])) {
      throw new ERR_INVALID_ARG_VALUE(`streams[${i}]`, originals[i], "must be readable");
    }
    if (i > 0 && !isWritable(streams[i]) && !isWebStream(streams[i])) {
      throw new ERR_INVALID_ARG_VALUE(`streams[${i}]`, originals[i], "must be writable");
    }
  }
  const asNode = (stream) => (isWebStream(stream) ? Duplex.from(stream) : stream);
  streams = ArrayPrototypeMap(streams, asNode);
  const head = streams[0];
  const tail = run(streams, (error) => {
    const callback = onClose;
    onClose = null;
    if (callback) callback(error);
    else if (error) duplex.destroy(error);
    else if (!reads && !writes) duplex.destroy();
  });
  const writes = Boolean(isWritable(head));
  const reads = Boolean(isReadable(tail));
  let onClose;
  let onDrain;
  let onFinish;
  let onReadable;
  const duplex = new Duplex({
    writableObjectMode: Boolean(head?.writableObjectMode),
    readableObjectMode: Boolean(tail?.readableObjectMode),
    writable: writes,
    readable: reads,
  });
  if (writes) {
    duplex._write = (chunk, encoding, callback) => {
      if (head.write(chunk, encoding)) callback();
      else onDrain = callback;
    };
    duplex._final = (callback) => {
      head.end();
      onFinish = callback;
    };
    head.on("drain", () => {
      const callback = onDrain;
      onDrain = null;
      callback?.();
    });
    tail.on("finish", () => {
      const callback = onFinish;
      onFinish = null;
      callback?.();
    });
  }
  if (reads) {
    tail.on("readable", () => {
      const callback = onReadable;
      onReadable = null;
      callback?.();
    });
    tail.on("end", () => duplex.push(null));
    duplex._read = () => {
      for (;;) {
        const chunk = tail.read();
        if (chunk === null) {
          onReadable = duplex._read;
          return;
        }
        if (!duplex.push(chunk)) return;
      }
    };
  }
  duplex._destroy = (error, callback) => {
    if (!error && onClose) error = new AbortError();
    onReadable = null;
    onDrain = null;
    onFinish = null;
    if (isNodeStream(tail)) destroyer(tail, error);
    onClose = callback;
    if (!tail || tail.destroyed) {
      onClose = null;
      callback(error);
    }
  };
  return duplex;
}

function composeWith(stream, options) {
  checkOptions(options);
  if (isNodeStream(stream) && !isWritable(stream)) {
    throw new ERR_INVALID_ARG_VALUE("stream", stream, "must be writable");
  }
  const composed = compose(this, stream);
  if (options?.signal) require("node/streams/finished").addAbortSignal(options.signal, composed);
  return composed;
}

// Most take a function and options.
const LENGTHS = { __proto__: null, asIndexedPairs: 1, reduce: 3, toArray: 1 };

// Results that are iterables come as streams again, the others as promises.
for (let i = 0, operators = [asIndexedPairs, drop, filter, flatMap, map, take]; i < operators.length; i++) {
  const operator = operators[i];
  const method = {
    [operator.name](...args) {
      return Readable.from(ReflectApply(operator, this, args));
    },
  }[operator.name];
  setLength([method], LENGTHS[operator.name] ?? 2);
  ObjectDefineProperty(Readable.prototype, operator.name, { value: method, writable: true, configurable: true });
}
for (let i = 0, operators = [every, forEach, reduce, toArray, some, find]; i < operators.length; i++) {
  const operator = operators[i];
  const method = {
    [operator.name](...args) {
      return PromisePrototypeThen(PromiseResolve(), () => ReflectApply(operator, this, args));
    },
  }[operator.name];
  setLength([method], LENGTHS[operator.name] ?? 2);
  ObjectDefineProperty(Readable.prototype, operator.name, { value: method, writable: true, configurable: true });
}
setLength([composeWith], 0);
ObjectDefineProperty(Readable.prototype, "compose", { value: composeWith, writable: true, configurable: true });

exports.compose = compose;
