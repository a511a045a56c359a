/*
 * What `node:fs` does to the tree, once arguments are checked: on `file:` URLs and descriptors, with the published binary's errors,
 * which name its internal calls.
 */

// own: node (a file); directory, parent, writableDirectory() (a folder); above (a SafeSet)
const {
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  DatePrototypeGetTime,
  Error,
  Number,
  NumberIsNaN,
  SafeSet,
  StringPrototypeStartsWith,
  TypeError,
  TypedArrayPrototypeGetLength,
} = primordials;
const { NOT_A_DATE, AFTER_LAST_DATE } = require("webidl");
const { blobFromBytes } = require("blob");
const {
  ALREADY_EXISTS,
  DIRECTORY,
  Directory,
  FILE,
  INVALID_PATH,
  MemoryFile,
  NOT_DIRECTORY,
  NOT_EMPTY,
  Refusal,
  SYMLINK,
  TOO_LARGE,
  TOO_MANY_LINKS,
  TOO_MANY_OPEN_FILES,
  bytesOf,
} = require("file_system/nodes");
const tree = require("file_system/tree");
const { constants } = require("node/fs/constants");

const MAX_POSITION = 0xffffffff;
/** In milliseconds: as many nanoseconds as a 64-bit integer has, before and after the epoch. */
const MAX_TIME = 9_223_372_036_854;

const MESSAGES = {
  __proto__: null,
  EBADF: "bad file descriptor",
  EEXIST: "file already exists",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "illegal operation on a directory",
  ENAMETOOLONG: "name too long",
  ELOOP: "too many symbolic links encountered",
  EMFILE: "too many open files",
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  EPERM: "operation not permitted",
};

/** The error of a call that failed; a message of its own does not tell the path. */
function failure(code, syscall, path, message) {
  const shown = path === undefined ? MESSAGES[code] : `${MESSAGES[code]}, ${syscall} '${path}'`;
  const error = new Error(message ?? shown);
  error.syscall = syscall;
  error.code = code;
  if (path !== undefined) error.path = path;
  return error;
}

const REASONS = {
  __proto__: null,
  [NOT_DIRECTORY]: ["ENOTDIR"],
  [NOT_EMPTY]: ["ENOTEMPTY"],
  [TOO_MANY_OPEN_FILES]: ["EMFILE"],
  [ALREADY_EXISTS]: ["EEXIST"],
  [INVALID_PATH]: ["EINVAL", "Invalid path"],
  [TOO_LARGE]: ["EPERM", "File size limit exceeded"],
  [TOO_MANY_LINKS]: ["ELOOP", "symlink depth exceeded"],
};

/** Does something on the tree; what a node refuses is the call's error. */
function attempt(syscall, path, work) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { 0: code, 1: message } = REASONS[error.reason] ?? ["EPERM"];
    throw failure(code, syscall, path, message);
  }
}

const isDescriptor = (where) => typeof where === "number";

/** An open file; `syscall` is what an error names. */
function opened(descriptor, syscall) {
  const found = tree.opened(descriptor);
  if (found === undefined) throw failure("EBADF", syscall);
  return found;
}

/** The node, or null. */
function stat(where, follow) {
  if (isDescriptor(where)) return opened(where, "fstat").node;
  const path = tree.pathOf(where);
  return attempt("stat", undefined, () => tree.resolve(path, follow)) ?? null;
}

function toTime(date) {
  const time = DatePrototypeGetTime(date);
  if (NumberIsNaN(time)) throw new TypeError(NOT_A_DATE);
  if (time > MAX_TIME) throw new TypeError(AFTER_LAST_DATE);
  if (time < -MAX_TIME) throw new TypeError("This API doesn't support dates before 1687.");
  return time;
}

