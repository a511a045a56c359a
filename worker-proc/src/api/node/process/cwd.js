/*
 * The working directory: "/" or, with the virtual file system, "/bundle" until it is changed.
 */

const { ArrayPrototypeIncludes, Error, ObjectAssign } = primordials;
const flags = require("flags");

const MAX_PATH_CHARS = 4096;
let directory;

exports.cwd = () => directory ?? (flags.enableNodeJsFsModule ? "/bundle" : "/");

exports.chdir = function (path) {
  const { validateString } = require("node/common/validators");
  validateString(path, "directory");
  if (path.length > MAX_PATH_CHARS) throw failure("ENAMETOOLONG", -36, "name too long", path);
  const resolved = require("node:path").posix.resolve(exports.cwd(), path);
  if (!ArrayPrototypeIncludes(["/", "/bundle", "/tmp", "/dev"], resolved)) {
    throw failure("ENOENT", -2, "no such file or directory", path);
  }
  directory = resolved;
};

function failure(code, errno, message, path) {
  const error = new Error(`${code}: ${message}, chdir ${exports.cwd()} -> '${path}'`);
  return ObjectAssign(error, { errno, code, syscall: "chdir", path: exports.cwd(), dest: path });
}
