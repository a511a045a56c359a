/* The globals of `nodejs_compat_v2`. Evaluated into the snapshot; what they are is made when one is first read. */

const { ObjectDefineProperty } = primordials;
const { setProcess } = require("node/common/process");

setProcess(() => require("node:process").default);

/** Of the global object, and of its prototype. */
const OWN = ["Buffer", "process"];
const METHODS = ["setImmediate", "clearImmediate"];
const TIMERS = ["setTimeout", "setInterval", "clearTimeout", "clearInterval"];

exports.install = function (global, flags, scope, defineLazy) {
  if (!flags.nodeJsCompatV2) return;
  ObjectDefineProperty(global, "global", {
    __proto__: null,
    value: global,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  const define = (holder, names) => {
    for (let i = 0; i < names.length; i++) defineLazy(holder, names[i], "node/globals");
  };
  define(global, OWN);
  define(scope, METHODS);
  if (flags.enableNodejsGlobalTimers) define(global, TIMERS);
};
