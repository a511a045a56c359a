/*
 * Files and folders to other places: `rename`, `copyFile` and `cp`.
 */

// own: directory, from, to (a folder)
const { ArrayPrototypeSlice, Error, ObjectAssign, StringPrototypeStartsWith } = primordials;
const { DIRECTORY, Directory, FILE, SYMLINK } = require("file_system/nodes");
const tree = require("file_system/tree");
const { attempt, failure } = require("node/fs/operations");

/** The folder that a path is in, and the name there. */
function placeOf(path, syscall) {
  const { parent, name } = tree.split(path);
  const directory = tree.resolve(parent);
  if (directory === undefined) throw failure("ENOENT", syscall, name === "" ? undefined : name);
  if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", syscall);
  if (!directory.isWritable) throw failure("EPERM", syscall);
  return { __proto__: null, directory, name };
}

/** Whether a folder is below another or the same. */
function isInside(directory, outer) {
  if (directory === outer) return true;
  for (let i = 0; i < outer.nodes.length; i++) {
    if (outer.nodes[i].kind === DIRECTORY && isInside(directory, outer.nodes[i])) return true;
  }
  return false;
}

/** Throws where a node cannot take the place of one that is there. */
function checkReplaced(existing, node, syscall) {
  if (existing.kind === DIRECTORY) {
    if (node.kind !== DIRECTORY) throw failure("EISDIR", syscall);
    if (existing.names.length > 0) throw failure("ENOTEMPTY", syscall);
  } else if (node.kind === DIRECTORY) {
    throw failure("ENOTDIR", syscall);
  }
}

function rename(fromHref, toHref) {
  const fromPath = tree.pathOf(fromHref);
  const toPath = tree.pathOf(toHref);
  attempt("rename", undefined, () => {
    const to = placeOf(toPath, "rename");
    const from = placeOf(fromPath, "rename");
    const node = tree.resolve(fromPath);
    if (node === undefined) throw failure("ENOENT", "rename", fromPath);
    if (from.directory === to.directory && from.name === to.name) return;
    const existing = to.directory.find(to.name);
    if (existing !== undefined && existing !== node) checkReplaced(existing, node, "rename");
    if (node.kind === DIRECTORY && isInside(to.directory, node)) throw failure("EINVAL", "rename");
    if (existing !== undefined) to.directory.remove(to.name, true);
    to.directory.add(to.name, node);
    from.directory.remove(from.name, true);
  });
}

function copyFile(fromHref, toHref) {
  const fromPath = tree.pathOf(fromHref);
  const toPath = tree.pathOf(toHref);
  attempt("copy", undefined, () => {
    const { directory, name } = placeOf(toPath, "copy");
    const node = tree.resolve(fromPath);
    if (node === undefined) throw failure("ENOENT", "copy", fromPath);
    const existing = directory.find(name);
    if (node.kind === DIRECTORY || existing?.kind === DIRECTORY) throw failure("EISDIR", "copy");
    const copied = node.copy();
    directory.remove(name, false);
    directory.add(name, copied);
  });
}

const CP_MESSAGES = {
  __proto__: null,
  ERR_FS_CP_EEXIST: "File already exists",
  ERR_FS_CP_DIR_TO_NON_DIR: "Cannot copy directory to non-directory",
  ERR_FS_CP_NON_DIR_TO_DIR: "Cannot copy non-directory to directory",
  ERR_FS_EISDIR: "Expected a file but found a directory",
};
const cpFailure = (code, message) => ObjectAssign(new Error(message ?? CP_MESSAGES[code]), { code });