function setModified(where, date, follow = true) {
  const time = toTime(date);
  let node;
  if (isDescriptor(where)) {
    ({ node } = opened(where, "futimes"));
  } else {
    const path = tree.pathOf(where);
    node = attempt("futimes", undefined, () => tree.resolve(path, follow));
    if (node === undefined) throw failure("ENOENT", "utimes", path);
  }
  if (node.kind === FILE) attempt("futimes", undefined, () => node.setModified(time));
}

function truncate(where, size) {
  let node;
  if (isDescriptor(where)) {
    ({ node } = opened(where, "ftruncate"));
  } else {
    const path = tree.pathOf(where);
    node = attempt("ftruncate", undefined, () => tree.resolve(path));
    if (node === undefined) throw failure("ENOENT", "ftruncate", path);
  }
  requireFile(node, "ftruncate");
  attempt("ftruncate", undefined, () => node.resize(size));
}

function requireFile(node, syscall) {
  if (node.kind === DIRECTORY) throw failure("EISDIR", syscall);
  if (node.kind === SYMLINK) throw failure("EINVAL", syscall);
}

/** What a link leads to, or, if it need not be a link, the path itself. */
function readLink(href, hasToBeLink) {
  const path = tree.pathOf(href);
  const node = attempt("readlink", path, () => tree.resolve(path, false));
  if (node === undefined) throw failure("ENOENT", "readlink", path);
  if (node.kind === SYMLINK) return node.target;
  if (hasToBeLink) throw failure("EINVAL", "readlink");
  return tree.fromParts(tree.partsOf(path));
}

/** Makes `href` a link to `targetHref`: a symbolic one, or another name of the same file. */
function link(href, targetHref, isSymbolic) {
  const path = tree.pathOf(href);
  const targetPath = tree.pathOf(targetHref);
  attempt("link", undefined, () => {
    if (tree.resolve(path) !== undefined) throw failure("EEXIST", "link", undefined, "File already exists");
    const { parent, name } = tree.split(path);
    if (name === "") throw failure("EINVAL", "link", undefined, "Invalid filename");
    const directory = tree.resolve(parent);
    if (directory === undefined) throw failure("ENOENT", "link", targetPath, "Directory does not exist");
    if (directory.kind !== DIRECTORY) throw failure("EINVAL", "link", undefined, "Not a directory");
    if (isSymbolic) {
      directory.add(name, tree.newLink(targetPath));
      return;
    }
    const node = tree.resolve(targetPath, false);
    if (node === undefined) throw failure("ENOENT", "link", targetPath, "File not found");
    if (node.kind === DIRECTORY) throw failure("EPERM", "link", undefined, "Cannot hardlink to a directory");
    directory.add(name, node);
  });
}

function unlink(href) {
  const { parent, name } = tree.split(tree.pathOf(href));
  attempt("unlink", undefined, () => {
    const directory = tree.resolve(parent);
    if (directory !== undefined && directory.kind !== DIRECTORY) {
      throw failure("ENOTDIR", "unlink", undefined, "Parent path is not a directory");
    }
    const node = directory === undefined ? undefined : tree.lookUp(directory, name);
    if (node === undefined) throw failure("ENOENT", "unlink", name, "File not found");
    if (node.kind === DIRECTORY) throw failure("EISDIR", "unlink", undefined, "Cannot unlink a directory");
    directory.remove(name, false);
  });
}

/** Opens a file by the bits of `flags`; gives the descriptor. */
function open(href, flags) {
  const path = tree.pathOf(href);
  const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } = constants;
  const write = (flags & (O_WRONLY | O_RDWR)) !== 0;
  const read = (flags & O_WRONLY) === 0 || (flags & O_RDWR) !== 0;
  return attempt("open", path, () => {
    let node = tree.resolve(path);
    if (node !== undefined) {
      if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) throw failure("EEXIST", "open", path);
      if (write && node.kind === DIRECTORY) throw failure("EISDIR", "open", path);
      if (write && !node.isWritable) throw failure("EPERM", "open", path);
      if (write && (flags & O_TRUNC) !== 0 && !node.isDevice) node.resize(0);
    } else {
      node = create(path, (flags & O_CREAT) !== 0);
    }
    return tree.open(node, read, write, (flags & O_APPEND) !== 0);
  });
}

