/*
 * The calls of `node:fs`, each in two steps: the function checks its arguments and throws what is wrong with them, and what it returns
 * does the work. The synchronous, the callback and the promise forms differ in when they take the second step.
 */

// own: buffer (a Buffer); from() (a Buffer)
const { ArrayPrototypeMap } = primordials;
const { Buffer } = require("node:buffer");
const {
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_UNSUPPORTED_OPERATION,
  syscallError,
} = require("node/common/errors");
const { validateBoolean, validateObject, validateOneOf, validateString, validateUint32 } = require("node/common/validators");
const {
  checkAccessMode,
  checkMode,
  checkOwner,
  checkPosition,
  checkViews,
  toDate,
  toDescriptor,
  toEncoding,
  toFileData,
  toFlags,
  toHref,
  toHrefOrDescriptor,
  toOptions,
  toRead,
  toWritten,
} = require("node/fs/arguments");
const { constants } = require("node/fs/constants");
const copying = require("node/fs/copy");
const { Dir, Dirent } = require("node/fs/dir");
const { globSync } = require("node/fs/glob");
const operations = require("node/fs/operations");
const { toStats } = require("node/fs/stats");
const { isStandardStream, writeStandardStream } = require("file_system/stdio");
const { bytesOf } = require("file_system/nodes");
const { pathOf } = require("file_system/tree");

const noEntry = (href, syscall) => syscallError("ENOENT", -2, syscall, pathOf(href));
const badDescriptor = (syscall) => syscallError("EBADF", -9, syscall);

/** Throws unless there is something; what is asked of it has no effect. */
const requireEntry = (href, syscall, follow) => () => {
  if (operations.stat(href, follow) === null) throw noEntry(href, syscall);
};
const requireOpen = (descriptor, syscall) => () => {
  if (operations.stat(descriptor, true) === null) throw badDescriptor(syscall);
};

exports.access = function (path, mode) {
  const href = toHref(path);
  checkAccessMode(mode);
  return () => {
    const node = (mode & constants.X_OK) !== 0 ? null : operations.stat(href, true);
    if (node === null || ((mode & constants.W_OK) !== 0 && !node.isWritable)) throw noEntry(href, "access");
  };
};

const changeMode = (syscall, follow) => (path, mode) => {
  checkMode(mode, "mode");
  return requireEntry(toHref(path), syscall, follow);
};
exports.chmod = changeMode("chmod", true);
exports.lchmod = changeMode("lchmod", false);
exports.fchmod = function (fd, mode) {
  const descriptor = toDescriptor(fd);
  checkMode(mode, "mode");
  return requireOpen(descriptor, "fchmod");
};

const changeOwner = (syscall, follow) => (path, uid, gid) => {
  checkOwner(uid, gid);
  return requireEntry(toHref(path), syscall, follow);
};
exports.chown = changeOwner("chown", true);
exports.lchown = changeOwner("lchown", false);
exports.fchown = function (fd, uid, gid) {
  checkOwner(uid, gid);
  return requireOpen(toDescriptor(fd), "fchown");
};

exports.fdatasync = (fd) => requireOpen(toDescriptor(fd), "datasync");
exports.fsync = (fd) => requireOpen(toDescriptor(fd), "sync");

exports.close = function (fd) {
  const descriptor = toDescriptor(fd);
  return () => operations.close(descriptor);
};

exports.copyFile = function (src, dest, mode) {
  const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants;
  const from = toHref(src);
  const to = toHref(dest);
  validateOneOf(mode, "mode", [0, COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, COPYFILE_FICLONE]);
  if (mode === COPYFILE_FICLONE_FORCE) throw new ERR_UNSUPPORTED_OPERATION();
  if (mode === COPYFILE_EXCL && exists(to)) throw syscallError("EEXIST", -17, "copyFile", pathOf(to));
  return () => copying.copyFile(from, to);
};

function exists(href) {
  try {
    return operations.stat(href, true) !== null;
  } catch {
    return false;
  }
}

exports.cp = function (src, dest, options) {
  validateObject(options, "options");
  const { dereference = false, errorOnExist = false, force = true, mode = 0, recursive = false, filter } = options;
  const { preserveTimestamps = false, verbatimSymlinks = false } = options;
  validateBoolean(dereference, "options.dereference");
  validateBoolean(errorOnExist, "options.errorOnExist");
  validateBoolean(force, "options.force");
  validateBoolean(preserveTimestamps, "options.preserveTimestamps");
  validateBoolean(recursive, "options.recursive");
  validateBoolean(verbatimSymlinks, "options.verbatimSymlinks");
  validateUint32(mode, "options.mode");
  if ((mode & constants.COPYFILE_FICLONE_FORCE) !== 0) {
    throw new ERR_INVALID_ARG_VALUE("options.mode", "COPYFILE_FICLONE_FORCE is not supported");
  }
  if (filter !== undefined) {
    if (typeof filter !== "function") throw new ERR_INVALID_ARG_TYPE("options.filter", "function", filter);
    throw new ERR_UNSUPPORTED_OPERATION();
  }
  const from = toHref(src);
  const to = toHref(dest);
  return () => copying.cp(from, to, { __proto__: null, dereference, errorOnExist, force, recursive });
};

