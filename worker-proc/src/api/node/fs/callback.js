/*
 * The callback form of `node:fs`. What is wrong with the arguments is thrown at once; the work is done at once too, and a microtask
 * tells what came of it.
 */

const { ArrayBufferIsView } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNSUPPORTED_OPERATION } = require("node/common/errors");
const { validateUint32 } = require("node/common/validators");
const { checkPosition, named, toDescriptor, toEncoding, toHref } = require("node/fs/arguments");
const calls = require("node/fs/calls");
const { queueMicrotask } = require("timers");
const { sync } = require("node/fs/sync");

const VIEWS = ["Buffer", "TypedArray", "DataView"];

function checkCallback(callback) {
  if (typeof callback !== "function") throw new ERR_INVALID_ARG_TYPE("callback", ["function"], callback);
}

/** Does the work; what came of it is for `deliver`. */
function tell(work, callback, deliver) {
  checkCallback(callback);
  let result;
  try {
    result = work();
  } catch (error) {
    queueMicrotask(() => callback(error));
    return;
  }
  queueMicrotask(() => deliver(result));
}

const done = (work, callback) => tell(work, callback, () => callback(null));
const give = (work, callback) => tell(work, callback, (result) => callback(null, result));
/** Tells the buffers too. */
const giveBoth = (work, callback, buffers) => tell(work, callback, (result) => callback(null, result, buffers));

/** The options and the callback of a call whose options may be left out. */
const withOptions = (options, callback, fallback) =>
  typeof options === "function" ? [fallback, options] : [options, callback];

/** Options that may be undefined. */
const orDefaults = (options) => (options === undefined ? {} : options);

/** Calls that tell nothing but that they are done, with so many arguments before the callback. */
const afterOne = (name) =>
  named(name, function (path, callback) {
    done(calls[name](path), callback);
  });
const afterTwo = (name) =>
  named(name, function (path, second, callback) {
    done(calls[name](path, second), callback);
  });
const afterThree = (name) =>
  named(name, function (path, second, third, callback) {
    done(calls[name](path, second, third), callback);
  });

/** Calls whose second argument, mostly options, may be left out. */
const optional = (name, tells, fallback = {}, check = (options) => options) =>
  named(name, function (path, optionsOrCallback, callback) {
    const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, fallback);
    tells(calls[name](path, check(options)), then);
  });

const fdatasync = afterOne("fdatasync");
const unlink = afterOne("unlink");
const chmod = afterTwo("chmod");
const fchmod = afterTwo("fchmod");
const lchmod = afterTwo("lchmod");
const link = afterTwo("link");
const rename = afterTwo("rename");
const chown = afterThree("chown");
const fchown = afterThree("fchown");
const lchown = afterThree("lchown");
const lutimes = afterThree("lutimes");
const utimes = afterThree("utimes");
const rmdir = optional("rmdir", done);
const rm = optional("rm", done);
const mkdir = optional("mkdir", give);
const opendir = optional("opendir", give);
const readdir = optional("readdir", give);
const readlink = optional("readlink", give);
const realpath = optional("realpath", give);
const glob = optional("glob", give);
const stat = optional("stat", give, {}, orDefaults);
const lstat = optional("lstat", give, {}, orDefaults);
const fstat = optional("fstat", give, {}, orDefaults);
const statfs = optional("statfs", give, {}, orDefaults);
realpath.native = realpath;

function access(path, modeOrCallback = 0, callback) {
  const { 0: mode, 1: then } = withOptions(modeOrCallback, callback, 0);
  done(calls.access(path, mode), then);
}

/** Looks in the microtask, so that what it tells is so when it tells it. */
function exists(path, callback) {
  queueMicrotask(() => callback(sync.existsSync(path)));
}

function appendFile(path, data, optionsOrCallback, callback) {
  const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, {});
  give(calls.appendFile(path, data, options), then);
}

function close(fd, callback = () => {}) {
  done(calls.close(fd), callback);
}

function copyFile(src, dest, modeOrCallback = 0, callback) {
  const { 0: mode, 1: then } = withOptions(modeOrCallback, callback, 0);
  done(calls.copyFile(src, dest, mode), then);
}

function cp(src, dest, optionsOrCallback, callback) {
  const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, {});
  done(calls.cp(src, dest, options), then);
}

function fsync(fd, callback = () => {}) {
  done(calls.fsync(fd), callback);
}

function ftruncate(fd, lenOrCallback, callback) {
  toDescriptor(fd);
  const { 0: len, 1: then } = withOptions(lenOrCallback, callback, 0);
  done(calls.ftruncate(fd, len), then);
}

function futimes(fd, atime, mtime, callback) {
  toDescriptor(fd);
  done(calls.futimes(fd, atime, mtime), callback);
}

function mkdtemp(prefix, optionsOrCallback, callback) {
  const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, {});
  give(() => sync.mkdtempSync(prefix, options), then);
}

function open(path, flagsOrCallback = "r", modeOrCallback = 0o666, callback) {
  const { 0: mode, 1: second } = withOptions(modeOrCallback, callback, 0o666);
  const { 0: flags, 1: then } = withOptions(flagsOrCallback, second, "r");
  give(calls.open(path, flags, mode), then);
}