function create(path, isAllowed) {
  const parts = tree.partsOf(path);
  const parent = tree.resolve(tree.fromParts(ArrayPrototypeSlice(parts, 0, -1)));
  if (parent !== undefined && parent.kind !== DIRECTORY) throw failure("ENOTDIR", "open", path);
  if (parent === undefined || !isAllowed) throw failure("ENOENT", "open", path);
  const name = parts[parts.length - 1];
  // A link that leads nowhere.
  if (parent.find(name) !== undefined) throw failure("EIO", "open", path);
  const file = new MemoryFile();
  parent.add(name, file);
  return file;
}

/** The place in the file that is meant by a position of the call, if it has one. */
function place(position, file, syscall) {
  if (position === null || position === undefined) return file.position;
  if (typeof position === "bigint" && position < 0n) {
    const reason = "it is either negative and this API expects a positive bigint, or the value would be truncated.";
    throw new TypeError(`The value cannot be converted because ${reason}`);
  }
  if (position > MAX_POSITION) throw failure("EINVAL", syscall, undefined, "position out of range");
  return Number(position);
}

/** Writes the views one after another; gives the bytes that were written. */
function write(descriptor, views, position) {
  const file = opened(descriptor, "write");
  const { node } = file;
  requireFile(node, "write");
  let at = file.append ? node.size : place(position, file, "write");
  let total = 0;
  attempt("write", undefined, () => {
    for (let i = 0; i < views.length; i++) {
      const written = node.write(at, bytesOf(views[i]));
      at += written;
      total += written;
    }
  });
  if (position === null && !file.append) file.position += total;
  return total;
}

/** Reads into the views one after another; gives the bytes that were read. */
function read(descriptor, views, position) {
  const file = opened(descriptor, "read");
  if (!file.read) throw failure("EBADF", "read");
  const { node } = file;
  requireFile(node, "read");
  let at = place(position, file, "read");
  let total = 0;
  for (let i = 0; i < views.length; i++) {
    const view = bytesOf(views[i]);
    const count = node.read(at, view);
    at += count;
    total += count;
    if (count < TypedArrayPrototypeGetLength(view)) break;
  }
  if (position === null) file.position += total;
  return total;
}

/** All of a file, as a Uint8Array. */
function readAll(where) {
  if (isDescriptor(where)) {
    const file = opened(where, "fread");
    if (!file.read || file.node.kind !== FILE) throw failure("EBADF", "fread");
    file.position = file.node.size;
    return file.node.readAll();
  }
  const path = tree.pathOf(where);
  const node = attempt("readAll", undefined, () => tree.resolve(path));
  if (node === undefined) throw failure("ENOENT", "readAll", path);
  requireFile(node, "readAll");
  return node.readAll();
}

/** Replaces what is in a file, or appends to it; gives the bytes that were written. */
function writeAll(where, view, append, isExclusive) {
  const bytes = bytesOf(view);
  if (isDescriptor(where)) return writeAllOpen(where, bytes, append);
  const path = tree.pathOf(where);
  return attempt("writeAll", undefined, () => {
    const there = tree.resolve(path);
    if (there !== undefined) {
      if (isExclusive) throw failure("EEXIST", "writeAll");
      return fill(there, bytes, append, "writeAll");
    }
    const { parent, name } = tree.split(path);
    const directory = tree.resolve(parent);
    if (directory === undefined) throw failure("ENOENT", "writeAll", path);
    if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", "writeAll");
    if (!directory.isWritable) throw failure("EPERM", "writeAll");
    const file = new MemoryFile();
    const written = file.write(0, bytes);
    directory.add(name, file);
    return written;
  });
}

