/*
 * `Dirent`, and `Dir`: a folder's entries as they were when it was opened.
 */

// own: name (a Buffer)
const {
  ArrayPrototypeShift,
  PromiseReject,
  PromiseResolve,
  Symbol,
  SymbolAsyncDispose,
  SymbolAsyncIterator,
  SymbolDispose,
} = primordials;
const { Buffer } = require("node:buffer");
const { ERR_DIR_CLOSED, ERR_MISSING_ARGS } = require("node/common/errors");
const { validateObject, validateString } = require("node/common/validators");
const { constants } = require("node/fs/constants");
const { queueMicrotask } = require("timers");

const { UV_DIRENT_BLOCK, UV_DIRENT_CHAR, UV_DIRENT_DIR, UV_DIRENT_FIFO, UV_DIRENT_FILE, UV_DIRENT_LINK, UV_DIRENT_SOCKET } =
  constants;

const kType = Symbol("type");

class Dirent {
  name;
  parentPath;
  [kType];

  constructor(name, type, path) {
    this.name = name;
    this.parentPath = path;
    this[kType] = type;
  }

  isDirectory() {
    return this[kType] === UV_DIRENT_DIR;
  }
  isFile() {
    return this[kType] === UV_DIRENT_FILE;
  }
  isBlockDevice() {
    return this[kType] === UV_DIRENT_BLOCK;
  }
  isCharacterDevice() {
    return this[kType] === UV_DIRENT_CHAR;
  }
  isSymbolicLink() {
    return this[kType] === UV_DIRENT_LINK;
  }
  isFIFO() {
    return this[kType] === UV_DIRENT_FIFO;
  }
  isSocket() {
    return this[kType] === UV_DIRENT_SOCKET;
  }
}

class Dir {
  #entries;
  #encoding;
  #path;

  constructor(handle, path, options) {
    if (handle == null) throw new ERR_MISSING_ARGS("handle");
    this.#entries = handle;
    this.#path = path;
    validateObject(options, "options");
    const { encoding = "utf8" } = options;
    validateString(encoding, "options.encoding");
    this.#encoding = encoding;
  }

  get path() {
    return this.#path;
  }

  read(callback) {
    let entry;
    try {
      entry = this.readSync();
    } catch (error) {
      if (typeof callback !== "function") return PromiseReject(error);
      queueMicrotask(() => callback(error, null));
      return undefined;
    }
    if (typeof callback !== "function") return PromiseResolve(entry);
    queueMicrotask(() => callback(null, entry));
    return undefined;
  }

  readSync() {
    if (this.#entries === undefined) throw new ERR_DIR_CLOSED();
    const entry = ArrayPrototypeShift(this.#entries);
    if (entry === undefined) return null;
    const name = Buffer.from(entry.name);
    const shown = this.#encoding === "buffer" ? name : name.toString(this.#encoding);
    return new Dirent(shown, entry.type, entry.parentPath);
  }

  close(callback) {
    this.closeSync();
    if (typeof callback !== "function") return PromiseResolve();
    queueMicrotask(() => callback(null));
    return undefined;
  }

  closeSync() {
    if (this.#entries === undefined) throw new ERR_DIR_CLOSED();
    this.#entries = undefined;
  }

  async *entries() {
    for (;;) {
      const entry = await this.read();
      if (entry === null) return;
      yield entry;
    }
  }

  [SymbolAsyncIterator]() {
    return this.entries();
  }

  async [SymbolAsyncDispose]() {
    await this.close();
  }

  [SymbolDispose]() {
    this.closeSync();
  }
}

exports.Dirent = Dirent;
exports.Dir = Dir;
