/*
 * reportError (HTML section 8.1.4.6): an `error` event on the global scope, and a line on standard error unless a
 * listener prevents it. Timers, microtasks and events report here what nobody caught.
 */

const { StringPrototypeSlice, StringPrototypeStartsWith, globalThis } = primordials;
const { argumentError, isObject } = require("webidl");
const { dispatch, trust } = require("events");
const { ErrorEvent } = require("events/kinds");
const trace = require("trace");

const { MESSAGE, FILE, LINE, COLUMN } = ops.Located;

/** What V8 says of a value, without "Uncaught ". */
const textOf = (error) => {
  const { [MESSAGE]: message } = ops.locate(error);
  return StringPrototypeStartsWith(message, UNCAUGHT) ? StringPrototypeSlice(message, UNCAUGHT.length) : message;
};
const UNCAUGHT = "Uncaught ";

/** Tells the global scope's listeners of an error, then the log. Never throws. */
function reportUncaught(error) {
  try {
    const { [MESSAGE]: message, [FILE]: filename, [LINE]: lineno, [COLUMN]: colno } = ops.locate(error);
    const init = { __proto__: null, message, filename, lineno, colno, error };
    if (!dispatch(globalThis, trust(new ErrorEvent("error", init)))) return;
    const text = stackOf(error) ?? textOf(error);
    trace.reported(text);
    ops.inspect(error, SYNC);
    ops.log(`desc = ${text}`, false);
  } catch {
    ops.log("desc = an error whose report failed", false);
  }
}

/**
 * Tells the log and tail workers of an error that ends an event or a part of it. `callerIsTold` tells that it is also what
 * the event's caller gets. Never throws.
 */
function logUncaught(source, error, callerIsTold = false) {
  trace.exception(error);
  logOnly(source, error, callerIsTold);
}

/** The same for the log alone; `source` is how V8 calls its way here. */
function logOnly(source, error, callerIsTold = false) {
  let text;
  ops.inspect(error, source);
  try {
    const stack = stackOf(error);
    text = stack === undefined ? `exception = ${textOf(error)}` : `stack = ${stack}`;
  } catch {
    text = "exception = an error that cannot be read";
  }
  ops.log(`source = ${source}; ${text}`, callerIsTold);
}

/** Where an error was thrown: by code that Rust called, or by a promise's. */
const SYNC = "Uncaught";
const ASYNC = "Uncaught (in promise)";

/** A timer's callback threw: the event goes on without it. */
const reportTimer = (error) => logUncaught(SYNC, error);

/** The error's stack where it has one. */
function stackOf(error) {
  const stack = isObject(error) ? error.stack : undefined;
  return typeof stack === "string" ? stack : undefined;
}

const { reportError } = {
  reportError(error) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "reportError", 1, "Value");
    reportUncaught(error);
  },
};

exports.ASYNC = ASYNC;
exports.SYNC = SYNC;
exports.logOnly = logOnly;
exports.logUncaught = logUncaught;
/** "Uncaught " and the exception as text, as V8 words it. */
exports.messageOf = (error) => ops.locate(error)[MESSAGE];
exports.reportError = reportError;
exports.reportTimer = reportTimer;
exports.reportUncaught = reportUncaught;
exports.globals = { reportError };