function writeAllOpen(descriptor, bytes, append) {
  const file = opened(descriptor, "fwrite");
  if (!file.write || file.node.kind !== FILE) throw failure("EBADF", "fwrite");
  const written = fill(file.node, bytes, append || file.append, "fwrite");
  file.position = file.node.size;
  return written;
}

function fill(node, bytes, append, syscall) {
  requireFile(node, syscall);
  if (!node.isWritable) throw failure("EPERM", syscall);
  return attempt(syscall, undefined, () => {
    if (append) return node.write(node.size, bytes);
    // The bytes may be refused, and the file stays as it is then.
    const written = node.write(0, bytes);
    node.resize(written);
    return written;
  });
}

/** Makes a folder; gives the topmost that had to be made above it. */
function makeDirectory(href, isRecursive) {
  const path = tree.pathOf(href);
  return attempt("mkdir", undefined, () => {
    const there = tree.resolve(path, false);
    if (there !== undefined) {
      if (there.kind !== DIRECTORY) throw failure("EEXIST", "mkdir");
      return undefined;
    }
    if (isRecursive) return makeDirectories(path);
    const { parent, name } = tree.split(path);
    writableDirectory(parent, name).add(name, new Directory(true));
    return undefined;
  });
}

function makeDirectories(path) {
  const parts = tree.partsOf(path);
  let directory = tree.resolve("/");
  let first;
  for (let i = 0; i < parts.length; i++) {
    const isLast = i === parts.length - 1;
    const there = isLast ? undefined : tree.lookUp(directory, parts[i]);
    if (there !== undefined) {
      if (there.kind !== DIRECTORY) throw failure("ENOTDIR", "mkdir");
      directory = there;
      continue;
    }
    if (!directory.isWritable) throw failure("EPERM", "mkdir");
    const made = new Directory(true);
    directory.add(parts[i], made);
    directory = made;
    if (!isLast) first ??= tree.fromParts(ArrayPrototypeSlice(parts, 0, i + 1));
  }
  return first;
}

/** The folder in which `name` is to be made. */
function writableDirectory(path, name) {
  const directory = tree.resolve(path);
  if (directory === undefined) throw failure("ENOENT", "mkdir", name === "" ? undefined : name);
  if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", "mkdir");
  if (!directory.isWritable) throw failure("EPERM", "mkdir");
  return directory;
}

let temporaryDirectories = 0;

/** Makes a folder whose path begins so; gives the path, or undefined if there is no name to begin with. */
function makeTemporaryDirectory(href) {
  const path = tree.pathOf(href);
  return attempt("mkdir", undefined, () => {
    const there = tree.resolve(path, false);
    if (there?.kind === DIRECTORY) return undefined;
    if (there !== undefined) throw failure("EEXIST", "mkdir");
    const { parent, name } = tree.split(path);
    const directory = writableDirectory(parent, name);
    const full = `${name}${temporaryDirectories++}`;
    directory.add(full, new Directory(true));
    return `${parent}${full}`;
  });
}

/** Removes what is at a path; what is not there is no error, unless it is to be a folder. */
function remove(href, isRecursive, hasToBeDirectory) {
  const path = tree.pathOf(href);
  const parts = tree.partsOf(path);
  if (parts.length === 0) throw failure("EPERM", "rm");
  // A slash at the end changes nothing.
  const name = parts[parts.length - 1];
  attempt("rm", undefined, () => {
    const directory = tree.resolve(tree.fromParts(ArrayPrototypeSlice(parts, 0, -1)));
    if (directory === undefined) throw failure("ENOENT", "rm", name);
    if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", "rm", name);
    if (!directory.isWritable) throw failure("EPERM", "rm");
    if (hasToBeDirectory) {
      const node = tree.lookUp(directory, name);
      if (node === undefined) throw failure("ENOENT", "rm", name);
      if (node.kind !== DIRECTORY) throw failure("ENOTDIR", "rm");
    }
    attempt("rm", name, () => directory.remove(name, isRecursive));
  });
}