exports.rename = function (src, dest) {
  const from = toHref(src);
  const to = toHref(dest);
  return () => copying.rename(from, to);
};

exports.link = function (existingPath, newPath) {
  const target = toHref(existingPath);
  const href = toHref(newPath);
  return () => operations.link(href, target, false);
};

exports.symlink = function (target, path, type) {
  validateOneOf(type, "type", ["dir", "file", "junction", null]);
  const to = toHref(target);
  const href = toHref(path);
  return () => operations.link(href, to, true);
};

exports.unlink = function (path) {
  const href = toHref(path);
  return () => operations.unlink(href);
};

const status = (syscall, follow) => (path, options) => {
  validateObject(options, "options");
  const { bigint = false, throwIfNoEntry = true } = options;
  validateBoolean(bigint, "options.bigint");
  validateBoolean(throwIfNoEntry, "options.throwIfNoEntry");
  const where = toHrefOrDescriptor(path);
  return () => {
    const node = operations.stat(where, follow);
    if (node !== null) return toStats(node, bigint);
    if (throwIfNoEntry) throw noEntry(where, syscall);
    return undefined;
  };
};
exports.stat = status("stat", true);
exports.lstat = status("lstat", false);
exports.fstat = function (fd, options) {
  validateObject(options, "options");
  const { bigint = false, throwIfNoEntry = true } = options;
  validateBoolean(bigint, "options.bigint");
  validateBoolean(throwIfNoEntry, "options.throwIfNoEntry");
  if (typeof fd !== "number") throw new ERR_INVALID_ARG_TYPE("fd", "number", fd);
  const descriptor = toDescriptor(fd);
  return () => toStats(operations.stat(descriptor, true), bigint);
};

/** All of it is 0: there is no such thing to tell of. */
exports.statfs = function (path, options) {
  toHref(path);
  validateObject(options, "options");
  const { bigint = false } = options;
  validateBoolean(bigint, "options.bigint");
  const zero = bigint ? 0n : 0;
  return () => ({ type: zero, bsize: zero, blocks: zero, bfree: zero, bavail: zero, files: zero, ffree: zero });
};

const truncate = (check) => (where, len) => {
  validateUint32(len, "len");
  const checked = check(where);
  return () => operations.truncate(checked, len);
};
exports.truncate = truncate(toHref);
exports.ftruncate = truncate(toDescriptor);

const changeTimes = (check, follow) => (where, atime, mtime) => {
  toDate(atime);
  const modified = toDate(mtime);
  const checked = check(where);
  return () => operations.setModified(checked, modified, follow);
};
exports.utimes = changeTimes(toHref, true);
exports.lutimes = changeTimes(toHref, false);
exports.futimes = changeTimes(toDescriptor, true);

exports.mkdir = function (path, options) {
  const members = typeof options === "number" ? { mode: options } : options;
  validateObject(members, "options");
  const { recursive = false, mode = 0o777 } = members;
  validateBoolean(recursive, "options.recursive");
  checkMode(mode, "mode");
  const href = toHref(path);
  return () => operations.makeDirectory(href, recursive);
};

exports.mkdtemp = function (prefix, options) {
  const href = toHref(prefix, toEncoding(options, "utf8"));
  return () => {
    const path = operations.makeTemporaryDirectory(href);
    if (path === undefined) throw syscallError("EINVAL", -22, "mkdtemp");
    return path;
  };
};

exports.open = function (path, flags, mode) {
  checkMode(mode, "mode", 0o666);
  const bits = toFlags(flags);
  const href = toHref(path);
  return () => operations.open(href, bits);
};

exports.opendir = function (path, options) {
  validateObject(options, "options");
  const { encoding = "utf8", bufferSize = 32, recursive = false } = options;
  if (encoding !== "buffer" && !Buffer.isEncoding(encoding)) {
    throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  }
  validateUint32(bufferSize, "options.bufferSize");
  validateBoolean(recursive, "options.recursive");
  const href = toHref(path);
  return () => new Dir(operations.readDirectory(href, recursive), path, { encoding });
};

