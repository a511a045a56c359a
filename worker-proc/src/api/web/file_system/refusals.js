/*
 * What the standard's handles throw where a node refuses.
 */

const { PromiseReject, PromiseResolve } = primordials;
const DOMException = require("dom_exception");
const {
  ALREADY_EXISTS,
  INVALID_PATH,
  NOT_DIRECTORY,
  NOT_EMPTY,
  NOT_PERMITTED,
  READ_ONLY,
  Refusal,
  TOO_LARGE,
  TOO_MANY_LINKS,
} = require("file_system/nodes");

const EXCEPTIONS = {
  __proto__: null,
  [NOT_DIRECTORY]: ["NotSupportedError", "Not a directory"],
  [NOT_EMPTY]: ["InvalidModificationError", "Directory not empty"],
  [READ_ONLY]: ["InvalidStateError", "Read-only file system"],
  [NOT_PERMITTED]: ["NotAllowedError", "Operation not permitted"],
  [ALREADY_EXISTS]: ["InvalidStateError", "File already exists"],
  [INVALID_PATH]: ["TypeMismatchError", "Invalid file path"],
  [TOO_LARGE]: ["QuotaExceededError", "File size limit exceeded, please reduce the file size and try again"],
  [TOO_MANY_LINKS]: ["InvalidStateError", "Symbolic link depth exceeded, please check the symbolic links"],
};

/** The exception of an error that may be a refusal. */
function toException(error) {
  if (!(error instanceof Refusal)) return error;
  const { 0: name, 1: message } = EXCEPTIONS[error.reason];
  return DOMException.create(message, name);
}

/** A promise of what `work` gives or throws. */
function promised(work) {
  try {
    return PromiseResolve(work());
  } catch (error) {
    return PromiseReject(toException(error));
  }
}

exports.toException = toException;
exports.promised = promised;