/** `options` has dereference, recursive, force, errorOnExist. */
function cp(fromHref, toHref, options) {
  const from = tree.pathOf(fromHref);
  const to = tree.pathOf(toHref);
  if (from === to) throw new Error("Source and destination paths must not be the same");
  const isRoot = from === "/";
  if (StringPrototypeStartsWith(to, isRoot ? from : `${from}/`) && to.length > from.length + (isRoot ? 0 : 1)) {
    throw cpFailure("ERR_FS_CP_EINVAL", `Cannot copy '${from}' to a subdirectory of itself, '${to}'`);
  }
  attempt("cp", undefined, () => {
    const node = tree.resolve(from, options.dereference);
    const existing = tree.resolve(to, options.dereference);
    if (node === undefined) throw failure("ENOENT", "cp", from);
    if (node.kind === DIRECTORY) cpDirectory(node, existing, to, options);
    else cpOne(node, existing, to, options);
  });
}

function cpDirectory(node, existing, to, options) {
  if (!options.recursive) throw cpFailure("ERR_FS_EISDIR");
  if (existing?.kind === FILE) throw cpFailure("ERR_FS_CP_DIR_TO_NON_DIR");
  if (existing?.kind === SYMLINK) throw failure("ENOTDIR", "cp");
  const target = existing ?? tree.makeDirectories(to);
  if (target === undefined) throw failure("EINVAL", "cp");
  if (target.kind !== DIRECTORY) throw failure("ENOTDIR", "cp");
  if (target !== node && isInside(target, node)) throw cpFailure("ERR_FS_CP_EINVAL", "Invalid cp operation");
  merge(node, target, options);
}

/** A file or a link. */
function cpOne(node, existing, to, options) {
  if (existing?.kind === DIRECTORY) {
    throw node.kind === FILE ? cpFailure("ERR_FS_CP_NON_DIR_TO_DIR") : failure("ENOTDIR", "cp");
  }
  if (existing !== undefined && !options.force) {
    if (options.errorOnExist) throw cpFailure("ERR_FS_CP_EEXIST");
    return;
  }
  const { parent, name } = tree.split(to);
  const directory = tree.makeDirectories(parent);
  if (directory === undefined) throw failure("EINVAL", "cp");
  if (directory.kind !== DIRECTORY) throw failure("ENOTDIR", "cp");
  const copied = node.kind === FILE ? node.copy() : node;
  directory.remove(name, false);
  directory.add(name, copied);
}

/** Copies what is in a folder into another. */
function merge(from, to, options) {
  if (!to.isWritable) throw failure("EPERM", "cp", undefined, "Destination directory is not writable");
  if (from === to) throw failure("EINVAL", "cp", undefined, "Source and destination directories are the same");
  const names = ArrayPrototypeSlice(from.names);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const node = from.find(name);
    const existing = options.dereference ? tree.lookUp(to, name) : to.find(name);
    if (node.kind === DIRECTORY) mergeDirectory(node, existing, to, name, options);
    else mergeOne(node, existing, to, name, options);
  }
}

function mergeDirectory(node, existing, to, name, options) {
  if (existing?.kind === FILE) throw failure("ENOTDIR", "cp", undefined, `Cannot copy directory to file: ${name}`);
  if (existing?.kind === SYMLINK) {
    throw failure("EISDIR", "cp", undefined, `Cannot copy directory to symbolic link: ${name}`);
  }
  const inner = existing ?? new Directory(true);
  if (existing === undefined) to.add(name, inner);
  merge(node, inner, options);
}

function mergeOne(node, existing, to, name, options) {
  if (existing?.kind === DIRECTORY) {
    const what = node.kind === FILE ? "file" : "link";
    throw failure("EISDIR", "cp", undefined, `Cannot copy ${what} to directory: ${name}`);
  }
  if (existing !== undefined) {
    if (existing === node) return;
    if (!options.force) {
      if (options.errorOnExist) throw failure("EEXIST", "cp", undefined, `Destination already exists: ${name}`);
      return;
    }
  }
  const copied = node.kind === FILE ? node.copy() : node;
  to.remove(name, false);
  to.add(name, copied);
}

exports.rename = rename;
exports.copyFile = copyFile;
exports.cp = cp;