const { UV_DIRENT_CHAR, UV_DIRENT_DIR, UV_DIRENT_FILE, UV_DIRENT_LINK } = constants;

function direntType(node) {
  if (node.kind === DIRECTORY) return UV_DIRENT_DIR;
  if (node.kind === SYMLINK) return UV_DIRENT_LINK;
  return node.isDevice ? UV_DIRENT_CHAR : UV_DIRENT_FILE;
}

/** What is in a folder: names, types, and the paths of their folders. With all that is below it, names are paths. */
function readDirectory(href, isRecursive) {
  const path = tree.pathOf(href);
  const directory = attempt("readdir", path, () => tree.resolve(path, false));
  if (directory === undefined) throw failure("ENOENT", "readdir", path);
  if (directory.kind === SYMLINK) throw failure("EINVAL", "readdir", path);
  if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", "readdir", path);
  const entries = [];
  attempt("readdir", undefined, () => list(directory, tree.partsOf(path), isRecursive, entries, new SafeSet([directory])));
  return entries;
}

/** `above` are the links and folders that led here: a circle is an error. */
function list(directory, parts, isRecursive, entries, above) {
  const parentPath = tree.fromParts(parts);
  const { names, nodes } = directory;
  for (let i = 0; i < names.length; i++) {
    const node = nodes[i];
    const inner = ArrayPrototypeSlice(parts);
    ArrayPrototypePush(inner, names[i]);
    ArrayPrototypePush(entries, {
      __proto__: null,
      name: isRecursive ? ArrayPrototypeJoin(inner, "/") : names[i],
      parentPath,
      type: direntType(node),
    });
    if (!isRecursive) continue;
    const below = node.kind === SYMLINK ? tree.target(node) : node;
    if (below?.kind !== DIRECTORY) continue;
    if (above.has(below)) throw new Refusal(TOO_MANY_LINKS);
    above.add(below);
    list(below, inner, true, entries, above);
    above.delete(below);
  }
}

/** The file as a Blob. */
function openAsBlob(href, type) {
  const path = tree.pathOf(href);
  const node = attempt("open", path, () => tree.resolve(path));
  if (node === undefined) throw failure("ENOENT", "open", path);
  requireFile(node, "open");
  return blobFromBytes(node.readAll(), type);
}

/** Makes the folder of that path, seen from the working one, the working one; its names are taken as they are. */
function changeDirectory(path) {
  const isAbsolute = StringPrototypeStartsWith(path, "/");
  const parts = isAbsolute ? [] : tree.partsOf(tree.workingDirectory());
  const steps = tree.partsOf(path);
  for (let i = 0; i < steps.length; i++) {
    if (steps[i] === "..") ArrayPrototypePop(parts);
    else if (steps[i] !== ".") ArrayPrototypePush(parts, steps[i]);
  }
  const to = tree.fromParts(parts);
  let node;
  try {
    node = tree.resolve(to);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  const shown = ArrayPrototypeJoin(parts, "/");
  if (node === undefined) throw failure("ENOENT", "chdir", shown);
  if (node.kind !== DIRECTORY) throw failure("ENOTDIR", "chdir", shown);
  tree.setWorkingDirectory(to);
}

exports.attempt = attempt;
exports.close = tree.close;
exports.failure = failure;
exports.stat = stat;
exports.setModified = setModified;
exports.truncate = truncate;
exports.readLink = readLink;
exports.link = link;
exports.unlink = unlink;
exports.open = open;
exports.write = write;
exports.read = read;
exports.readAll = readAll;
exports.writeAll = writeAll;
exports.makeDirectory = makeDirectory;
exports.makeTemporaryDirectory = makeTemporaryDirectory;
exports.remove = remove;
exports.readDirectory = readDirectory;
exports.openAsBlob = openAsBlob;
exports.changeDirectory = changeDirectory;
