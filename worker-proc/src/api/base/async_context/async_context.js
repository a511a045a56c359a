/*
 * Async context: values that follow a computation through promises, timers and event listeners.
 * A frame is an immutable list `[key, value, key, value, ...]`; the current one is V8's
 * continuation-preserved data, so promise reactions see the frame they were made in. Timers,
 * EventTarget and other callers of stored callbacks keep it with `capture` or `wrap`.
 */

const { ArrayPrototypePush, Error, ReflectApply } = primordials;
const flags = require("flags");

/** The current frame, undefined for the empty one. */
const current = () => ops.get();
exports.current = current;

/** Runs `fn` with `frame` as the current one. */
function runIn(frame, fn, receiver, args) {
  const previous = ops.get();
  if (previous === frame) return ReflectApply(fn, receiver, args);
  ops.set(frame);
  try {
    return ReflectApply(fn, receiver, args);
  } finally {
    ops.set(previous);
  }
}
exports.runIn = runIn;

/** The frame with one more value, or with another value for a key it holds. */
function withValue(frame, key, value) {
  const next = [];
  if (frame !== undefined) {
    for (let i = 0; i < frame.length; i += 2) {
      if (frame[i] !== key) ArrayPrototypePush(next, frame[i], frame[i + 1]);
    }
  }
  ArrayPrototypePush(next, key, value);
  return next;
}
exports.withValue = withValue;

/** The value of a key in the current frame, `fallback` if it has none. */
exports.valueOf = function (key, fallback) {
  const frame = ops.get();
  if (frame !== undefined) {
    for (let i = 0; i < frame.length; i += 2) if (frame[i] === key) return frame[i + 1];
  }
  return fallback;
};

/** A function that runs `fn` in the frame that is current now, with the same receiver. */
exports.wrap = function (fn) {
  const frame = ops.get();
  return function (...args) {
    return runIn(frame, fn, this, args);
  };
};

/**
 * A check that throws outside the request it was made in: the frame may hold that request's
 * objects. Without a request, or where the compat flag is off, it allows everything.
 */
exports.requestCheck = function () {
  const id = flags.bindAsyncLocalStorageSnapshot ? ops.contextId() : 0;
  return () => {
    if (id !== 0 && ops.contextId() !== id) {
      throw new Error("Cannot call this AsyncLocalStorage bound function outside of the request in which it was created.");
    }
  };
};

/** A number for the running request, 0 where there is none. */
exports.contextId = () => ops.contextId();
