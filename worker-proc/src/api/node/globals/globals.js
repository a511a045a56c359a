/* The globals of Node, by name; each is made when it is first asked for. See node/globals/install. */
const { ReflectApply } = primordials;

/** The same as methods of the global scope, which tell of no parameters. */
const immediates = {
  setImmediate(...args) {
    return ReflectApply(require("node:timers").setImmediate, undefined, args);
  },
  clearImmediate(...args) {
    return ReflectApply(require("node:timers").clearImmediate, undefined, args);
  },
};

exports.globals = {
  __proto__: null,
  get Buffer() {
    return require("node:buffer").Buffer;
  },
  get process() {
    return require("node:process").default;
  },
  get setImmediate() {
    return immediates.setImmediate;
  },
  get clearImmediate() {
    return immediates.clearImmediate;
  },
  get setTimeout() {
    return require("node:timers").setTimeout;
  },
  get setInterval() {
    return require("node:timers").setInterval;
  },
  get clearTimeout() {
    return require("node:timers").clearTimeout;
  },
  get clearInterval() {
    return require("node:timers").clearInterval;
  },
};
