/*
 * node:domain: domains that run functions and catch nothing.
 */

const { ObjectAssign, ReflectApply } = primordials;
const EventEmitter = require("node:events").default;
const { inert, setLengths } = require("node/common/unsupported");

class Domain extends EventEmitter {
  members = undefined;

  _errorHandler(error) {
    throw error;
  }

  run(fn, ...args) {
    this.enter();
    const result = ReflectApply(fn, this, args);
    this.exit();
    return result;
  }

  intercept(callback) {
    return callback;
  }

  bind(callback) {
    return callback;
  }
}
inert(Domain.prototype, ["enter", "exit", "add", "remove"]);
setLengths(Domain.prototype, "add/1 remove/1");

const createDomain = () => new Domain();
const domain = { Domain, active: null, createDomain, create: createDomain() };

ObjectAssign(exports, domain, { default: domain });
