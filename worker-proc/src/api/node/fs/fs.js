/*
 * node:fs: the virtual file system, by synchronous functions, callbacks, promises and streams.
 */

const { ObjectAssign } = primordials;
const { callbacks } = require("node/fs/callback");
const { constants } = require("node/fs/constants");
const { Dir, Dirent } = require("node/fs/dir");
const promises = require("node:fs/promises").default;
const { ReadStream } = require("node/fs/read_stream");
const { Stats } = require("node/fs/stats");
const { sync } = require("node/fs/sync");
const { WriteStream } = require("node/fs/write_stream");

const { F_OK, R_OK, W_OK, X_OK } = constants;

function createReadStream(path, options = {}) {
  return new ReadStream(path, options);
}

function createWriteStream(path, options = {}) {
  return new WriteStream(path, options);
}

const fs = {
  constants,
  F_OK,
  R_OK,
  W_OK,
  X_OK,
  promises,
  Dirent,
  Dir,
  Stats,
  ...callbacks,
  ...sync,
  WriteStream,
  ReadStream,
  FileWriteStream: WriteStream,
  FileReadStream: ReadStream,
  createReadStream,
  createWriteStream,
};

ObjectAssign(exports, fs, { default: fs });
