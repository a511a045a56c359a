/* How long an event lives, and how it ends: ops for the modules that handle events. */
"use strict";
exports.retain = () => ops.retain();
exports.release = () => ops.release();
exports.done = () => ops.done();
exports.respond = (status, statusText, headers, body) => ops.respond(status, statusText, headers, body);

/** The event ends with an exception. Hostile error objects cannot stop it. */
exports.fail = (error) => {
  let name = "Error";
  let message;
  let stack;
  try {
    if (typeof error === "object" && error !== null) {
      name = `${error.name ?? "Error"}`;
      message = `${error.message ?? error}`;
      stack = error.stack === undefined ? `${name}: ${message}` : `${error.stack}`;
    } else {
      message = stack = typeof error === "symbol" ? error.description ?? "" : `${error}`;
    }
  } catch {
    message ??= "The thrown value could not be read.";
    stack ??= message;
  }
  ops.fail(name, message, stack);
};
