/*
 * `FileSystemWritableFileStream` (File System standard, section 2.6): what is written goes to a copy, which takes the file's place when
 * the stream is closed.
 */

// own: file (a file)
const { TypeError } = primordials;
const { blobBytes, isBlob } = require("blob");
const DOMException = require("dom_exception");
const { encodeUtf8, toBufferSource } = require("encoding");
const { bytesOf } = require("file_system/nodes");
const { promised } = require("file_system/refusals");
const { DefaultWritable } = require("streams/sink");
const { WritableStream, kWrap, writableOf } = require("streams/writable");
const { argumentError, defineInterface, isObject, toUSVString, toUint32 } = require("webidl");

const invalid = (message) => DOMException.create(message, "SyntaxError");

/** What is written before the stream is closed. `commit` is told of the copy in the end, `release` that all is over. */
class Draft {
  #file;
  #position = 0;
  #commit;
  #release;

  constructor(file, commit, release) {
    this.#file = file;
    this.#commit = commit;
    this.#release = release;
  }

  #open(method) {
    if (this.#file === undefined) throw new TypeError(`${method}() after closed`);
    return this.#file;
  }

  write(chunk) {
    return promised(() => {
      const file = this.#open("write");
      const bytes = toBytes(chunk);
      if (bytes !== undefined) this.#put(file, this.#position, bytes);
      else this.#perform(file, toCommand(chunk));
    });
  }

  #put(file, position, bytes) {
    this.#position = position + file.write(position, bytes);
  }

  #perform(file, { type, position, size, data }) {
    if (type === "write") {
      if (data === undefined) throw invalid("write() requires a non-null data parameter");
      if (data === null) throw new TypeError("write() requires a non-null data parameter");
      this.#put(file, position ?? this.#position, data);
    } else if (type === "seek") {
      if (position === undefined) throw invalid("seek() requires a position parameter");
      this.seek(position);
    } else if (type === "truncate") {
      if (size === undefined) throw invalid("truncate() requires a size parameter");
      this.truncate(size);
    } else {
      throw new TypeError(`Invalid write type: ${type}`);
    }
  }

  seek(position) {
    const file = this.#open("seek");
    if (position > file.size) file.resize(position);
    this.#position = position;
  }

  truncate(size) {
    const file = this.#open("truncate");
    file.resize(size);
    if (this.#position > size) this.#position = size;
  }

  close() {
    return promised(() => {
      const file = this.#file;
      this.abort();
      if (file !== undefined) this.#commit(file);
    });
  }

  abort() {
    if (this.#file === undefined) return;
    this.#file = undefined;
    this.#release();
  }
}

/** What a chunk says to write; undefined for one that is a command. */
function toBytes(chunk) {
  if (isBlob(chunk)) return blobBytes(chunk);
  const view = toBufferSource(chunk);
  if (view !== undefined) return bytesOf(view);
  return isObject(chunk) || chunk == null ? undefined : encodeUtf8(toUSVString(chunk));
}

/** The members of a `WriteParams`, in the standard's order of names. */
function toCommand(chunk) {
  if (chunk == null) {
    throw new TypeError("Cannot initialize WriteParams with required members from an undefined or null value.");
  }
  const { data, position, size, type } = chunk;
  return {
    __proto__: null,
    data: data == null ? data : (toBytes(data) ?? encodeUtf8(toUSVString(data))),
    position: position === undefined ? undefined : toUint32(position),
    size: size === undefined ? undefined : toUint32(size),
    type: toUSVString(type),
  };
}

const kCreate = { __proto__: null };

class FileSystemWritableFileStream extends WritableStream {
  #draft;

  constructor(token, draft) {
    if (token !== kCreate) throw new TypeError("Illegal constructor");
    const writable = new DefaultWritable(
      draft,
      1,
      () => 1,
      () => {},
    );
    super(kWrap, writable);
    this.#draft = draft;
    writable.started();
  }

  write(data) {
    return promised(() => {
      if (arguments.length < 1) throw argumentError("FileSystemWritableFileStream", "write", 1, "WriteParams");
      const draft = this.#draft;
      if (writableOf(this).locked) throw new TypeError("Cannot write to a stream that is locked to a reader");
      return draft.write(data);
    });
  }

  seek(position) {
    return promised(() => {
      if (arguments.length < 1) throw argumentError("FileSystemWritableFileStream", "seek", 1, "unsigned integer");
      this.#draft.seek(toUint32(position));
    });
  }

  truncate(size) {
    return promised(() => {
      if (arguments.length < 1) throw argumentError("FileSystemWritableFileStream", "truncate", 1, "unsigned integer");
      this.#draft.truncate(toUint32(size));
    });
  }
}

defineInterface(FileSystemWritableFileStream);

exports.openWritable = (file, commit, release) =>
  new FileSystemWritableFileStream(kCreate, new Draft(file, commit, release));
exports.globals = { FileSystemWritableFileStream };
