/*
 * The synchronous form of `node:fs`.
 */

const calls = require("node/fs/calls");

function accessSync(path, mode = 0) {
  calls.access(path, mode)();
}

function existsSync(path) {
  try {
    calls.access(path, 0)();
    return true;
  } catch {
    return false;
  }
}

function appendFileSync(path, data, options = {}) {
  return calls.appendFile(path, data, options)();
}

function chmodSync(path, mode) {
  calls.chmod(path, mode)();
}

function chownSync(path, uid, gid) {
  calls.chown(path, uid, gid)();
}

function closeSync(fd) {
  calls.close(fd)();
}

function copyFileSync(src, dest, mode = 0) {
  calls.copyFile(src, dest, mode)();
}

function cpSync(src, dest, options = {}) {
  calls.cp(src, dest, options)();
}

function fchmodSync(fd, mode) {
  calls.fchmod(fd, mode)();
}

function fchownSync(fd, uid, gid) {
  calls.fchown(fd, uid, gid)();
}

function fdatasyncSync(fd) {
  calls.fdatasync(fd)();
}

function fstatSync(fd, options = {}) {
  return calls.fstat(fd, options)();
}

function fsyncSync(fd) {
  calls.fsync(fd)();
}

function ftruncateSync(fd, len = 0) {
  calls.ftruncate(fd, len)();
}

function futimesSync(fd, atime, mtime) {
  calls.futimes(fd, atime, mtime)();
}

function globSync(pattern, options = {}) {
  return calls.glob(pattern, options)();
}

function lchmodSync(path, mode) {
  calls.lchmod(path, mode)();
}

function lchownSync(path, uid, gid) {
  calls.lchown(path, uid, gid)();
}

function lutimesSync(path, atime, mtime) {
  calls.lutimes(path, atime, mtime)();
}

function linkSync(existingPath, newPath) {
  calls.link(existingPath, newPath)();
}

function lstatSync(path, options = {}) {
  return calls.lstat(path, options)();
}

function mkdirSync(path, options = {}) {
  return calls.mkdir(path, options)();
}

function mkdtempSync(prefix, options = {}) {
  return calls.mkdtemp(prefix, options)();
}

function opendirSync(path, options = {}) {
  return calls.opendir(path, options)();
}

function openSync(path, flags = "r", mode = 0o666) {
  return calls.open(path, flags, mode)();
}

function readdirSync(path, options = {}) {
  return calls.readdir(path, options)();
}

function readFileSync(pathOrFd, options = {}) {
  return calls.readFile(pathOrFd, options)();
}

function readlinkSync(path, options = {}) {
  return calls.readlink(path, options)();
}

function readSync(fd, buffer, offsetOrOptions = {}, length, position = null) {
  return calls.read(fd, buffer, offsetOrOptions, length, position)();
}

function readvSync(fd, buffers, position = null) {
  return calls.readv(fd, buffers, position)();
}

function realpathSync(path, options = {}) {
  return calls.realpath(path, options)();
}

realpathSync.native = realpathSync;

function renameSync(src, dest) {
  calls.rename(src, dest)();
}

function rmdirSync(path, options = {}) {
  calls.rmdir(path, options)();
}

function rmSync(path, options = {}) {
  calls.rm(path, options)();
}

function statSync(path, options = {}) {
  return calls.stat(path, options)();
}

function statfsSync(path, options = {}) {
  return calls.statfs(path, options)();
}

function symlinkSync(target, path, type = null) {
  calls.symlink(target, path, type)();
}

function truncateSync(path, len = 0) {
  calls.truncate(path, len)();
}

function unlinkSync(path) {
  calls.unlink(path)();
}

function utimesSync(path, atime, mtime) {
  calls.utimes(path, atime, mtime)();
}

function writeFileSync(path, data, options = {}) {
  return calls.writeFile(path, data, options)();
}

function writeSync(fd, buffer, offsetOrOptions = null, length, position) {
  return calls.write(fd, buffer, offsetOrOptions, length, position)();
}

function writevSync(fd, buffers, position = null) {
  return calls.writev(fd, buffers, position)();
}

function openAsBlob(path, options = {}) {
  return calls.openAsBlob(path, options)();
}

const sync = {
  accessSync,
  existsSync,
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  cpSync,
  fchmodSync,
  fchownSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  globSync,
  lchmodSync,
  lchownSync,
  lutimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  opendirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  readvSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
  writevSync,
  openAsBlob,
};

exports.sync = sync;