exports.readdir = function (path, options) {
  const members = toOptions(options);
  const encoding = members.encoding == null ? "utf8" : toEncoding(members, "utf8");
  const { withFileTypes = false, recursive = false } = members;
  validateBoolean(withFileTypes, "options.withFileTypes");
  validateBoolean(recursive, "options.recursive");
  const href = toHref(path);
  const show = (name) => {
    if (encoding === "utf8") return name;
    return encoding === "buffer" ? Buffer.from(name) : Buffer.from(name).toString(encoding);
  };
  return () =>
    ArrayPrototypeMap(operations.readDirectory(href, recursive), ({ name, type, parentPath }) => {
      if (!withFileTypes) return show(name);
      return new Dirent(encoding === "buffer" ? Buffer.from(name) : name, type, parentPath);
    });
};

exports.readFile = function (path, options) {
  const encoding = toEncoding(options, null);
  toFlags(toOptions(options).flag ?? "r");
  const where = toHrefOrDescriptor(path);
  return () => {
    const bytes = operations.readAll(where);
    const buffer = Buffer.from(bytes.buffer, 0, bytes.byteLength);
    return typeof encoding === "string" ? buffer.toString(encoding) : buffer;
  };
};

const linkTarget = (hasToBeLink) => (path, options) => {
  const encoding = toEncoding(options, "utf8");
  const href = toHref(path);
  return () => Buffer.from(operations.readLink(href, hasToBeLink)).toString(encoding);
};
exports.readlink = linkTarget(true);
exports.realpath = linkTarget(false);

exports.read = function (fd, buffer, offsetOrOptions, length, position) {
  const descriptor = toDescriptor(fd);
  const { views, position: place } = toRead(buffer, offsetOrOptions, length, position);
  return () => (views.length === 0 ? 0 : operations.read(descriptor, views, place));
};

exports.readv = function (fd, buffers, position) {
  const descriptor = toDescriptor(fd);
  checkViews(buffers);
  checkPosition(position, "position");
  return () => (buffers.length === 0 ? 0 : operations.read(descriptor, buffers, position));
};

exports.rm = function (path, options) {
  validateObject(options, "options");
  const { force = false, maxRetries = 0, recursive = false, retryDelay = 0 } = options;
  validateBoolean(force, "options.force");
  validateUint32(maxRetries, "options.maxRetries");
  validateBoolean(recursive, "options.recursive");
  validateUint32(retryDelay, "options.retryDelay");
  const href = toHref(path);
  return () => operations.remove(href, recursive, false);
};

exports.rmdir = function (path, options) {
  validateObject(options, "options");
  const { maxRetries = 0, recursive = false, retryDelay = 0 } = options;
  validateUint32(maxRetries, "options.maxRetries");
  validateBoolean(recursive, "options.recursive");
  validateUint32(retryDelay, "options.retryDelay");
  const href = toHref(path);
  return () => operations.remove(href, recursive, true);
};

exports.writeFile = function (path, data, options) {
  const where = toHrefOrDescriptor(path);
  const { view, append, isExclusive } = toFileData(data, options);
  return () => {
    if (isStandardStream(where)) return writeStandardStream(where, bytesOf(view));
    return operations.writeAll(where, view, append, isExclusive);
  };
};

exports.appendFile = function (path, data, options) {
  const {
    encoding,
    mode,
    flag = "a",
    flush,
  } = typeof options === "string" || options == null ? { encoding: options } : options;
  return exports.writeFile(path, data, { encoding, mode, flag, flush });
};

function writeViews(descriptor, views, position) {
  if (!isStandardStream(descriptor)) return operations.write(descriptor, views, position);
  let total = 0;
  for (let i = 0; i < views.length; i++) total += writeStandardStream(descriptor, bytesOf(views[i]));
  return total;
}

exports.write = function (fd, buffer, offsetOrOptions, length, position) {
  const descriptor = toDescriptor(fd);
  const { views, position: place } = toWritten(buffer, offsetOrOptions, length, position);
  return () => writeViews(descriptor, views, place);
};

exports.writev = function (fd, buffers, position) {
  const descriptor = toDescriptor(fd);
  checkViews(buffers);
  checkPosition(position, "position");
  return () => (buffers.length === 0 ? 0 : writeViews(descriptor, buffers, position));
};

exports.glob = (pattern, options) => () => globSync(pattern, options);

exports.openAsBlob = function (path, options) {
  validateObject(options, "options");
  const { type = "" } = options;
  validateString(type, "options.type");
  const href = toHref(path);
  return () => operations.openAsBlob(href, type);
};
