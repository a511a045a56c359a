/* The errors of the AI modules, and how they are made of what the service answers. */
const { Error, JSONParse } = primordials;
const { textOf } = require("wrapped/calls");

/** A class of errors whose instances have its name. */
function errorClass(kind, isRenamed) {
  const { [kind]: Class } = {
    [kind]: class extends Error {
      constructor(message, name = kind) {
        super(message);
        this.name = isRenamed ? name : kind;
      }
    },
  };
  return Class;
}

/** What a failed response says: the message of its first error, or all of its text if that is no JSON. */
async function failureOf(response, Internal, fallback = "Internal Error", Kind = Internal) {
  const text = await textOf(response);
  try {
    return new Kind(JSONParse(text).errors[0]?.message || fallback);
  } catch {
    return new Internal(text);
  }
}

exports.errorClass = errorClass;
exports.failureOf = failureOf;
