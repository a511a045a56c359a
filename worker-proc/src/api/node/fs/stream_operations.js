/*
 * What file streams have in common: how they open, close and check their options, and the calls that they make, which a user may
 * replace.
 */

const {
  ArrayPrototypeSlice,
  FunctionPrototypeBind,
  ObjectDefineProperty,
  ObjectKeys,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  ReflectApply,
  Symbol,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_VALUE, ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const {
  validateAbortSignal,
  validateBoolean,
  validateFunction,
  validateObject,
  validateString,
  validateUint32,
} = require("node/common/validators");
const { checkMode, checkThis, isFileHandle, toDescriptor, toHref } = require("node/fs/arguments");
const { callbacks } = require("node/fs/callback");
const { fileURLToPath } = require("node:url");
const { queueMicrotask } = require("timers");

/** The calls that a stream makes. */
const kCalls = Symbol("kFs");
const kIsPerformingIO = Symbol("kIsPerformingIO");
/** The event at the end of a call that was under way when the stream was destroyed. */
const kIoDone = Symbol("kIoDone");
const kHandle = Symbol("kHandle");

const NAMES = ["open", "close", "fsync", "read", "write", "writev"];

/** A call that is made in a microtask; what it throws goes to the callback, its last argument. */
const later =
  (call) =>
  (...args) =>
    queueMicrotask(() => {
      try {
        ReflectApply(call, undefined, args);
      } catch (error) {
        args[args.length - 1](error);
      }
    });

const defaultCalls = { __proto__: null };
for (let i = 0; i < NAMES.length; i++) defaultCalls[NAMES[i]] = later(callbacks[NAMES[i]]);

/** The calls that `options.fs` makes of a stream, where it has any. */
function toCalls(fs) {
  if (fs === defaultCalls) return fs;
  validateObject(fs, "options.fs");
  if (isFileHandle(fs)) return handleCalls(fs);
  const calls = { __proto__: null };
  for (let i = 0; i < NAMES.length; i++) {
    const name = NAMES[i];
    const { [name]: call = defaultCalls[name] } = fs;
    validateFunction(call, `options.fs.${name}`);
    // They are methods of nothing.
    calls[name] = (...args) => ReflectApply(call, undefined, args);
  }
  return calls;
}

/** The calls of a file handle, which knows its descriptor itself. */
function handleCalls(handle) {
  const through =
    (method, count, buffers) =>
    (...args) => {
      const callback = args[args.length - 1];
      const promise = ReflectApply(handle[method], handle, ArrayPrototypeSlice(args, 1, -1));
      PromisePrototypeThen(promise, (result) => callback(null, result?.[count], result?.[buffers]), callback);
    };
  return {
    __proto__: null,
    open() {
      throw new ERR_METHOD_NOT_IMPLEMENTED("open()");
    },
    close: through("close"),
    fsync: through("sync"),
    read: through("read", "bytesRead", "buffer"),
    write: through("write", "bytesWritten", "buffer"),
    writev: through("writev", "bytesWritten", "buffers"),
  };
}

/** Makes a constructor one of file streams. `base` keeps the stream's state as its property `state`. */
function defineFileStream(constructor, base, state) {
  const { name, prototype } = constructor;
  ObjectSetPrototypeOf(prototype, base.prototype);
  ObjectSetPrototypeOf(constructor, base);
  ObjectDefineProperty(prototype, "autoClose", {
    __proto__: null,
    get() {
      checkThis(this, kCalls, name);
      return this[state]?.autoDestroy || false;
    },
    set(value) {
      checkThis(this, kCalls, name);
      if (this[state] !== undefined) this[state].autoDestroy = value;
    },
  });
  ObjectDefineProperty(prototype, "pending", {
    __proto__: null,
    get() {
      return this.fd === null;
    },
    configurable: true,
  });
}

/**
 * Checks what both kinds of stream have, and gives the stream its file. `methods` do the stream's work; with what opens and closes
 * the file they are among the options that it gives back, for the stream's base.
 */
function initialize(stream, path, options, flags, methods) {
  const { encoding = null, autoClose = true, emitClose = true, start = 0, fd = null, fs = defaultCalls } = options;
  const { highWaterMark = 64 * 1024, signal = null, mode = 0o666 } = options;
  if (encoding !== "buffer" && encoding !== null && !Buffer.isEncoding(encoding)) {
    throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  }
  validateBoolean(autoClose, "options.autoClose");
  validateBoolean(emitClose, "options.emitClose");
  validateUint32(start, "options.start");
  validateUint32(highWaterMark, "options.highWaterMark");
  if (signal != null) validateAbortSignal(signal, "options.signal");
  validateString(options.flags ?? flags, "options.flags");
  checkMode(mode, "options.mode", 0o666);
  stream[kCalls] = toCalls(fs);
  if (fd == null) {
    stream.fd = null;
    stream.path = fileURLToPath(toHref(path));
    stream.flags = options.flags === undefined ? flags : options.flags;
    stream.mode = options.mode === undefined ? 0o666 : options.mode;
  } else if (isFileHandle(fd)) {
    if (fs !== defaultCalls) throw new ERR_METHOD_NOT_IMPLEMENTED("FileHandle with fs");
    stream[kHandle] = fd;
    stream[kCalls] = toCalls(fd);
    fd.on("close", () => stream.close());
    stream.fd = fd.fd || null;
  } else {
    stream.fd = toDescriptor(fd);
  }
  stream[kIsPerformingIO] = false;
  const made = { highWaterMark, encoding, emitClose, autoDestroy: autoClose, signal };
  const all = { __proto__: null, ...methods, construct, destroy };
  const names = ObjectKeys(all);
  for (let i = 0; i < names.length; i++) made[names[i]] = FunctionPrototypeBind(all[names[i]], stream);
  return made;
}

/** Opens the file, unless the stream has one; a worker may have replaced `open`, which then tells by events. */
function construct(callback) {
  if (typeof this.fd === "number") {
    callback(null);
    return;
  }
  if (typeof this.open === "function") {
    const { emit } = this;
    this.emit = function (...args) {
      if (args[0] === "open" || args[0] === "error") this.emit = emit;
      if (args[0] === "error") {
        callback(args[1]);
        return true;
      }
      if (args[0] === "open") callback(null);
      ReflectApply(emit, this, args);
      return true;
    };
    this.open();
    return;
  }
  this[kCalls].open(this.path, this.flags, this.mode, (error, descriptor) => {
    if (error || descriptor === undefined) {
      callback(error || new ERR_INVALID_ARG_VALUE("fd", "undefined"));
      return;
    }
    this.fd = descriptor;
    callback(null);
    this.emit("open", descriptor);
    this.emit("ready");
  });
}

/** Closes the file once no call is under way. */
function destroy(error, callback) {
  if (this[kIsPerformingIO]) this.once(kIoDone, (failure) => flushAndClose(this, error || failure, callback));
  else flushAndClose(this, error, callback);
}

function flushAndClose(stream, error, callback) {
  if (stream.fd == null) callback(error);
  else if (stream.flush) stream[kCalls].fsync(stream.fd, (failure) => close(stream, error || failure, callback));
  else close(stream, error, callback);
}

function close(stream, error, callback) {
  if (stream.fd == null) return;
  stream[kCalls].close(stream.fd, (failure) => callback(failure || error));
  stream.fd = null;
}

/** Options that may be left out, or an encoding alone. */
function toStreamOptions(options) {
  const members = options === null ? {} : typeof options === "string" ? { encoding: options } : options;
  validateObject(members, "options");
  return members;
}

exports.kCalls = kCalls;
exports.kIsPerformingIO = kIsPerformingIO;
exports.kIoDone = kIoDone;
exports.initialize = initialize;
exports.defineFileStream = defineFileStream;
exports.toStreamOptions = toStreamOptions;
