/*
 * node:fs/promises: the synchronous form, told by promises.
 */

const { Error, ObjectAssign } = primordials;
const { constants } = require("node/fs/constants");
const { FileHandle, openHandle, promised } = require("node/fs/file_handle");
const { sync } = require("node/fs/sync");

/** A promise of nothing. */
const done = (work) =>
  promised(() => {
    work();
  });

function access(path, mode = constants.F_OK) {
  return done(() => sync.accessSync(path, mode));
}

function appendFile(path, data, options = {}) {
  return done(() => sync.appendFileSync(path, data, options));
}

function chmod(path, mode) {
  return done(() => sync.chmodSync(path, mode));
}

function chown(path, uid, gid) {
  return done(() => sync.chownSync(path, uid, gid));
}

function copyFile(src, dest, mode) {
  return done(() => sync.copyFileSync(src, dest, mode));
}

function cp(src, dest, options) {
  return done(() => sync.cpSync(src, dest, options));
}

function lchmod(path, mode) {
  return done(() => sync.lchmodSync(path, mode));
}

function lchown(path, uid, gid) {
  return done(() => sync.lchownSync(path, uid, gid));
}

function lutimes(path, atime, mtime) {
  return done(() => sync.lutimesSync(path, atime, mtime));
}

function link(existingPath, newPath) {
  return done(() => sync.linkSync(existingPath, newPath));
}

function lstat(path, options = {}) {
  return promised(() => sync.lstatSync(path, options));
}

function mkdir(path, options = {}) {
  return promised(() => sync.mkdirSync(path, options));
}

function mkdtemp(prefix, options = {}) {
  return promised(() => sync.mkdtempSync(prefix, options));
}

function open(path, flags, mode) {
  return promised(() => openHandle(sync.openSync(path, flags, mode)));
}

function opendir(path, options = {}) {
  return promised(() => sync.opendirSync(path, options));
}

function readdir(path, options = {}) {
  return promised(() => sync.readdirSync(path, options));
}

function readFile(path, options = {}) {
  return promised(() => sync.readFileSync(path, options));
}

function readlink(path, options = {}) {
  return promised(() => sync.readlinkSync(path, options));
}

function realpath(path, options = {}) {
  return promised(() => sync.realpathSync(path, options));
}

function rename(oldPath, newPath) {
  return done(() => sync.renameSync(oldPath, newPath));
}

function rmdir(path, options) {
  return done(() => sync.rmdirSync(path, options));
}

function rm(path, options = {}) {
  return done(() => sync.rmSync(path, options));
}

function stat(path, options = {}) {
  return promised(() => sync.statSync(path, options));
}

function statfs(path, options = {}) {
  return promised(() => sync.statfsSync(path, options));
}

function symlink(target, path, type = null) {
  return done(() => sync.symlinkSync(target, path, type));
}

function truncate(path, len = 0) {
  return done(() => sync.truncateSync(path, len));
}

function unlink(path) {
  return done(() => sync.unlinkSync(path));
}

function utimes(path, atime, mtime) {
  return done(() => sync.utimesSync(path, atime, mtime));
}

function watch() {
  throw new Error("Not implemented");
}

function writeFile(path, data, options = {}) {
  return done(() => sync.writeFileSync(path, data, options));
}

async function* glob(pattern, options = {}) {
  const results = sync.globSync(pattern, options);
  for (let i = 0; i < results.length; i++) yield results[i];
}

const promises = {
  constants,
  FileHandle,
  access,
  appendFile,
  chmod,
  chown,
  copyFile,
  cp,
  lchmod,
  lchown,
  lutimes,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  opendir,
  readdir,
  readFile,
  readlink,
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
  watch,
  writeFile,
  glob,
};

ObjectAssign(exports, promises, { default: ObjectAssign({}, promises) });
