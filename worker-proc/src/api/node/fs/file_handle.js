/*
 * `FileHandle`: an open file that knows its descriptor.
 */

const { ArrayBufferIsView, Error, PromiseReject, PromiseResolve, SymbolAsyncDispose, TypeError } = primordials;
const { Buffer } = require("node:buffer");
const EventEmitter = require("node:events").default;
const { syscallError } = require("node/common/errors");
const { validateBoolean, validateObject, validateUint32 } = require("node/common/validators");
const { checkPosition, kFileHandle } = require("node/fs/arguments");
const { close } = require("node/fs/operations");
const { ReadStream } = require("node/fs/read_stream");
const { sync } = require("node/fs/sync");
const { WriteStream } = require("node/fs/write_stream");
const { ReadableStream } = require("streams").globals;

const kCreate = { __proto__: null };

/** A promise of what `work` gives. */
function promised(work) {
  try {
    return PromiseResolve(work());
  } catch (error) {
    return PromiseReject(error);
  }
}

let openDescriptor;

class FileHandle extends EventEmitter {
  #fd;
  [kFileHandle] = true;

  constructor(badge, fd) {
    if (badge !== kCreate) throw new TypeError("Illegal constructor");
    super();
    this.#fd = fd;
  }

  static {
    openDescriptor = (handle) => {
      if (handle.#fd === undefined) throw syscallError("EBADF", -9, "stat");
      return handle.#fd;
    };
  }

  get fd() {
    return this.#fd;
  }

  async appendFile(data, options = {}) {
    sync.appendFileSync(openDescriptor(this), data, options);
  }

  async chmod(mode) {
    sync.fchmodSync(openDescriptor(this), mode);
  }

  async chown(uid, gid) {
    sync.fchownSync(openDescriptor(this), uid, gid);
  }

  async datasync() {
    sync.fdatasyncSync(openDescriptor(this));
  }

  async sync() {
    sync.fsyncSync(openDescriptor(this));
  }

  read(bufferOrOptions = {}, offsetOrOptions = {}, length, position = null) {
    return promised(() => {
      const fd = openDescriptor(this);
      let options = bufferOrOptions;
      if (ArrayBufferIsView(bufferOrOptions)) {
        const buffer = bufferOrOptions;
        options =
          typeof offsetOrOptions === "number"
            ? { buffer, offset: offsetOrOptions, length: length ?? buffer.byteLength - offsetOrOptions, position }
            : { buffer, ...offsetOrOptions };
      }
      const { buffer = Buffer.alloc(16384), offset = 0, position: place = null } = options;
      const { length: count = buffer.byteLength - offset } = options;
      validateUint32(offset, "offset");
      validateUint32(count, "length");
      checkPosition(place, "position");
      return { bytesRead: sync.readSync(fd, buffer, offset, count, place), buffer };
    });
  }

  readv(buffers, position = null) {
    return promised(() => ({ bytesRead: sync.readvSync(openDescriptor(this), buffers, position), buffers }));
  }

  async readFile(options = {}) {
    return sync.readFileSync(openDescriptor(this), options);
  }

  readLines() {
    openDescriptor(this);
    throw new Error("not implemented");
  }

  async stat(options = {}) {
    return sync.fstatSync(openDescriptor(this), options);
  }

  async truncate(len = 0) {
    sync.ftruncateSync(openDescriptor(this), len);
  }

  async utimes(atime, mtime) {
    sync.futimesSync(openDescriptor(this), atime, mtime);
  }

  write(buffer, offsetPositionOrOptions = null, lengthOrEncoding, position = null) {
    return promised(() => {
      const fd = openDescriptor(this);
      const written = typeof buffer === "string" ? Buffer.from(buffer, lengthOrEncoding) : buffer;
      const bytesWritten = sync.writeSync(fd, written, offsetPositionOrOptions, lengthOrEncoding, position);
      return { bytesWritten, buffer: written };
    });
  }

  writev(buffers, position = null) {
    return promised(() => ({ bytesWritten: sync.writevSync(openDescriptor(this), buffers, position), buffers }));
  }

  writeFile(data, options = {}) {
    return promised(() => {
      const bytesWritten = sync.writeFileSync(openDescriptor(this), data, options);
      return { bytesWritten, buffer: ArrayBufferIsView(data) ? data : Buffer.from(data, options) };
    });
  }

  close() {
    return promised(() => {
      if (this.#fd !== undefined) close(this.#fd);
      this.#fd = undefined;
      this.emit("close");
    });
  }

  async [SymbolAsyncDispose]() {
    await this.close();
  }

  readableWebStream(options = {}) {
    openDescriptor(this);
    validateObject(options, "options");
    const { autoClose = true } = options;
    validateBoolean(autoClose, "options.autoClose");
    return toWebStream(this, autoClose);
  }

  createReadStream(options = {}) {
    return new ReadStream("", { ...options, fd: this });
  }

  createWriteStream(options = {}) {
    return new WriteStream("", { ...options, fd: this });
  }
}

/** A stream of bytes of what is left of the file; `autoClose` closes the handle at its end. */
function toWebStream(handle, autoClose) {
  let controller;
  let isOver = false;
  const end = async () => {
    isOver = true;
    if (autoClose) await handle.close();
  };
  const stream = new ReadableStream({
    __proto__: null,
    type: "bytes",
    autoAllocateChunkSize: 16384,
    start(given) {
      controller = given;
    },
    async pull() {
      const request = controller.byobRequest;
      const { bytesRead } = await handle.read(request.view);
      if (bytesRead === 0) {
        isOver = true;
        controller.close();
        await end();
      }
      request.respond(bytesRead);
    },
    cancel: end,
  });
  handle.once("close", () => {
    if (!isOver) controller.close();
    isOver = true;
  });
  return stream;
}

exports.FileHandle = FileHandle;
exports.openHandle = (fd) => new FileHandle(kCreate, fd);
exports.promised = promised;
