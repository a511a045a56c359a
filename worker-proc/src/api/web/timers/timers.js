/*
 * setTimeout, setInterval, queueMicrotask (HTML section 8.6). A timer belongs to the request that set it and ends with it; at
 * global scope there is none. The request context calls `fire`. Relies on `async_context` for what callbacks run in, and
 * `report_error`.
 */

const { FunctionPrototypeCall, PromisePrototypeThen, PromiseResolve, ReflectApply, globalThis } = primordials;
const { argumentError } = require("webidl");
const { wrap } = require("async_context");

/** Calls `callback` after `delay` milliseconds; returns the timer's id. */
const startTimer = (callback, delay) => ops.start(callback, delay, false);
const clearTimer = (id) => ops.clear(id);

/** Called by the request context when a timer is due. */
function fire(id) {
  const callback = ops.take(id);
  if (callback !== undefined) callback();
}

function start(method, args, callback, delay, repeats) {
  if (typeof callback !== "function") throw argumentError("ServiceWorkerGlobalScope", method, 1, "function");
  const millis = delay === undefined ? 0 : +delay;
  const wrapped = wrap(callback);
  if (args.length <= 2) return ops.start(() => FunctionPrototypeCall(wrapped, globalThis), millis, repeats);
  const rest = [];
  for (let i = 2; i < args.length; i++) rest[i - 2] = args[i];
  return ops.start(() => ReflectApply(wrapped, globalThis, rest), millis, repeats);
}

function clear(method, count, id) {
  if (count < 1) throw argumentError("ServiceWorkerGlobalScope", method, 1, "Number");
  if (id !== undefined && id !== null) ops.clear(+id >>> 0);
}

const resolved = PromiseResolve(undefined);

const { setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask } = {
  setTimeout(callback, delay) {
    return start("setTimeout", arguments, callback, delay, false);
  },
  setInterval(callback, delay) {
    return start("setInterval", arguments, callback, delay, true);
  },
  clearTimeout(id) {
    clear("clearTimeout", arguments.length, id);
  },
  clearInterval(id) {
    clear("clearInterval", arguments.length, id);
  },
  queueMicrotask(callback) {
    if (typeof callback !== "function") {
      throw argumentError("ServiceWorkerGlobalScope", "queueMicrotask", 1, "function");
    }
    PromisePrototypeThen(resolved, () => {
      try {
        callback();
      } catch (error) {
        require("report_error").reportUncaught(error);
      }
    });
  },
};

exports.clearTimer = clearTimer;
exports.fire = fire;
exports.queueMicrotask = queueMicrotask;
exports.startTimer = startTimer;
exports.globals = { setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask };
