/*
 * `performance` (High Resolution Time). Time counts from the Unix epoch, as `Date.now()` does.
 */

const { DateNow } = primordials;
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const flags = require("flags");

const kCreate = { __proto__: null };
let checkPerformance;

class Performance {
  #brand;
  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
  }

  static {
    checkPerformance = (value) => {
      if (value === null || typeof value !== "object" || !(#brand in value)) throw illegalInvocation();
    };
  }

  get timeOrigin() {
    checkPerformance(this);
    return 0;
  }
  now() {
    checkPerformance(this);
    // Time does not pass at global scope.
    if (!ops.inEvent()) return 0;
    return flags.preciseTimers ? ops.preciseNow() : DateNow();
  }
}

defineInterface(Performance);
const performance = new Performance(kCreate);

exports.Performance = Performance;
exports.checkPerformance = checkPerformance;
exports.performance = performance;
exports.globals = { performance };
exports.install = function (global, flags, scope) {
  if (flags.enableGlobalPerformanceClasses || flags.enableNodeJsPerfHooksModule)
    require("performance/timeline").install(global, flags, scope);
};
