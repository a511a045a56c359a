/*
 * What the virtual file system is made of: files, folders, links, devices. What a node refuses it throws as a `Refusal`, of which
 * `node/fs` makes an error with a code, and the standard's handles a DOMException.
 */

const {
  ArrayPrototypePop,
  ArrayPrototypePush,
  MathMax,
  MathMin,
  SafeMap,
  StringPrototypeIncludes,
  TypedArrayPrototypeFill,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;

/** 128 MiB, as much as a Blob may hold. */
const MAX_FILE_BYTES = 134217728;

const FILE = "file";
const DIRECTORY = "directory";
const SYMLINK = "symlink";

const NOT_DIRECTORY = "not a directory";
const NOT_EMPTY = "not empty";
const READ_ONLY = "read only";
const NOT_PERMITTED = "not permitted";
const ALREADY_EXISTS = "already exists";
const TOO_MANY_OPEN_FILES = "too many open files";
const INVALID_PATH = "invalid path";
const TOO_LARGE = "too large";
const TOO_MANY_LINKS = "too many links";

/** Why a node does not do what it is asked. */
class Refusal {
  constructor(reason) {
    this.reason = reason;
  }
}

class Node {
  isDevice = false;
  size = 0;
  /** Milliseconds since the epoch. */
  modified = 0;
  #id;

  /** A random text that no other node has; only within an event. */
  get id() {
    this.#id ??= ops.randomUUID();
    return this.#id;
  }
}

/** Some of a file's bytes, which `read` copies to the front of `target`; gives how many. */
class File extends Node {
  kind = FILE;
  isWritable = false;

  readAll() {
    const bytes = new Uint8Array(this.size);
    this.read(0, bytes);
    return bytes;
  }
  write() {
    throw new Refusal(READ_ONLY);
  }
  resize() {
    throw new Refusal(READ_ONLY);
  }
  replace() {
    throw new Refusal(READ_ONLY);
  }
  setModified() {}

  /** A file of one's own with the same bytes. */
  copy() {
    if (this.size > MAX_FILE_BYTES) throw new Refusal(TOO_LARGE);
    const file = new MemoryFile();
    file.write(0, this.readAll());
    return file;
  }
}

/** A file of `/tmp`. Its bytes are in a buffer, and so count as memory of the worker. */
class MemoryFile extends File {
  isWritable = true;
  /** Longer than the file, where it has grown. */
  #bytes = new Uint8Array(0);

  read(position, target) {
    const count = MathMin(TypedArrayPrototypeGetLength(target), this.size - position);
    if (count <= 0) return 0;
    TypedArrayPrototypeSet(target, TypedArrayPrototypeSubarray(this.#bytes, position, position + count));
    return count;
  }

  write(position, source) {
    const count = TypedArrayPrototypeGetLength(source);
    const end = position + count;
    if (end > MAX_FILE_BYTES) throw new Refusal(TOO_LARGE);
    if (end > this.size) this.resize(end);
    TypedArrayPrototypeSet(this.#bytes, source, position);
    return count;
  }

  resize(size) {
    if (size > MAX_FILE_BYTES) throw new Refusal(TOO_LARGE);
    const room = TypedArrayPrototypeGetLength(this.#bytes);
    if (size > room) {
      // Twice as much as it was, so that many small writes are not as many copies.
      const bytes = new Uint8Array(room === 0 ? size : MathMin(MathMax(size, 2 * room), MAX_FILE_BYTES));
      TypedArrayPrototypeSet(bytes, TypedArrayPrototypeSubarray(this.#bytes, 0, this.size));
      this.#bytes = bytes;
    } else if (size < room / 2) {
      this.#bytes = TypedArrayPrototypeSlice(this.#bytes, 0, size);
    } else if (size < this.size) {
      TypedArrayPrototypeFill(this.#bytes, 0, size, this.size);
    }
    this.size = size;
  }

  /** Takes the bytes and the time of another file. */
  replace(file) {
    const bytes = file.readAll();
    this.#bytes = bytes;
    this.size = TypedArrayPrototypeGetLength(bytes);
    this.modified = file.modified;
  }

  setModified(time) {
    this.modified = time;
  }
}

/** A module of the worker: its bytes stay where they are. */
class BundledFile extends File {
  #index;

  constructor(index, size) {
    super();
    this.#index = index;
    this.size = size;
  }

  read(position, target) {
    if (position >= this.size) return 0;
    const bytes = ops.bundleBytes(this.#index, position, TypedArrayPrototypeGetLength(target));
    TypedArrayPrototypeSet(target, bytes);
    return TypedArrayPrototypeGetLength(bytes);
  }
}

/** A device that reads as zeros, if as anything, and takes what is written. */
class Device extends File {
  isDevice = true;
  isWritable = true;

  read(_, target) {
    TypedArrayPrototypeFill(target, 0);
    return TypedArrayPrototypeGetLength(target);
  }
  write(_, source) {
    return TypedArrayPrototypeGetLength(source);
  }
  resize() {}
  replace() {}
  copy() {
    return this;
  }
}

class NullDevice extends Device {
  read() {
    return 0;
  }
}

/** A device that cannot be written to. */
class FullDevice extends Device {
  write() {
    throw new Refusal(NOT_PERMITTED);
  }
  resize() {
    throw new Refusal(NOT_PERMITTED);
  }
  replace() {
    throw new Refusal(NOT_PERMITTED);
  }
}

class RandomDevice extends FullDevice {
  /** Nothing outside of an event, where there is no randomness. */
  read(_, target) {
    const count = TypedArrayPrototypeGetLength(target);
    if (ops.state() === null) return 0;
    TypedArrayPrototypeSet(target, ops.randomBytes(count));
    return count;
  }
  setModified() {
    throw new Refusal(NOT_PERMITTED);
  }
}

/** Standard input, output or error; what is written to it is `stdio.js`'s. */
class StandardStream extends RandomDevice {
  isDevice = false;
  read() {
    return 0;
  }
}

const isName = (name) =>
  name !== "" &&
  name !== "." &&
  name !== ".." &&
  !StringPrototypeIncludes(name, "/") &&
  !StringPrototypeIncludes(name, "\0");

class Directory extends Node {
  kind = DIRECTORY;
  isWritable;
  /** Where a name is in `names` and `nodes`: in the order of adding, but that the last takes the place of one that is removed. */
  #places = new SafeMap();
  names = [];
  nodes = [];

  /** `entries` are pairs of names and nodes. */
  constructor(isWritable, entries = []) {
    super();
    this.isWritable = isWritable;
    for (let i = 0; i < entries.length; i++) this.put(entries[i][0], entries[i][1]);
  }

  /** The node of that name, or undefined. */
  find(name) {
    const place = this.#places.get(name);
    return place === undefined ? undefined : this.nodes[place];
  }

  add(name, node) {
    if (!this.isWritable) throw new Refusal(NOT_PERMITTED);
    if (!isName(name)) throw new Refusal(INVALID_PATH);
    if (this.#places.has(name)) throw new Refusal(ALREADY_EXISTS);
    this.put(name, node);
  }

  /** The same with no question asked, for who builds a tree. */
  put(name, node) {
    this.#places.set(name, this.names.length);
    ArrayPrototypePush(this.names, name);
    ArrayPrototypePush(this.nodes, node);
  }

  /** Whether there was such a node; a folder has to be empty, unless it is `recursive`. */
  remove(name, recursive) {
    if (!this.isWritable) throw new Refusal(READ_ONLY);
    const place = this.#places.get(name);
    if (place === undefined) return false;
    const node = this.nodes[place];
    if (node.kind === DIRECTORY && node.names.length > 0 && !recursive) throw new Refusal(NOT_EMPTY);
    this.#places.delete(name);
    const lastName = ArrayPrototypePop(this.names);
    const lastNode = ArrayPrototypePop(this.nodes);
    if (lastName !== name) {
      this.names[place] = lastName;
      this.nodes[place] = lastNode;
      this.#places.set(lastName, place);
    }
    return true;
  }
}

/** A symbolic link to an absolute path. */
class Link extends Node {
  kind = SYMLINK;
  isWritable = false;

  constructor(target) {
    super();
    this.target = target;
  }
}

/** A view of any class as a Uint8Array of the same memory; an empty one where the memory has gone. */
function bytesOf(view) {
  const bytes = ops.asUint8Array(view);
  return TypedArrayPrototypeGetLength(bytes) === 0 ? new Uint8Array(0) : bytes;
}

exports.bytesOf = bytesOf;
exports.FILE = FILE;
exports.DIRECTORY = DIRECTORY;
exports.SYMLINK = SYMLINK;
exports.NOT_DIRECTORY = NOT_DIRECTORY;
exports.NOT_EMPTY = NOT_EMPTY;
exports.READ_ONLY = READ_ONLY;
exports.NOT_PERMITTED = NOT_PERMITTED;
exports.ALREADY_EXISTS = ALREADY_EXISTS;
exports.TOO_MANY_OPEN_FILES = TOO_MANY_OPEN_FILES;
exports.INVALID_PATH = INVALID_PATH;
exports.TOO_LARGE = TOO_LARGE;
exports.TOO_MANY_LINKS = TOO_MANY_LINKS;
exports.Refusal = Refusal;
exports.MemoryFile = MemoryFile;
exports.BundledFile = BundledFile;
exports.Device = Device;
exports.NullDevice = NullDevice;
exports.FullDevice = FullDevice;
exports.RandomDevice = RandomDevice;
exports.StandardStream = StandardStream;
exports.Directory = Directory;
exports.Link = Link;
