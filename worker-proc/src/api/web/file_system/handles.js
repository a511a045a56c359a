/*
 * The handles of the File System standard (section 2), and `navigator.storage`, whose directory is the root of the virtual file system.
 * A handle is a path: what it leads to may go and come.
 */

// own: directory (a folder); node (a file)
const {
  AsyncIteratorPrototype,
  Boolean,
  Error,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  SymbolAsyncIterator,
  TypeError,
  encodeURIComponent,
} = primordials;
const { fileFromBytes } = require("blob");
const DOMException = require("dom_exception");
const { DIRECTORY, Directory, FILE, MemoryFile, READ_ONLY, Refusal } = require("file_system/nodes");
const { promised, toException } = require("file_system/refusals");
const tree = require("file_system/tree");
const { openWritable } = require("file_system/writable");
const { hrefOf, parseURL } = require("url");
const {
  argumentError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
  toUSVString,
} = require("webidl");

const NO_ENTRY = "The entry was not found.";

const kCreate = { __proto__: null };

const notFound = (message) => DOMException.create(message, "NotFoundError");
const mismatch = (message) => DOMException.create(message, "TypeMismatchError");
const noModification = (message) => DOMException.create(message, "NoModificationAllowedError");

/** The path and the name of a handle. */
let stateOf;
let isHandle;

class FileSystemHandle {
  #path;
  #name;

  constructor(token, path, name) {
    if (token !== kCreate) throw illegalConstructor();
    this.#path = path;
    this.#name = name;
  }

  static {
    isHandle = (value) => isObject(value) && #path in value;
    stateOf = (handle) => {
      if (!isHandle(handle)) throw illegalInvocation();
      return { __proto__: null, path: handle.#path, name: handle.#name };
    };
  }

  get kind() {
    stateOf(this);
    return isFileHandle(this) ? FILE : DIRECTORY;
  }

  get name() {
    return stateOf(this).name;
  }

  isSameEntry(other) {
    return promised(() => {
      const { path } = stateOf(this);
      if (!isHandle(other)) throw argumentError("FileSystemHandle", "isSameEntry", 1, "FileSystemHandle");
      return isFileHandle(this) === isFileHandle(other) && path === stateOf(other).path;
    });
  }

  getUniqueId() {
    return promised(() => {
      const node = tree.resolve(stateOf(this).path);
      if (node === undefined) throw notFound(NO_ENTRY);
      return node.id;
    });
  }

  remove(options) {
    return promised(() => {
      const { path } = stateOf(this);
      const members = toDictionary(options, () => argumentError("FileSystemHandle", "remove", 1, "RemoveOptions"));
      if (tree.isLocked(path)) {
        throw noModification("Cannot remove a handle that is not writable or not a directory.");
      }
      const { parent, name } = tree.split(path);
      const directory = tree.resolve(parent);
      if (directory === undefined) throw notFound(NO_ENTRY);
      const isThere = directory.kind === DIRECTORY && tree.lookUp(directory, name) !== undefined;
      if (!isThere) throw notFound(NO_ENTRY);
      directory.remove(name, Boolean(members?.recursive));
    });
  }
}
defineInterface(FileSystemHandle);

let isFileHandle;

class FileSystemFileHandle extends FileSystemHandle {
  #brand;

  static {
    isFileHandle = (value) => #brand in value;
  }

  getFile() {
    return promised(() => {
      const { path, name } = fileStateOf(this);
      const node = tree.resolve(path);
      if (node === undefined) throw notFound("Not found");
      if (node.kind !== FILE) throw mismatch("Is a directory");
      return fileFromBytes(node.readAll(), "", name, node.modified);
    });
  }