/** The arguments of `read` after the descriptor, which may be left out from any place on: a buffer, what of it, and the callback. */
function toRead(first, second, third, position, callback) {
  if (typeof first === "function") {
    const buffer = Buffer.alloc(16384);
    return [buffer, 0, buffer.byteLength, null, first];
  }
  if (typeof first === "object" && first !== null && !ArrayBufferIsView(first)) {
    const { buffer = Buffer.alloc(16384) } = first;
    if (!ArrayBufferIsView(buffer)) throw new ERR_INVALID_ARG_TYPE("options.buffer", VIEWS, buffer);
    return fromOptions(buffer, first, second);
  }
  if (!ArrayBufferIsView(first)) throw new ERR_INVALID_ARG_TYPE("buffer", VIEWS, first);
  if (typeof second === "function") return [first, 0, first.byteLength, null, second];
  if (typeof second === "object") return fromOptions(first, second ?? {}, third);
  const offset = typeof second === "number" ? second : 0;
  if (typeof third === "function") return [first, offset, first.byteLength - offset, null, third];
  validateUint32(position, "position");
  return [first, offset, third ?? first.byteLength - offset, position, callback];
}

function fromOptions(buffer, options, callback) {
  const { offset = 0, length = buffer.byteLength - offset, position = null } = options;
  validateUint32(offset, "options.offset");
  validateUint32(length, "options.length");
  checkPosition(position, "options.position");
  return [buffer, offset, length, position, callback];
}

function read(fd, bufferOptionsOrCallback, offsetOptionsOrCallback, lengthOrCallback, position, callback) {
  const {
    0: buffer,
    1: offset,
    2: length,
    3: place,
    4: then,
  } = toRead(bufferOptionsOrCallback, offsetOptionsOrCallback, lengthOrCallback, position, callback);
  checkCallback(then);
  if (offset < 0 || length < 0 || (length !== 0 && offset + length > buffer.byteLength)) {
    throw new ERR_INVALID_ARG_VALUE("offset", "must be >= 0 and <= buffer.length");
  }
  const options = { offset, length, position: place };
  giveBoth(() => (length === 0 ? 0 : sync.readSync(fd, buffer, options)), then, buffer);
}

function readFile(path, optionsOrCallback, callback) {
  const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, {});
  toEncoding(options, null);
  give(() => sync.readFileSync(path, options), then);
}

function readv(fd, buffers, positionOrCallback, callback) {
  const { 0: position, 1: then } = withOptions(positionOrCallback, callback, null);
  checkCallback(then);
  checkPosition(position, "position");
  giveBoth(() => sync.readvSync(fd, buffers, position), then, buffers);
}

function symlink(target, path, typeOrCallback, callback) {
  const { 0: type, 1: then } = withOptions(typeOrCallback, callback, null);
  done(calls.symlink(target, path, type ?? null), then);
}

function truncate(path, lenOrCallback, callback) {
  toHref(path);
  const { 0: len, 1: then } = withOptions(lenOrCallback, callback, 0);
  done(calls.truncate(path, len), then);
}

function write(fd, buffer, offsetOptionsPositionOrCallback, encodingLengthOrCallback, positionOrCallback, callback) {
  const { 0: position, 1: third } = withOptions(positionOrCallback, callback, undefined);
  const { 0: length, 1: second } = withOptions(encodingLengthOrCallback, third, undefined);
  const { 0: offset, 1: then } = withOptions(offsetOptionsPositionOrCallback, second, undefined);
  checkCallback(then);
  const isText = typeof buffer === "string";
  const encoding = isText && typeof length === "string" ? length : undefined;
  const view = isText ? Buffer.from(buffer, encoding ?? "utf8") : buffer;
  giveBoth(calls.write(fd, view, offset, encoding === undefined ? length : undefined, position), then, view);
}

function writeFile(path, data, optionsOrCallback, callback) {
  const { 0: options, 1: then } = withOptions(optionsOrCallback, callback, {});
  give(calls.writeFile(path, data, options), then);
}

function writev(fd, buffers, positionOrCallback, callback) {
  const { 0: position, 1: then } = withOptions(positionOrCallback, callback, null);
  checkCallback(then);
  giveBoth(calls.writev(fd, buffers, position), then, buffers);
}

function watch() {
  throw new ERR_UNSUPPORTED_OPERATION();
}

function watchFile() {
  throw new ERR_UNSUPPORTED_OPERATION();
}

function unwatchFile() {
  throw new ERR_UNSUPPORTED_OPERATION();
}

exports.callbacks = {
  access,
  exists,
  appendFile,
  chmod,
  chown,
  close,
  copyFile,
  cp,
  fchmod,
  fchown,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  futimes,
  lchmod,
  lchown,
  lutimes,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  opendir,
  read,
  readdir,
  readFile,
  readlink,
  readv,
  realpath,
  rename,
  rmdir,
  rm,
  stat,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
  write,
  writeFile,
  writev,
  watch,
  watchFile,
  unwatchFile,
  glob,
};
