/*
 * The working directory, of a context: "/bundle" until it is changed, and "/" in workers that know of no files.
 */

const flags = require("flags");

const MAX_PATH_CHARS = 4096;

exports.cwd = function () {
  if (!flags.enableNodeJsProcessV2 && !flags.enableNodeJsFsModule) return "/";
  return require("file_system/tree").workingDirectory();
};

exports.chdir = function (path) {
  const { changeDirectory, failure } = require("node/fs/operations");
  const { validateString } = require("node/common/validators");
  validateString(path, "directory");
  if (path.length > MAX_PATH_CHARS) throw failure("ENAMETOOLONG", "chdir", path);
  if (path === "") throw failure("ENOENT", "chdir");
  changeDirectory(path);
};
