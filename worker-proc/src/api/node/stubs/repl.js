/*
 * node:repl: a worker has no terminal; everything that would open one throws.
 */

const { ArrayPrototypeFilter, ObjectAssign, ObjectDefineProperty, Symbol, SyntaxError } = primordials;
const { ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { promises } = require("node:readline");
const { builtinModules } = require("node/module/builtin_modules");

const writer = ObjectAssign(unsupported("writer"), {
  options: {
    showHidden: false,
    depth: 2,
    colors: true,
    customInspect: true,
    showProxy: true,
    maxArrayLength: 100,
    maxStringLength: 10000,
    breakLength: 80,
    compact: 3,
    sorted: false,
    getters: false,
    numericSeparator: false,
  },
});

class Recoverable extends SyntaxError {
  constructor(error) {
    super();
    this.err = error;
  }
}

class REPLServer extends promises.Interface {
  constructor() {
    super();
    throw new ERR_METHOD_NOT_IMPLEMENTED("REPLServer");
  }
}
for (let i = 0, names = ["setupHistory", "defineCommand", "displayPrompt", "clearBufferedCommand"]; i < names.length; i++) {
  const name = names[i];
  ObjectDefineProperty(REPLServer.prototype, name, { value: unsupported(name), writable: true, configurable: true });
}

setLengths(REPLServer.prototype, "defineCommand/2 displayPrompt/1 setupHistory/2");

const publicModules = ArrayPrototypeFilter(builtinModules, (name) => name[0] !== "_");
const repl = {
  writer,
  start: unsupported("start"),
  Recoverable,
  REPLServer,
  builtinModules: publicModules,
  _builtinLibs: publicModules,
  REPL_MODE_SLOPPY: Symbol("repl-sloppy"),
  REPL_MODE_STRICT: Symbol("repl-strict"),
};

ObjectAssign(exports, repl, { default: repl });
