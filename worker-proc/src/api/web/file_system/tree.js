/*
 * The tree of the virtual file system: what a path leads to, and which files are open. Each context has a `/tmp`, a working directory and
 * open files of its own, which go with it; so has code at start-up, of which later code sees the open files alone.
 *
 * Paths are those of normalized `file:` URLs: absolute, with slashes, names percent-encoded.
 */

// own: directory, node (a folder); seen (a SafeSet); locks, open (a SafeMap)
const {
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  Error,
  RegExpPrototypeExec,
  SafeMap,
  SafeSet,
  StringPrototypeIncludes,
  StringPrototypeLastIndexOf,
  StringPrototypeSlice,
  StringPrototypeSplit,
  StringPrototypeStartsWith,
  TypeError,
} = primordials;
const {
  BundledFile,
  DIRECTORY,
  Device,
  Directory,
  FullDevice,
  Link,
  MemoryFile,
  NullDevice,
  READ_ONLY,
  RandomDevice,
  Refusal,
  SYMLINK,
  StandardStream,
  TOO_MANY_LINKS,
  TOO_MANY_OPEN_FILES,
} = require("file_system/nodes");

const MAX_PATH_CHARS = 4096;
const MAX_PATH_SEGMENTS = 48;
/** Links that one path may lead through. */
const MAX_LINKS = 256;
/** Files that a context may have open at a time. */
const MAX_OPEN_FILES = 65536;

const { PATH, SIZE } = ops.Entry;

/** `/bundle`, made when a worker first looks at a file. */
let bundle;
const devices = new Directory(false, [
  ["null", new NullDevice()],
  ["zero", new Device()],
  ["full", new FullDevice()],
  ["random", new RandomDevice()],
]);
const standardStreams = [new StandardStream(), new StandardStream(), new StandardStream()];
/** What code at start-up has. */
let startup;
/** Descriptors count up for as long as the isolate lives. */
let nextDescriptor = standardStreams.length;

function makeBundle() {
  const root = new Directory(false);
  const modules = ops.bundle();
  for (let i = 0; i < modules.length; i++) {
    if (modules[i][PATH] === null) continue;
    const parts = partsOf(modules[i][PATH]);
    const name = ArrayPrototypePop(parts);
    let directory = root;
    for (let j = 0; j < parts.length && directory?.kind === DIRECTORY; j++) {
      if (directory.find(parts[j]) === undefined) directory.put(parts[j], new Directory(false));
      directory = directory.find(parts[j]);
    }
    // A module whose path is another's folder, or leads through a file, has no place.
    if (name === undefined || directory.kind !== DIRECTORY || directory.find(name) !== undefined) continue;
    directory.put(name, new BundledFile(i, modules[i][SIZE]));
  }
  return root;
}

function newRoot() {
  bundle ??= makeBundle();
  return new Directory(false, [
    ["bundle", bundle],
    ["tmp", new Directory(true)],
    ["dev", devices],
  ]);
}

const newState = () => ({
  __proto__: null,
  root: newRoot(),
  directory: "/bundle",
  open: new SafeMap(),
  locks: new SafeMap(),
});

function current() {
  const state = ops.state();
  if (state === null) {
    startup ??= newState();
    return startup;
  }
  if (state !== undefined) return state;
  // What was written at start-up is gone.
  if (startup !== undefined) startup.root = newRoot();
  const made = newState();
  ops.keepState(made);
  return made;
}

