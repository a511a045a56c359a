/*
 * node:fs/promises: the synchronous form, told by promises.
 */

const { Error, ObjectAssign } = primordials;
const { named } = require("node/fs/arguments");
const { constants } = require("node/fs/constants");
const { FileHandle, openHandle, promised } = require("node/fs/file_handle");
const { sync } = require("node/fs/sync");

/** A promise of nothing. */
const done = (work) =>
  promised(() => {
    work();
  });

/** Promises of nothing, for calls with two or three arguments. */
const ofTwo = (name, call) =>
  named(name, function (path, second) {
    return done(() => call(path, second));
  });
const ofThree = (name, call) =>
  named(name, function (path, second, third) {
    return done(() => call(path, second, third));
  });

/** A promise of what a call with options gives. */
const ofOptions = (name, call) =>
  named(name, function (path, options = {}) {
    return promised(() => call(path, options));
  });

const chmod = ofTwo("chmod", sync.chmodSync);
const lchmod = ofTwo("lchmod", sync.lchmodSync);
const link = ofTwo("link", sync.linkSync);
const rename = ofTwo("rename", sync.renameSync);
const rmdir = ofTwo("rmdir", sync.rmdirSync);
const chown = ofThree("chown", sync.chownSync);
const lchown = ofThree("lchown", sync.lchownSync);
const copyFile = ofThree("copyFile", sync.copyFileSync);
const cp = ofThree("cp", sync.cpSync);
const lutimes = ofThree("lutimes", sync.lutimesSync);
const utimes = ofThree("utimes", sync.utimesSync);
const lstat = ofOptions("lstat", sync.lstatSync);
const mkdir = ofOptions("mkdir", sync.mkdirSync);
const mkdtemp = ofOptions("mkdtemp", sync.mkdtempSync);
const opendir = ofOptions("opendir", sync.opendirSync);
const readdir = ofOptions("readdir", sync.readdirSync);
const readFile = ofOptions("readFile", sync.readFileSync);
const readlink = ofOptions("readlink", sync.readlinkSync);
const realpath = ofOptions("realpath", sync.realpathSync);
const stat = ofOptions("stat", sync.statSync);
const statfs = ofOptions("statfs", sync.statfsSync);

function access(path, mode = constants.F_OK) {
  return done(() => sync.accessSync(path, mode));
}

function appendFile(path, data, options = {}) {
  return done(() => sync.appendFileSync(path, data, options));
}

function open(path, flags, mode) {
  return promised(() => openHandle(sync.openSync(path, flags, mode)));
}

function rm(path, options = {}) {
  return done(() => sync.rmSync(path, options));
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
