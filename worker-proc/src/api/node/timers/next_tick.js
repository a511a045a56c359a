/*
 * `process.nextTick`: a microtask, in the async context of the call.
 */

const { ReflectApply } = primordials;
const { queueMicrotask } = require("timers");
const { validateFunction } = require("node/common/validators");

exports.nextTick = function nextTick(callback, ...args) {
  validateFunction(callback, "callback");
  queueMicrotask(args.length === 0 ? () => callback() : () => ReflectApply(callback, undefined, args));
};