  createWritable(options) {
    return promised(() => {
      const { path } = fileStateOf(this);
      const members = toDictionary(options, () =>
        argumentError("FileSystemFileHandle", "createWritable", 1, "FileSystemCreateWritableOptions"),
      );
      const node = tree.resolve(path);
      if (node === undefined) throw notFound("File not found");
      if (node.kind !== FILE) throw mismatch("Is a directory");
      const draft = members?.keepExistingData ? node.copy() : new MemoryFile();
      tree.lock(path);
      return openWritable(
        draft,
        (written) => replace(path, written),
        () => tree.unlock(path),
      );
    });
  }
}
defineInterface(FileSystemFileHandle);

function fileStateOf(handle) {
  const state = stateOf(handle);
  if (!isFileHandle(handle)) throw illegalInvocation();
  return state;
}

/** Gives a file what was written for it; the file is made again where it has gone. */
function replace(path, written) {
  const node = tree.makeFile(path);
  if (node === undefined) throw DOMException.create("Failed to open or create file", "InvalidStateError");
  if (node.kind !== FILE) throw mismatch("Is a directory");
  node.replace(written);
}

/** The path of a name in a folder: its characters are as those of a URL's path. */
function childPath(path, name, what) {
  const isName = name !== "" && name !== "." && name !== ".." && RegExpPrototypeExec(/[/\\]/, name) === null;
  if (!isName) throw new TypeError(`Invalid ${what}`);
  const escaped = RegExpPrototypeSymbolReplace(/[#?]/g, name, encodeURIComponent);
  const parent = path === "/" ? path : `${path}/`;
  const url = parseURL(`./${escaped}`, `file://${parent}`);
  const child = url === null ? undefined : tree.pathOf(hrefOf(url));
  // What a URL takes for a step to another folder is no name either.
  if (child === undefined || tree.split(child).parent !== parent || child === parent) {
    throw new TypeError(`Invalid ${what}`);
  }
  return child;
}

/** The folder of a handle. */
function directoryOf(handle, message) {
  const node = tree.resolve(directoryStateOf(handle).path);
  if (node === undefined) throw notFound(message);
  if (node.kind !== DIRECTORY) throw mismatch("Not a directory");
  return node;
}

function directoryStateOf(handle) {
  const state = stateOf(handle);
  if (isFileHandle(handle)) throw illegalInvocation();
  return state;
}

/** The node of a path in its folder, made by `make` where it is asked for and not there. */
function open(directory, path, make) {
  const { name } = tree.split(path);
  const node = tree.lookUp(directory, name);
  if (node !== undefined || make === undefined || directory.find(name) !== undefined) return node;
  if (!directory.isWritable) throw new Refusal(READ_ONLY);
  const made = make();
  directory.add(name, made);
  return made;
}

const className = "FileSystemDirectoryHandle";

/** The arguments of a method: a name and whether `option` is set. */
function toArguments(args, method, option, dictionary) {
  if (args.length < 1) throw argumentError(className, method, 1, "USVString");
  const name = toUSVString(args[0]);
  const members = toDictionary(args[1], () => argumentError(className, method, 2, dictionary));
  return { __proto__: null, name, isSet: Boolean(members?.[option]) };
}

class FileSystemDirectoryHandle extends FileSystemHandle {
  getFileHandle() {
    return promised(() => {
      const state = directoryStateOf(this);
      const { name, isSet } = toArguments(arguments, "getFileHandle", "create", "FileSystemGetFileOptions");
      const path = childPath(state.path, name, "file name");
      const directory = directoryOf(this, "Directory not found");
      const node = open(directory, path, isSet ? () => new MemoryFile() : undefined);
      if (node === undefined) throw notFound("Not found");
      if (node.kind === DIRECTORY) throw mismatch("File name is a directory");
      return new FileSystemFileHandle(kCreate, path, name);
    });
  }

  getDirectoryHandle() {
    return promised(() => {
      const state = directoryStateOf(this);
      const { name, isSet } = toArguments(arguments, "getDirectoryHandle", "create", "FileSystemGetDirectoryOptions");
      const path = childPath(state.path, name, "directory name");
      const directory = directoryOf(this, "Directory not found");
      const node = open(directory, path, isSet ? () => new Directory(true) : undefined);
      if (node === undefined) throw notFound("Directory not opened or created");
      if (node.kind === FILE) throw mismatch("File name is a file");
      return new FileSystemDirectoryHandle(kCreate, path, name);
    });
  }

  removeEntry() {
    return promised(() => {
      const state = directoryStateOf(this);
      const { name, isSet } = toArguments(arguments, "removeEntry", "recursive", "FileSystemRemoveOptions");
      const path = childPath(state.path, name, "name");
      const directory = directoryOf(this, "Not found");
      if (tree.isLocked(path)) throw noModification("Cannot remove an entry that is currently locked.");
      if (!directory.remove(tree.split(path).name, isSet)) throw notFound("File not found");
    });
  }

  resolve() {
    return promised(() => {
      directoryStateOf(this);
      throw new Error("Not implemented");
    });
  }

  entries() {
    return newEntryIterator(entriesOf(this), (handle) => [stateOf(handle).name, handle]);
  }

  keys() {
    return newKeyIterator(entriesOf(this), (handle) => stateOf(handle).name);
  }

  values() {
    return newValueIterator(entriesOf(this), (handle) => handle);
  }

  forEach(callback, thisArg) {
    directoryStateOf(this);
    if (typeof callback !== "function") throw argumentError(className, "forEach", 1, "function");
    const entries = entriesOf(this);
    if (entries === undefined) throw notFound("Not found");
    for (let i = 0; i < entries.length; i++) {
      FunctionPrototypeCall(callback, thisArg ?? undefined, stateOf(entries[i]).name, entries[i], this);
    }
  }
}
defineInterface(FileSystemDirectoryHandle);
ObjectDefineProperty(FileSystemDirectoryHandle.prototype, SymbolAsyncIterator, {
  __proto__: null,
  value: FileSystemDirectoryHandle.prototype.entries,
  writable: true,
  enumerable: false,
  configurable: true,
});

/** Handles of what is in a folder now; undefined if there is no such folder. */
function entriesOf(handle) {
  const { path } = directoryStateOf(handle);
  try {
    const directory = tree.resolve(path);
    if (directory === undefined) return undefined;
    if (directory.kind !== DIRECTORY) throw mismatch("Not a directory");
    const entries = [];
    for (let i = 0; i < directory.names.length; i++) {
      const name = directory.names[i];
      const node = tree.lookUp(directory, name);
      if (node === undefined) continue;
      const Class = node.kind === DIRECTORY ? FileSystemDirectoryHandle : FileSystemFileHandle;
      entries[entries.length] = new Class(kCreate, path === "/" ? `/${name}` : `${path}/${name}`, name);
    }
    return entries;
  } catch (error) {
    throw toException(error);
  }
}

/** A function that makes iterators of the class of that name; one over no folder fails when it is first asked. */
function asyncIteratorFactory(name) {
  class Iterator {
    #entries;
    #toItem;
    #next = 0;

    constructor(token, entries, toItem) {
      if (token !== kCreate) throw illegalConstructor();
      this.#entries = entries;
      this.#toItem = toItem;
    }

    next() {
      return promised(() => {
        if (!(#next in this)) throw illegalInvocation();
        if (this.#entries === undefined) throw notFound("Not found");
        if (this.#next >= this.#entries.length) return { done: true, value: undefined };
        return { done: false, value: this.#toItem(this.#entries[this.#next++]) };
      });
    }

    return(value) {
      return promised(() => {
        if (!(#next in this)) throw illegalInvocation();
        this.#entries = [];
        return { done: true, value };
      });
    }
  }
  defineInterface(Iterator, { name });
  ObjectSetPrototypeOf(Iterator.prototype, AsyncIteratorPrototype);
  return (entries, toItem) => new Iterator(kCreate, entries, toItem);
}

const newEntryIterator = asyncIteratorFactory("EntryIterator");
const newKeyIterator = asyncIteratorFactory("KeyIterator");
const newValueIterator = asyncIteratorFactory("ValueIterator");

class StorageManager {
  #brand;

  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  getDirectory() {
    return promised(() => {
      if (!(#brand in this)) throw illegalInvocation();
      return new FileSystemDirectoryHandle(kCreate, "/", "");
    });
  }
}
defineInterface(StorageManager);

exports.globals = {
  FileSystemHandle,
  FileSystemFileHandle,
  FileSystemDirectoryHandle,
  StorageManager,
  storage: new StorageManager(kCreate),
};