/** The path that a `file:` URL means. */
function pathOf(href) {
  if (!StringPrototypeStartsWith(href, "file:")) throw new TypeError("File path must be a file: URL");
  if (!StringPrototypeStartsWith(href, "file:///")) throw new Error("File path must not have a host");
  let path = RegExpPrototypeExec(/^[^?#]*/, StringPrototypeSlice(href, "file://".length))[0];
  if (StringPrototypeIncludes(path, "%")) path = ops.normalizePath(path);
  if (path.length > MAX_PATH_CHARS) throw new Error("File path is too long");
  let segments = 0;
  for (let i = 0; i < path.length; i++) if (path[i] === "/") segments++;
  if (segments > MAX_PATH_SEGMENTS) throw new Error("File path has too many segments");
  return path;
}

/** The names that a path is made of. */
function partsOf(path) {
  const all = StringPrototypeSplit(path, "/");
  const parts = [];
  for (let i = 0; i < all.length; i++) if (all[i] !== "") ArrayPrototypePush(parts, all[i]);
  return parts;
}

const fromParts = (parts) => `/${ArrayPrototypeJoin(parts, "/")}`;

/** The folder's path and the name in it; a path that ends in a slash has no name. */
function split(path) {
  const at = StringPrototypeLastIndexOf(path, "/") + 1;
  return { __proto__: null, parent: StringPrototypeSlice(path, 0, at), name: StringPrototypeSlice(path, at) };
}

/**
 * The node at a path, or undefined. A link at its end is followed, unless `follow` is false. `seen` are the links that led here.
 */
function resolve(path, follow = true, seen = new SafeSet()) {
  const parts = partsOf(path);
  let node = current().root;
  for (let i = 0; i < parts.length; i++) {
    if (node.kind !== DIRECTORY) return undefined;
    node = node.find(parts[i]);
    if (node === undefined) return undefined;
    if (node.kind !== SYMLINK) continue;
    if (!follow) return i === parts.length - 1 ? node : undefined;
    node = target(node, seen);
    if (node === undefined) return undefined;
  }
  return node;
}

/** What a link leads to, or undefined. */
function target(link, seen = new SafeSet()) {
  if (seen.has(link) || seen.size === MAX_LINKS) throw new Refusal(TOO_MANY_LINKS);
  seen.add(link);
  return resolve(link.target, true, seen);
}

/** What a name in a folder leads to, or undefined. */
function lookUp(directory, name) {
  const node = directory.find(name);
  return node?.kind === SYMLINK ? target(node) : node;
}

/** The folder at a path, which is made with those above it where it is not there; what else is there is given as it is. */
function makeDirectories(path) {
  const parts = partsOf(path);
  for (let i = 1; i <= parts.length; i++) {
    const there = resolve(fromParts(ArrayPrototypeSlice(parts, 0, i)));
    if (there !== undefined) continue;
    let node = resolve(fromParts(ArrayPrototypeSlice(parts, 0, i - 1)));
    if (node?.kind !== DIRECTORY) return node;
    if (!node.isWritable) throw new Refusal(READ_ONLY);
    for (let j = i - 1; j < parts.length; j++) {
      const made = new Directory(true);
      node.add(parts[j], made);
      node = made;
    }
    return node;
  }
  return resolve(path);
}

/** The file at a path, made where nothing is. */
function makeFile(path) {
  const there = resolve(path);
  if (there !== undefined) return there;
  const { parent, name } = split(path);
  const directory = makeDirectories(parent);
  if (directory?.kind !== DIRECTORY) return undefined;
  const file = new MemoryFile();
  directory.add(name, file);
  return file;
}

/** Opens a node; gives the descriptor. */
function open(node, read, write, append) {
  const { open } = current();
  if (open.size === MAX_OPEN_FILES) throw new Refusal(TOO_MANY_OPEN_FILES);
  const descriptor = nextDescriptor++;
  open.set(descriptor, { __proto__: null, descriptor, node, read, write, append, position: 0 });
  return descriptor;
}

/** What a descriptor stands for, or undefined. */
function opened(descriptor) {
  const state = current();
  const found = state.open.get(descriptor) ?? (startup === undefined ? undefined : startup.open.get(descriptor));
  if (found !== undefined || standardStreams[descriptor] === undefined) return found;
  const node = standardStreams[descriptor];
  const made = { __proto__: null, descriptor, node, read: true, write: true, append: true, position: 0 };
  state.open.set(descriptor, made);
  return made;
}

/** Closes a descriptor; one that is not open is no error. */
function close(descriptor) {
  const { open } = current();
  if (!open.delete(descriptor) && startup !== undefined) startup.open.delete(descriptor);
}

/** Keeps a path, and every folder that leads to it, from being removed by handles, until `unlock`. */
function lock(path) {
  const { locks } = current();
  for (let at = path; at !== "/"; at = parentOf(at)) locks.set(at, (locks.get(at) ?? 0) + 1);
}

function unlock(path) {
  const { locks } = current();
  for (let at = path; at !== "/"; at = parentOf(at)) {
    const count = (locks.get(at) ?? 0) - 1;
    if (count > 0) locks.set(at, count);
    else locks.delete(at);
  }
}

const isLocked = (path) => current().locks.has(path);

const parentOf = (path) => fromParts(ArrayPrototypeSlice(partsOf(path), 0, -1));

/** The working directory. */
const workingDirectory = () => current().directory;
const setWorkingDirectory = (path) => {
  current().directory = path;
};

const newLink = (path) => new Link(fromParts(partsOf(path)));

exports.pathOf = pathOf;
exports.partsOf = partsOf;
exports.fromParts = fromParts;
exports.split = split;
exports.resolve = resolve;
exports.target = target;
exports.lookUp = lookUp;
exports.makeDirectories = makeDirectories;
exports.makeFile = makeFile;
exports.newLink = newLink;
exports.open = open;
exports.opened = opened;
exports.close = close;
exports.lock = lock;
exports.unlock = unlock;
exports.isLocked = isLocked;
exports.workingDirectory = workingDirectory;
exports.setWorkingDirectory = setWorkingDirectory;
