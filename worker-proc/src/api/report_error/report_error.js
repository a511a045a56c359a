/*
 * reportError (HTML section 8.1.4.6): an `error` event on the global scope, and a line on standard error unless a
 * listener prevents it. Timers, microtasks and Rust report here what nobody caught.
 */

const { globalThis } = primordials;
const { argumentError, isObject } = require("webidl");
const { dispatch, trust } = require("events");
const { ErrorEvent } = require("events/kinds");

/** Tells the global scope's listeners of an error, then the log. Never throws. */
function reportUncaught(error) {
  try {
    const [message, filename, lineno, colno] = ops.locate(error);
    const init = { __proto__: null, message, filename, lineno, colno, error };
    if (dispatch(globalThis, trust(new ErrorEvent("error", init)))) ops.log(describe(error, message));
  } catch {
    ops.log("an error whose report failed");
  }
}

/** The error's stack where it has one. */
function describe(error, message) {
  const stack = isObject(error) ? error.stack : undefined;
  return typeof stack === "string" ? stack : message;
}

const { reportError } = {
  reportError(error) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "reportError", 1, "Value");
    reportUncaught(error);
  },
};

exports.reportError = reportError;
exports.reportUncaught = reportUncaught;
exports.globals = { reportError };
