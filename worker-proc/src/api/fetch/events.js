/* How long an event lives, and how it ends: ops for the modules that handle events. */
"use strict";
const { isDOMException } = require("dom_exception");

exports.retain = () => ops.retain();
exports.release = () => ops.release();
exports.done = () => ops.done();
exports.respond = (status, statusText, headers, body) => ops.respond(status, statusText, headers, body);

/** An exception as name, message and stack. Hostile error objects cannot throw here. `DOMException X` names a DOMException. */
function describeError(error) {
  let name = "Error";
  let message;
  let stack;
  try {
    if (typeof error === "object" && error !== null) {
      const given = `${error.name ?? "Error"}`;
      name = isDOMException(error) ? `DOMException ${given}` : given;
      message = `${error.message ?? error}`;
      stack = error.stack === undefined ? `${given}: ${message}` : `${error.stack}`;
    } else {
      message = stack = typeof error === "symbol" ? error.description ?? "" : `${error}`;
    }
  } catch {
    message ??= "The thrown value could not be read.";
    stack ??= message;
  }
  return { name, message, stack };
}
exports.describeError = describeError;

/** The event ends with an exception. */
exports.fail = (error) => {
  const { name, message, stack } = describeError(error);
  ops.fail(name, message, stack, error);
};
