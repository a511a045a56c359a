/* Spans of the running event. The one that code runs in goes along with it as async context does. */
"use strict";
const { ArrayPrototypeJoin, PromisePrototypeThen } = primordials;
const context = require("async_context");
const { kind, Kind } = require("console/introspect");

const SPAN = { __proto__: null };

/** The span that code runs in; undefined stands for the event's own. */
const current = () => context.valueOf(SPAN, undefined);

/** Runs a function in a span. */
const within = (span, call) => context.runIn(context.withValue(context.current(), SPAN, span), call, undefined, []);

const open = (name) => ops.openSpan(current(), name);
const close = (span) => ops.closeSpan(span);

function set(span, attributes) {
  for (let i = 0; i < attributes.length; i += 2) {
    if (attributes[i + 1] !== undefined) ops.setAttribute(span, attributes[i], attributes[i + 1]);
  }
}

exports.current = current;
exports.within = within;
exports.open = open;
exports.openBelow = (parent, name) => ops.openSpan(parent, name);
exports.set = set;
exports.close = close;
exports.isOpen = (span) => ops.isOpen(span);

/**
 * Runs `call` in a span below `parent`, or below the one that code runs in: it lasts as long as the call, or as the promise
 * that the call returns.
 */
exports.measure = (name, attributes, call) => {
  const span = open(name);
  if (span === undefined) return call(undefined);
  set(span, attributes);
  return last(span, () => within(span, () => call(span)));
};

/** Closes a span when a call has ended. */
function last(span, call) {
  let result;
  try {
    result = call();
  } catch (error) {
    close(span);
    throw error;
  }
  if (kind(result) !== Kind.Promise) {
    close(span);
    return result;
  }
  return PromisePrototypeThen(
    result,
    (value) => {
      close(span);
      return value;
    },
    (error) => {
      close(span);
      throw error;
    },
  );
}
exports.last = last;

/** Serves an RPC event's call: `call(done)` runs it, and calls `done` once it has been answered. */
exports.serve = (path, isCall, call) => {
  const method = ArrayPrototypeJoin(path, ".");
  const span = ops.openSpan(undefined, "jsRpcCall");
  ops.rpcMethod(method);
  if (span === undefined) return call(undefined);
  set(span, [
    "jsrpc.method", method, "jsrpc.target_kind", "entrypoint", "jsrpc.operation", isCall ? "call" : "getProperty",
    "jsrpc.caller_span_id", ops.caller(),
  ]);
  return within(span, () => call(() => close(span)));
};
