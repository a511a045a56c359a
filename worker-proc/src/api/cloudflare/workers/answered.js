/* Events whose sender is told what became of them: `queue` and `scheduled`. Called by `workers` and `actors` for RPC sessions
   that begin with one; see `Operation::Event` in service/rpc.rs. */
const { Error, PromisePrototypeThen, PromiseResolve } = primordials;
const { Reader, Writer, read, write } = require("rpc/externals");
const { trust } = require("events");
const { ASYNC, SYNC, logUncaught } = require("report_error");
const { done, fail } = require("event");
const { background } = require("workers/entrypoints");
const serving = require("rpc/serve");

/** What each event is, by its name. Compiled for workers that are given one. */
const kinds = {
  __proto__: null,
  queue: () => require("queue"),
  scheduled: () => require("scheduled"),
};

/**
 * Delivers an event, given as an array of its description. `receiver` has a `handler`, a function of the controller, undefined
 * if there is none; `isScript` tells that it wants an event of the DOM's kind and works in its `waitUntil`; `isAlone` that
 * nothing else runs in the event's context.
 */
function deliver(event, name, bytes, externals, reply, { handler, isScript, isAlone }) {
  const { kind } = kinds[name]();
  const state = kind.state();
  const end = (failure, missing = false) => {
    const writer = new Writer(true, true);
    write(kind.result(failure === undefined ? "ok" : "exception", state, missing), writer);
    serving.replyWith(reply, writer.externals);
    if (failure === undefined) done(event);
    else fail(event, failure.error);
  };
  const failed = (source, missing) => (error) => {
    logUncaught(source, error);
    end({ error }, missing);
  };
  if (handler === undefined) {
    failed(SYNC, true)(new Error(isScript ? kind.noListener : kind.noHandler));
    return;
  }
  try {
    const { 0: description } = read(bytes, new Reader(externals));
    const first = isScript ? trust(kind.event(state, description)) : kind.controller(state, description);
    if (isScript || (isAlone && kind.waits())) background(() => handler(first), end);
    else PromisePrototypeThen(PromiseResolve(handler(first)), () => end(undefined), failed(ASYNC, false));
  } catch (error) {
    failed(SYNC, false)(error);
  }
}

exports.deliver = deliver;
exports.isKind = (name) => kinds[name] !== undefined;
/** What is said of a handler, or of a kind of event, that there is not. */
exports.NO_EVENTS = "The receiver takes no such events.";
exports.noHandler = (name) => `Handler does not export a ${name}() function.`;
