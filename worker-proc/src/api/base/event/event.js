/* How long an event lives, and how it ends: for the modules that handle events. */
const { isDOMException } = require("dom_exception");
const trace = require("trace");

exports.retain = () => ops.retain();
exports.release = () => ops.release();
/** The running event's number, 0 at global scope. */
exports.contextId = () => ops.contextId();
exports.done = (event) => ops.done(event);
/** The number of the event that begins in this turn. */
exports.eventNumber = () => ops.eventNumber();
/** Calls back if nobody waits for the event's answer any more. */
exports.onClientGone = (event, callback) => ops.onClientGone(event, callback);

/** An exception as name and message. Hostile error objects cannot throw here. `DOMException X` names a DOMException. */
function describeError(error) {
  let name = "Error";
  let message;
  try {
    if (typeof error === "object" && error !== null) {
      const given = `${error.name ?? "Error"}`;
      name = isDOMException(error) ? `DOMException ${given}` : given;
      message = `${error.message ?? error}`;
    } else {
      message = typeof error === "symbol" ? (error.description ?? "") : `${error}`;
    }
  } catch {
    message ??= "The thrown value could not be read.";
  }
  return { name, message };
}
exports.describeError = describeError;
/** Whether an error tells of a lost connection. */
exports.isDisconnection = (error) => ops.isDisconnection(error);

/** The event ends with an exception. */
exports.fail = (event, error) => {
  const { name, message } = describeError(error);
  ops.fail(event, name, message, error);
};

/** The event ends at once, and all that belongs to it. */
exports.abort = (reason) => {
  trace.exception(reason);
  const { name, message } = describeError(reason);
  ops.abort(name, message);
};
